"""Private keys and the agent: each key file is read once, and the agent is asked only when a login needs it."""

from __future__ import annotations

import base64
import binascii
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from paramiko import AgentKey, PasswordRequiredException, PKey, SSHException
from paramiko.agent import AgentSSH
from paramiko.pkey import UnknownKeyType

from fleet.errors import AuthenticationError
from fleet.shell import Secret

_MAGIC = b"openssh-key-v1\0"
_AGENT_TIMEOUT = 10.0


class LockedKeyError(AuthenticationError):
    """A key file that is encrypted, and no passphrase was given: the agent may have it."""


class Agent(AgentSSH):
    """The SSH agent behind a socket; empty when there is none. One per login: its answers are not to be mixed up."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._keys: tuple[AgentKey, ...] = ()
        if path and hasattr(socket, "AF_UNIX"):
            with suppress(OSError, SSHException):
                self._connect_to(path)

    def _connect_to(self, path: str) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(_AGENT_TIMEOUT)
        sock.connect(path)
        self._connect(sock)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Leave the agent."""
        self._close()  # type: ignore[attr-defined]

    def find(self, public: bytes | None) -> AgentKey | None:
        """The agent's key with that public part."""
        return next((k for k in self.get_keys() if public is not None and k.asbytes() == public), None)


def load_key(path: str, passphrase: Secret | None) -> PKey:
    """A private key, with the certificate beside it (`KEY-cert.pub`) if there is one.

    Raises LockedKeyError if it wants a passphrase, and AuthenticationError for all else that is wrong with it.
    """
    full = os.path.expanduser(path)
    try:
        return _load(full, os.stat(full).st_mtime_ns, passphrase)
    except FileNotFoundError as error:
        raise AuthenticationError(f"The key {path} does not exist.", f"Make it: ssh-keygen -t ed25519 -f {path}") from error
    except OSError as error:
        raise AuthenticationError(f"The key {path} can't be read: {error.strerror}.", "See who owns it: ls -l " + path) from error


@lru_cache(maxsize=64)
def _load(path: str, mtime_ns: int, passphrase: Secret | None) -> PKey:
    word = passphrase.reveal() if passphrase else None
    text = Path(path).read_bytes()
    try:
        key = _read(text, path, word)
    except PasswordRequiredException as error:
        raise LockedKeyError(
            f"The key {path} is encrypted.", f"Put it into the agent (ssh-add {path}) or set FLEET_PASSPHRASE."
        ) from error
    except (SSHException, UnknownKeyType, ValueError, TypeError, IndexError) as error:
        raise AuthenticationError(f"The key {path} can't be used: {_reason(text, error)}", _hint(text, path)) from error
    certificate = path + "-cert.pub"
    if os.path.exists(certificate):
        key.load_certificate(certificate)
    return key


def _read(text: bytes, path: str, word: str | None) -> PKey:
    from paramiko import ECDSAKey, Ed25519Key, RSAKey

    kind = _type_of(text)
    if not kind:  # the old PEM format names its type in the first line
        kind = "ssh-rsa" if b"BEGIN RSA" in text else "ecdsa"
    classes: dict[str, type[PKey]] = {"ssh-rsa": RSAKey, "ssh-ed25519": Ed25519Key}
    return classes.get(kind, ECDSAKey).from_private_key_file(path, word)


def public_part(path: str) -> bytes | None:
    """The public part of a key file: from the `.pub` beside it, or the file itself, which holds it even if encrypted."""
    full = Path(path).expanduser()
    with suppress(OSError, IndexError, binascii.Error):
        return base64.b64decode(Path(f"{full}.pub").read_text().split()[1])
    with suppress(OSError):
        return _public_of(full.read_bytes())
    return None


def _public_of(text: bytes) -> bytes | None:
    head = _head(text)
    return head[1] if head else None


def _head(text: bytes) -> tuple[bytes, bytes] | None:
    """Cipher and public key in the head of a file of OpenSSH's own format (openssh-portable, PROTOCOL.key)."""
    lines = text.split(b"\n")
    if not lines[0].startswith(b"-----BEGIN OPENSSH"):
        return None
    with suppress(binascii.Error, struct.error):
        blob = base64.b64decode(b"".join(line for line in lines if not line.startswith(b"-----")))
        if blob.startswith(_MAGIC):
            cipher, _, _, public = _strings(blob[len(_MAGIC) :], 3, skip=4)
            return cipher, public
    return None


def _strings(blob: bytes, count: int, skip: int) -> Iterator[bytes]:
    """``count`` length-prefixed strings, then, ``skip`` bytes later, one more."""
    at = 0
    for number in range(count + 1):
        at += skip if number == count else 0
        (length,) = struct.unpack_from(">I", blob, at)
        yield blob[at + 4 : at + 4 + length]
        at += 4 + length


def _type_of(text: bytes) -> str:
    public = _public_of(text)
    if not public:
        return ""
    (length,) = struct.unpack_from(">I", public)
    return public[4 : 4 + length].decode("ascii", "replace")


def _reason(text: bytes, error: Exception) -> str:
    if text.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        return "it is a public key."
    if text.startswith(b"PuTTY-"):
        return "it is in PuTTY's format."
    if _type_of(text).startswith("sk-"):
        return "it is on a security token."
    head = _head(text)
    if b"ENCRYPTED" in text or (head and head[0] != b"none"):
        return "its passphrase is wrong."
    return f"{error}".rstrip(".") + "."


def _hint(text: bytes, path: str) -> str:
    if text.startswith(b"PuTTY-"):
        return f"Convert it: puttygen {path} -O private-openssh -o {path}.openssh"
    if _type_of(text).startswith("sk-"):
        return f"Put it into the agent: ssh-add {path}"
    return f"Try it: ssh-keygen -y -f {path}"
