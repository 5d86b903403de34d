"""Where text goes: two streams that know their width and their colours, and outlive a reader that goes away."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TextIO

_STYLES: Mapping[str, str] = {
    "ok": "32",
    "changed": "33",
    "change": "33",
    "differs": "33",
    "failed": "31;1",
    "blocked": "31;1",
    "unreachable": "31;1",
    "skipped": "2",
    "error": "31;1",
    "warning": "33",
    "note": "36",
    "hint": "36",
    "remedy": "36",
    "dim": "2",
    "bold": "1",
    "added": "32",
    "removed": "31",
    **{f"label{number}": code for number, code in enumerate(("36", "33", "32", "35", "34", "96"))},
}
"""Words of ours to the codes of terminals (ECMA-48, Select Graphic Rendition)."""

_CONTROL = {code: "�" for code in (*range(32), *range(0x7F, 0xA0)) if code not in (9, 10)}


def clean(text: str) -> str:
    """Text from elsewhere without what would command the terminal."""
    return text.translate(_CONTROL)


class Stream:
    """One of stdout and stderr. Every text goes out in one piece, so that threads don't cut each other's lines."""

    def __init__(self, file: TextIO, *, color: bool, width: int) -> None:
        self.file = file
        self.color = color
        self.width = width
        self.is_gone = False
        """True once nobody reads it any more."""
        self._lock = threading.Lock()

    @property
    def is_terminal(self) -> bool:
        """True when a person may be looking, on a terminal that can move its cursor."""
        return self.file.isatty() and os.environ.get("TERM") != "dumb"

    def line(self, text: str = "") -> None:
        """Write a line, or several. When nobody reads any more, that is no reason to stop what is being done."""
        self.pieces((text,))

    def pieces(self, texts: Iterable[str]) -> None:
        """Write a text that comes in pieces, and end its line: a long one need not be in memory as a whole."""
        with self._lock:
            try:
                self.file.writelines(texts)
                self.file.write("\n")
            except BrokenPipeError:
                self._let_go()

    def flush(self) -> None:
        """Hand over what is still buffered."""
        try:
            self.file.flush()
        except BrokenPipeError:
            self._let_go()

    def paint(self, text: str, style: str) -> str:
        """The text in the colours of a style, where colours are wanted."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color else text

    def _let_go(self) -> None:
        """Let later writes, and the interpreter's own at its end, go nowhere (docs.python.org, library/signal)."""
        self.is_gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


@dataclass(frozen=True, slots=True)
class Screen:
    """Data goes to ``out``, everything else to ``err``. ``verbose``: 1 shows actions, 2 what commands print too."""

    out: Stream
    err: Stream
    verbose: int = 0
    json: bool = False


def screen(
    out: TextIO,
    err: TextIO,
    *,
    verbose: int = 0,
    json: bool = False,
    color: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> Screen:
    """The two streams; ``color=False`` is the user's own word, as NO_COLOR is (no-color.org); FORCE_COLOR is the reverse."""
    return Screen(_stream(out, color, environ), _stream(err, color, environ), verbose, json)


def _stream(file: TextIO, color: bool, environ: Mapping[str, str]) -> Stream:
    if hasattr(file, "reconfigure"):
        file.reconfigure(errors="replace")
    if not color or environ.get("NO_COLOR"):
        colored = False
    else:
        colored = bool(environ.get("FORCE_COLOR")) or (file.isatty() and environ.get("TERM") != "dumb")
    return Stream(file, color=colored, width=_width(file))


def _width(file: TextIO) -> int:
    """Columns of the terminal; 80 where there is none."""
    return max(40, shutil.get_terminal_size((80, 24)).columns) if file.isatty() or "COLUMNS" in os.environ else 80
