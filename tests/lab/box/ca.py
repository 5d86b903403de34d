"""A certificate authority of the lab's own, and one certificate for all names of the box."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.lab.cache import cached

_SYSTEM_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora and its children
)


def authority() -> Path:
    """Return the folder with ca.pem and ca.key, made once on this machine."""
    return cached("ca", "EC P-256, ten years, version 1", _make_authority)


def certificate(names: Iterable[str]) -> Path:
    """Return the folder with server.pem and server.key, valid for all `names`."""
    ca = authority()
    wanted = ",".join(f"DNS:{name}" for name in names)
    return cached("certificate", f"{ca.name} {wanted} 1", lambda folder: _make_certificate(folder, ca, wanted))


def bundle() -> str:
    """Return what a client should trust: this machine's own authorities and the lab's."""
    system = [path.read_text() for path in _SYSTEM_BUNDLES if path.exists()][:1]
    return "\n".join([*system, (authority() / "ca.pem").read_text()])


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def _make_authority(folder: Path) -> None:
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"),
        *("-subj", "/O=fleet lab/CN=fleet lab root", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", folder / "ca.key", "-out", folder / "ca.pem"),
    )
    (folder / "ca.key").chmod(0o600)


def _make_certificate(folder: Path, ca: Path, names: str) -> None:
    extensions = folder / "extensions"
    extensions.write_text(
        f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    _openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/O=fleet lab/CN=the Internet in a box"),
        *("-keyout", folder / "server.key", "-out", folder / "request"),
    )
    _openssl(
        *("x509", "-req", "-in", folder / "request", "-days", "3650", "-extfile", extensions),
        *("-CA", ca / "ca.pem", "-CAkey", ca / "ca.key", "-out", folder / "server.pem"),
    )
    (folder / "server.key").chmod(0o600)
