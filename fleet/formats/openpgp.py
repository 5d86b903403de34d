"""Fingerprints of the public keys in a file, without gpg: a bare host has none, and a laptop need not have one either.

Only what RFC 4880 asks for: the ASCII armor (§6.2), packet headers (§4.2), and the fingerprint of a version 4 key,
SHA-1 over 0x99, two octets of length, and the packet's body (§12.2).

What apt's own readers could understand differently is refused, not skipped: a file in which we see one key and apt two
would get past the pinned fingerprint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

_PUBLIC_KEY = 6
_PARTS_OF_A_KEY = frozenset({2, _PUBLIC_KEY, 10, 12, 13, 14, 17})
"""Signature, public key, marker, trust, user ID, public subkey, user attribute (RFC 4880 §4.3)."""
_PARTIAL = range(224, 255)
_LONGEST_KEY = 0xFFFF
_DASHES = b"-----"
_BLOCK = re.compile(
    rb"^-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\n"
    rb"(?:[A-Za-z][A-Za-z-]*:[^\n]*\n)*[ \t]*\n"
    rb"(?P<encoded>(?:[A-Za-z0-9+/]+={0,2}[ \t]*\n)+)"
    rb"(?:=[A-Za-z0-9+/]{4}[ \t]*\n)?"
    rb"-----END PGP PUBLIC KEY BLOCK-----[ \t]*$",
    re.MULTILINE,
)


@lru_cache(maxsize=256)
def primary_fingerprints(data: bytes) -> tuple[str, ...]:
    """The fingerprint of every primary key, in upper-case hex; subkeys don't count.

    Raises ValueError with a few words when the data is anything but OpenPGP public keys.
    """
    packets = list(_packets(_dearmored(data)))
    found = tuple(_fingerprint(body) for tag, body in packets if tag == _PUBLIC_KEY)
    if not found:
        raise ValueError("no OpenPGP public key in it")
    return found


def is_armored(data: bytes) -> bool:
    """Is it the ASCII form, which apt takes from files that end in .asc?"""
    return _BLOCK.search(_unix(data)) is not None


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def _dearmored(data: bytes) -> bytes:
    if _DASHES + b"BEGIN" not in data:
        return data
    text = _unix(data)
    if _DASHES in _BLOCK.sub(b"", text):
        raise ValueError("broken ASCII armor, or something else than public keys beside them")
    return b"".join(_decoded(match["encoded"]) for match in _BLOCK.finditer(text))


def _decoded(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(encoded.split()), validate=True)
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
        if tag not in _PARTS_OF_A_KEY:
            raise ValueError(f"an OpenPGP packet of kind {tag}, which is no part of a public key")
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
    if len(body) > _LONGEST_KEY:
        raise ValueError("a key that is too long to have a fingerprint")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2) + body, usedforsecurity=False).hexdigest().upper()
