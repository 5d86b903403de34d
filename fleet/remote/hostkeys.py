"""Known hosts: whose key is on record, and recording a new one.

The format is that of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT": hashed names, `[host]:port`, wildcards, negation, @revoked
and @cert-authority. A line that can't be read is skipped, as OpenSSH does; it must not void the rest of the file.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from paramiko import PKey

from fleet.errors import HostKeyError

log = logging.getLogger("fleet.ssh")

ALGORITHMS = {
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
}
"""The type of a key on record, and the signature algorithms by which such a key is asked for (RFC 8332 for RSA)."""

_NOT_PLAIN = frozenset("*?!")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a known_hosts file."""

    names: str
    type: str
    key: str
    marker: str
    path: Path
    line: int

    @property
    def place(self) -> str:
        """Where it stands, as file:line."""
        return f"{self.path}:{self.line}"

    def matches(self, name: str) -> bool:
        """Whether it speaks of that host. ``name`` is in lower case, and `[name]:port` unless the port is 22."""
        if self.names.startswith("|1|"):
            return _hash_matches(self.names, name)
        patterns = self.names.lower().split(",")
        if any(p.startswith("!") and _pattern_matches(p[1:], name) for p in patterns):
            return False
        return any(_pattern_matches(p, name) for p in patterns)


@dataclass(frozen=True, slots=True)
class Seen:
    """A key that a host showed, or one on record, in the spelling of known_hosts."""

    type: str
    key: str

    @classmethod
    def of(cls, key: PKey) -> Seen:
        """From paramiko's object."""
        return cls(key.get_name(), key.get_base64())

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        return fingerprint(self.key)


def fingerprint(key: str) -> str:
    """SHA256 fingerprint of a key in base64."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def host_name(name: str, port: int) -> str:
    """A host as known_hosts spells it."""
    return name.lower() if port == 22 else f"[{name.lower()}]:{port}"


def lookup(name: str, files: Iterable[Path]) -> tuple[Entry, ...]:
    """All lines that speak of a host, of the types that can be checked; certificate authorities are passed over."""
    found = (entry for path in files for entry in _book(path).find(name))
    return tuple(_checkable(found, name))


def record(name: str, seen: Seen, path: Path) -> None:
    """Add a host's key to the fleet's own file; processes and threads may do so at the same time.

    Raises HostKeyError if another one has meanwhile recorded a different key for that host.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise HostKeyError(
            f"The key of {name} can't be recorded in {path}: {error.strerror}.",
            "Make that folder writable, or set XDG_STATE_HOME to one that is.",
        ) from error
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        known = [e for e in _parse(text, path) if e.type == seen.type and e.matches(name)]
        if any(e.key != seen.key for e in known):
            raise HostKeyError(f"{name} showed two different keys at the same time.", "See who answers at that address.")
        if not known:
            file.write((b"" if text.endswith(b"\n") or not text else b"\n") + f"{name} {seen.type} {seen.key}\n".encode())


def _checkable(entries: Iterable[Entry], name: str) -> Iterator[Entry]:
    for entry in entries:
        if entry.marker == "@cert-authority":
            log.debug("%s: certificate authorities are not supported, passed over for %s", entry.place, name)
        elif entry.type not in ALGORITHMS:
            log.debug("%s: keys of type %s are not supported, passed over for %s", entry.place, entry.type, name)
        else:
            yield entry


class _Book:
    """One file: a dictionary by name, and the lines that have to be tried one by one (hashes and patterns)."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._by_name: dict[str, list[Entry]] = {}
        self._others: list[Entry] = []
        for entry in entries:
            if entry.names.startswith("|1|") or not _NOT_PLAIN.isdisjoint(entry.names):
                self._others.append(entry)
                continue
            for name in set(entry.names.lower().split(",")):
                self._by_name.setdefault(name, []).append(entry)

    def find(self, name: str) -> list[Entry]:
        """The lines that speak of a host, from the top of the file."""
        found = [*self._by_name.get(name, ()), *(entry for entry in self._others if entry.matches(name))]
        return sorted(found, key=lambda entry: entry.line)


_EMPTY = _Book()


def _book(path: Path) -> _Book:
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        return _EMPTY
    except OSError as error:
        log.debug("%s can't be read: %s", path, error)
        return _EMPTY


@lru_cache(maxsize=64)
def _read(path: Path, mtime_ns: int, size: int) -> _Book:
    """Parsed once for as long as the file stays as it is; the two numbers are the proof of that."""
    return _Book(_parse(path.read_bytes(), path)) if path.is_file() else _EMPTY


def _parse(text: bytes, path: Path) -> Iterator[Entry]:
    for number, raw in enumerate(text.decode("utf-8", "replace").split("\n"), 1):
        fields = raw.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if len(fields) < 3 or not _is_base64(fields[2]):
            log.debug("%s:%d is no line of a known_hosts file, skipped", path, number)
            continue
        yield Entry(fields[0], fields[1], fields[2], marker, path, number)


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


@lru_cache(maxsize=4096)
def _hash_parts(names: str) -> tuple[bytes, bytes] | None:
    try:
        _, _, salt, digest = names.split("|")
        return base64.b64decode(salt), base64.b64decode(digest)
    except (binascii.Error, ValueError):
        return None


def _hash_matches(names: str, name: str) -> bool:
    parts = _hash_parts(names)
    return parts is not None and hmac.compare_digest(hmac.digest(parts[0], name.encode(), "sha1"), parts[1])


def _pattern_matches(pattern: str, name: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern == name
    return fnmatchcase(name, pattern.replace("[", "[[]"))
