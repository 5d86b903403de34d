"""OpenPGP public keys that are well-formed and no real keys."""

from __future__ import annotations

import base64

BEGIN, END = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", b"-----END PGP PUBLIC KEY BLOCK-----\n"


def public_key(content: bytes) -> bytes:
    """Return a version 4 public key packet, in the old format."""
    body = b"\x04" + content
    return b"\x99" + len(body).to_bytes(2) + body


def armored(data: bytes, *headers: bytes) -> bytes:
    """Return packets in ASCII armor, with header lines."""
    return BEGIN + b"".join(header + b"\n" for header in headers) + b"\n" + base64.encodebytes(data) + END
