"""The text of an inventory, to which lines are added; lines that are not about the hosts in question stay as they are.

What comes of it is read again: if it does not say exactly what it should, there is no new text. So a file that is written in
a way that is not foreseen here is refused, and never spoiled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.errors import FileError, InventoryError
from fleet.files.documents import Document, parse
from fleet.files.scalars import is_text
from fleet.model import Data

_PLAIN = re.compile(r"[A-Za-z0-9_./~][A-Za-z0-9_./~@%+-]*")
_VALUE = r"""[ \t]+(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\[[^\]"'#]*\]|[^\s"'\[{|>&*!#].*?)"""
_REST = r"([ \t]+#.*|[ \t]*)"
_MARK = re.compile(r"[ \t]*# imported from ([a-z-]+)(.*)")
_SIGNIFICANT = re.compile(r"(?m)^\s*[^#\s]")


@dataclass(frozen=True, slots=True)
class _Edit:
    """The lines from index ``begin`` to before ``end`` become these."""

    begin: int
    end: int
    lines: tuple[str, ...]


@dataclass(slots=True)
class Page:
    """A text, what it says, and what is to be done to it."""

    text: str
    path: str
    document: Document = field(init=False)
    _lines: list[str] = field(init=False)
    _edits: list[_Edit] = field(default_factory=list)

    def __post_init__(self) -> None:
        says_something = bool(_SIGNIFICANT.search(self.text))
        self.document = parse(self.text.encode(), self.path, InventoryError) if says_something else Document(self.path, {}, {})
        self._lines = self.text.splitlines(keepends=True)

    def origin(self, host: str) -> str:
        """Where the host was imported from, by the comment behind its name; nothing when it was not."""
        found = _key_line(host).fullmatch(self._lines[self._index("hosts", host)].rstrip("\r\n"))
        mark = _MARK.match(found[2]) if found else None
        return mark[1] if mark else ""

    def append(self, part: str, entries: Mapping[str, Mapping[str, Data]], origin: str = "") -> None:
        """Add hosts or groups behind the last one, each with its settings and where it comes from."""
        if not entries:
            return
        end, indent, header = self._end(part)
        step = " " * max(2, len(indent) - len(self._indent(part)))
        lines = []
        for name, settings in entries.items():
            lines.append(f"{indent}{scalar(name)}:{_mark(origin)}")
            lines += [f"{indent}{step}{key}: {scalar(value)}" for key, value in settings.items()]
        self._edits.append(_Edit(end, end, (*header, *lines)))

    def change(self, host: str, settings: Mapping[str, Data], origin: str) -> None:
        """Set these keys of a host, and note where they come from."""
        data: Any = self.document.data
        current = data["hosts"][host] or {}
        at = self._index("hosts", host)
        inside = self._indent("hosts", host, next(iter(current))) if current else self._indent("hosts", host) + "  "
        new = [f"{inside}{key}: {scalar(value)}" for key, value in settings.items() if key not in current]
        self._edits.append(_Edit(at, at + 1, (self._marked(at, host, origin), *new)))
        for key in settings.keys() & current.keys():
            line = self._index("hosts", host, key)
            prefix, rest = self._split(line, key)
            self._edits.append(_Edit(line, line + 1, (f"{prefix} {scalar(settings[key])}{rest}",)))

    def finish(self, wanted: Data) -> str:
        """The new text; InventoryError when it would not say what is wanted."""
        newline = "\r\n" if "\r\n" in self.text else "\n"
        lines = list(self._lines)
        if lines and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += newline
        for edit in _last_first(self._edits):
            lines[edit.begin : edit.end] = [line + newline for line in edit.lines]
        text = "".join(lines)
        try:
            is_right = parse(text.encode(), self.path).data == wanted
        except FileError:
            is_right = False
        if not is_right:
            raise self._refusal()
        return text

    # ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _index(self, *place: str) -> int:
        """Of the line of a key."""
        return self.document.lines[place] - 1

    def _indent(self, *place: str) -> str:
        """What stands before a key; before a key that is not there, what stands before those beside it."""
        known = place if place in self.document.lines else next(iter(self.document.lines), None)
        return re.match(r"[ \t]*", self._lines[self.document.lines[known] - 1])[0] if known else ""  # type: ignore[index]

    def _end(self, part: str) -> tuple[int, str, tuple[str, ...]]:
        """Index of the line behind a part, how far its entries are indented, and a heading if there is none."""
        around = self._indent(part)
        data: Any = self.document.data
        if part not in data:
            blank = ("",) if self._lines and self._lines[-1].strip() else ()
            return len(self._lines), f"{around}  ", (*blank, f"{around}{part}:")
        begin = self._index(part)
        inside = next(iter(data[part] or ()), None)
        indent = self._indent(part, inside) if inside else f"{around}  "
        behind = (line - 1 for place, line in self.document.lines.items() if len(place) == 1 and line - 1 > begin)
        end = min(behind, default=len(self._lines))
        while end - 1 > begin and _is_between(self._lines[end - 1], len(indent)):
            end -= 1
        return end, indent, ()

    def _split(self, index: int, key: str) -> tuple[str, str]:
        """A line up to the colon, and the comment behind its value."""
        found = _key_line(key).fullmatch(self._lines[index].rstrip("\r\n"))
        if not found:
            raise self._refusal(index + 1)
        return found[1], found[2].rstrip()

    def _marked(self, index: int, host: str, origin: str) -> str:
        """The host's line with where it comes from; what the comment there said else is kept."""
        prefix, comment = self._split(index, host)
        mark = _MARK.match(comment)
        said = mark[2] if mark else comment.strip().removeprefix("#").strip()
        return f"{prefix}{_mark(origin)}{f'; {said}' if said and not mark else said}"

    def _refusal(self, line: int | None = None) -> InventoryError:
        text = "the hosts can't be put in here without a change to other lines"
        hint = "write each key on a line of its own, without braces; or import into another file: -i OTHER.yml"
        return InventoryError(text, hint, path=self.path, line=line)


def _last_first(edits: list[_Edit]) -> list[_Edit]:
    """So that indexes stay right; of edits at one place the earlier one ends up above."""
    return sorted(edits, key=lambda edit: edit.begin)[::-1]


def scalar(value: Data) -> str:
    """A value in YAML, in quotes where readers of YAML 1.1 or 1.2 would not take it for the text that it is."""
    if isinstance(value, list):
        return f"[{', '.join(scalar(item) for item in value)}]"
    if not isinstance(value, str):
        return str(value)
    return value if _PLAIN.fullmatch(value) and is_text(value) else json.dumps(value, ensure_ascii=False)


def _mark(origin: str) -> str:
    return f"  # imported from {origin}" if origin else ""


def _key_line(key: str) -> re.Pattern[str]:
    word = re.escape(key)
    return re.compile(rf"""([ \t]*(?:{word}|"{word}"|'{word}')[ \t]*:)(?:{_VALUE})?{_REST}""")


def _is_between(line: str, indent: int) -> bool:
    """True for what may stand between two parts: blank lines, and comments that are not indented as entries are."""
    bare = line.lstrip()
    return not bare or line.startswith("...") or (bare.startswith("#") and len(line) - len(bare) < indent)
