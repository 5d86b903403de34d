"""Ansible's ranges of host names: ``web[01:10:3].example`` (docs.ansible.com, "Adding ranges of hosts")."""

from __future__ import annotations

import re
from itertools import islice, product
from string import ascii_letters

from fleet.files.problems import show

MOST = 10_000
"""Hosts of one pattern."""
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_NUMBER = re.compile(r"[0-9]{1,9}")
_STEP = re.compile(r"0*[1-9][0-9]{0,8}|")


def expand(pattern: str) -> list[str]:
    """All names that a pattern stands for, in order; raises ValueError with a sentence."""
    parts = _RANGE.split(pattern)  # text, range, text, range, … text
    if any(bracket in text for text in parts[::2] for bracket in "[]"):
        raise ValueError(f"a bracket of {show(pattern)} has no partner")
    choices = [_values(part) if index % 2 else [part] for index, part in enumerate(parts)]
    names = list(islice(map("".join, product(*choices)), MOST + 1))
    if len(names) > MOST:
        raise ValueError(f"{show(pattern)} stands for more than {MOST} hosts")
    return names


def _values(text: str) -> list[str]:
    begin, colon, rest = text.partition(":")
    end, _, step = rest.partition(":")
    begin = begin or "0"
    if not colon or not end or not _STEP.fullmatch(step):
        raise ValueError(f"the range {show(text)} is not [begin:end] or [begin:end:step]")
    return _between(text, begin, end, int(step or 1))


def _between(text: str, begin: str, end: str, step: int) -> list[str]:
    if _NUMBER.fullmatch(begin) and _NUMBER.fullmatch(end):
        width = len(begin) if begin[0] == "0" and len(begin) > 1 else 0
        if width and width != len(end):
            raise ValueError(f"the range {show(text)} begins with zeros, so that its end must be as long as its begin")
        return [str(n).zfill(width) for n in islice(range(int(begin), int(end) + 1, step), MOST + 1)]
    first, last = ascii_letters.find(begin), ascii_letters.find(end)
    if len(begin) != 1 or len(end) != 1 or first < 0 or last < first:
        raise ValueError(f"the range {show(text)} has no begin before its end: two numbers or two letters")
    return list(ascii_letters[first : last + 1 : step])
