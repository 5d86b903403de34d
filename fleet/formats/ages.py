"""Ages as people write them: 24h, 30d."""

from __future__ import annotations

import re

_AGE = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[hd])")
_SECONDS = {"h": 3600, "d": 86400}


class AgeError(ValueError):
    """A text that is no age."""


def seconds(text: str) -> int:
    """Of an age; raises AgeError."""
    age = _AGE.fullmatch(text)
    if not age:
        raise AgeError(f"{text!r} is no age")
    return int(age["number"]) * _SECONDS[age["unit"]]
