"""The order of Debian versions, as deb-version(7) gives it; checked against `dpkg --compare-versions` in the tests.

Own code since it is one page, and the library that has it (python-debian) brings a parser for everything else of Debian.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cmp_to_key
from itertools import zip_longest

_PAIR = re.compile(r"([^0-9]*)([0-9]*)")


def newest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """Every version once, the highest first; equal ones (1.0 and 1.0-0) in the order in which they came."""
    return tuple(sorted(dict.fromkeys(versions), key=cmp_to_key(compare), reverse=True))


def compare(a: str, b: str) -> int:
    """-1, 0 or 1, as ``a`` is older than, equal to or newer than ``b``."""
    for one, other in zip(_parts(a), _parts(b), strict=True):
        for weight, against in zip_longest(_weights(one), _weights(other), fillvalue=0):
            if weight != against:
                return 1 if weight > against else -1
    return 0


def _parts(version: str) -> tuple[str, str, str]:
    """Epoch, upstream version and revision; the first and the last may be missing and count as 0 then."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return epoch, upstream, revision


def _weights(part: str) -> Iterator[int]:
    """Runs of other characters and numbers by turns, flattened; what is missing at the end counts as 0 everywhere.

    A tilde sorts before even the end, letters before all other characters.
    """
    for text, number in _PAIR.findall(part):
        for character in text:
            yield -1 if character == "~" else ord(character) + (0 if character.isalpha() else 256)
        yield 0
        yield int(number or 0)
