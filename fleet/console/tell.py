"""Single answers: errors, warnings, text and JSON."""

from __future__ import annotations

import json
from typing import Any

from fleet.console.stream import Screen, clean


def tell_error(screen: Screen, message: str, hint: str = "") -> None:
    """An error that ends the program, and what to do about it."""
    _marked(screen, "error", message)
    if hint:
        _marked(screen, "hint", hint)


def tell_warning(screen: Screen, message: str) -> None:
    """Something that deserves a look and stops nothing."""
    _marked(screen, "warning", message)


def tell_note(screen: Screen, message: str) -> None:
    """Something that is good to know."""
    screen.err.line(clean(message))


def tell_question(screen: Screen, text: str) -> None:
    """A question that is answered on the next line."""
    screen.err.line(clean(text))
    screen.err.flush()


def _marked(screen: Screen, word: str, text: str) -> None:
    """The word in its colour and the text; lines are left as they are, so that paths in them can be copied."""
    screen.err.line(f"{screen.err.paint(f'{word}:', word)} {clean(text)}")


def tell_data(screen: Screen, text: str) -> None:
    """Text that is the answer itself."""
    screen.out.line(text)


def tell_json(screen: Screen, data: Any) -> None:
    """The answer for programs, in the encoder's own pieces: for 100 hosts the whole text took 10 MB."""
    screen.out.pieces(json.JSONEncoder(indent=2, ensure_ascii=False, default=str).iterencode(data))
