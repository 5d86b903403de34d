"""Fingerprints of the public keys in a file, without gpg: a bare host has none, and a laptop need not have one either.

Only what RFC 4880 asks for: the ASCII armor (§6.2), packet headers (§4.2), and the fingerprint of a version 4 key,
SHA-1 over 0x99, two octets of length, and the packet's body (§12.2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from functools import lru_cache

_PUBLIC_KEY = 6
_PARTIAL = range(224, 255)


@lru_cache(maxsize=256)
def primary_fingerprints(data: bytes) -> tuple[str, ...]:
    """The fingerprint of every primary key, in upper-case hex; subkeys don't count.

    Raises ValueError when the data is no OpenPGP key material at all.
    """
    packets = list(_packets(_dearmored(data)))
    found = tuple(_fingerprint(body) for tag, body in packets if tag == _PUBLIC_KEY)
    if not found:
        raise ValueError("no OpenPGP public key in it")
    return found


def _dearmored(data: bytes) -> bytes:
    if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" not in data:
        return data
    blocks = data.split(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")[1:]
    return b"".join(_block(block) for block in blocks)


def _block(block: bytes) -> bytes:
    body = block.partition(b"-----END")[0].replace(b"\r", b"")
    _, _, encoded = body.partition(b"\n\n")
    lines = [line for line in encoded.split(b"\n") if line and not line.startswith(b"=")]
    try:
        return base64.b64decode(b"".join(lines), validate=True)
    except binascii.Error as error:
        raise ValueError(f"broken ASCII armor: {error}") from error


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        head = data[at]
        if not head & 0x80:
            raise ValueError("not an OpenPGP packet")
        tag, start, length = _new_header(data, at) if head & 0x40 else _old_header(data, at)
        if start + length > len(data):
            raise ValueError("a cut-off OpenPGP packet")
        yield tag, data[start : start + length]
        at = start + length


def _old_header(data: bytes, at: int) -> tuple[int, int, int]:
    tag, kind = (data[at] >> 2) & 0xF, data[at] & 3
    if kind == 3:
        raise ValueError("an OpenPGP packet without a length")
    size = 1 << kind
    return tag, at + 1 + size, int.from_bytes(data[at + 1 : at + 1 + size])


def _new_header(data: bytes, at: int) -> tuple[int, int, int]:
    tag, first = data[at] & 0x3F, int.from_bytes(data[at + 1 : at + 2])
    if first in _PARTIAL:
        raise ValueError("an OpenPGP packet in parts, which no key has")
    if first < 192:
        return tag, at + 2, first
    if first < 224:
        return tag, at + 3, ((first - 192) << 8) + int.from_bytes(data[at + 2 : at + 3]) + 192
    return tag, at + 6, int.from_bytes(data[at + 2 : at + 6])


def _fingerprint(body: bytes) -> str:
    if body[:1] != b"\x04":
        raise ValueError("a key of a version other than 4")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2) + body, usedforsecurity=False).hexdigest().upper()
