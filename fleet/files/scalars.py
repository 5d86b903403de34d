"""What a YAML scalar without quotes means: text, a number, true, false or nothing.

This is the core schema of YAML 1.2 (yaml.org/spec/1.2.2, chapter 10.3): only ``true`` and ``false`` are booleans. What
YAML 1.1 sees differently, and numbers that hardly anybody means, are refused: quotes make them text.
"""

from __future__ import annotations

import math
import re

from fleet.model import Data

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ODD_NUMBER = re.compile(r"[-+]?(0[0-9]+|0[xob][0-9A-Fa-f]+|[1-9][0-9]{18,}|\.(inf|Inf|INF|nan|NaN|NAN))")
_NUMBER_START = frozenset("+-.0123456789")
_TEXT_IN_1_2_ONLY = re.compile(
    r"(?i:yes|no|on|off)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])*(\.[0-9_]*)?"
)


class Decimal(float):
    """A number with a fraction or exponent that still knows how it was written: 28.10 is not 28.1 to a person."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Decimal:
        """Read the number; raises ValueError as float() does."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def resolve(text: str) -> Data:
    """What a scalar without quotes means; ValueError when programs differ about it."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _ODD_NUMBER.fullmatch(text):
        raise ValueError(text)
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return _decimal(text)
    return text


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def is_text(word: str) -> bool:
    """True when a word without quotes is text to readers of YAML 1.1 and 1.2 alike."""
    if not word or _TEXT_IN_1_2_ONLY.fullmatch(word):
        return False
    try:
        return isinstance(resolve(word), str)
    except ValueError:
        return False
