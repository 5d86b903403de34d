"""The key that signs the box's package repository: an RSA primary and a signing subkey, like Docker's.

Docker's own has the same form: the primary 9DC8…CD88 is what people pin, the subkey D330…FCD8 is what
signs and what apt names in its errors (docs.docker.com/engine/install, "Set up Docker's apt repository").
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.cache import cached

_PARAMETERS = """\
%no-protection
Key-Type: RSA
Key-Length: 4096
Key-Usage: sign cert
Subkey-Type: RSA
Subkey-Length: 4096
Subkey-Usage: sign
Name-Real: Docker Release (CE deb), fleet lab
Name-Email: docker@lab.invalid
Expire-Date: 0
%commit
"""


def folder() -> Path:
    """Return the folder with the public key `gpg`, `fingerprint` and gpg's home; made on first use."""
    return cached("apt-key", _PARAMETERS + "1", _make)


def fingerprint() -> str:
    """Return the primary key's fingerprint, 40 upper-case hex digits."""
    return (folder() / "fingerprint").read_text()


def sign(release: Path) -> None:
    """Write InRelease and Release.gpg beside a Release file."""
    home = folder() / "home"
    _gpg(home, "--clearsign", "--output", str(release.with_name("InRelease")), str(release))
    _gpg(home, "--armor", "--detach-sign", "--output", str(release.with_name("Release.gpg")), str(release))


def stop_agent() -> None:
    """End the agent that gpg started for our home."""
    words = ["gpgconf", "--homedir", str(folder() / "home"), "--kill", "all"]
    subprocess.run(words, check=True, capture_output=True)


def _gpg(home: Path, *words: str, text: str | None = None) -> str:
    argv = ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--yes", "--digest-algo", "SHA512", *words]
    return subprocess.run(argv, input=text, check=True, capture_output=True, text=True).stdout


def _make(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    try:
        _gpg(home, "--generate-key", text=_PARAMETERS)
        (folder / "gpg").write_text(_gpg(home, "--armor", "--export"))
        records = [line.split(":") for line in _gpg(home, "--with-colons", "--list-keys").splitlines()]
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
    (folder / "fingerprint").write_text(next(record[9] for record in records if record[0] == "fpr"))
