"""YAML text to plain data that remembers its lines. Refuses what surprises people or can be used against them.

The text is read event by event, so a document that would unfold or nest without end costs nothing.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fleet.errors import FileError
from fleet.files.problems import MOST_FOUND, Place, Problem, key_path, raise_all, show
from fleet.files.scalars import is_text, resolve
from fleet.model import Data

LARGEST = 4 * 1024 * 1024
"""Bytes of one file: some 10,000 hosts with all their keys."""
DEEPEST = 32

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Control characters, what YAML 1.1 but no editor takes for a line break, and what shows text in another order than it
# is read in (unicode.org/reports/tr36, "bidirectional text spoofing").
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """The data of one file, and the line (from 1) of every key and list item."""

    path: str
    data: dict[str, Data]
    lines: Mapping[Place, int] = field(repr=False)

    def locate(self, place: Place) -> tuple[str, int | None]:
        """Path and line of a place, or of the nearest place around it that is known."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.path, self.lines.get(place)


def load(path: Path, error: type[FileError] = FileError) -> Document:
    """Read one file; raises the given error, with the line, when it is not the plain YAML that is wanted."""
    return parse(_read(path, error), str(path), error)


def parse(content: bytes | str, path: str, error: type[FileError] = FileError) -> Document:
    """The document that the content of a file holds."""
    builder = _Builder(path)
    try:
        text = _text(content) if isinstance(content, bytes) else content
        _refuse_odd_characters(text)
        builder.build(_events(text))
    except _StopError as stop:
        builder.problem(stop.text, stop.hint, line=stop.line)
    if builder.problems:
        raise_all(builder.problems, error)
    return Document(path, builder.root, builder.lines)


class _StopError(Exception):
    """A problem after which reading on makes no sense."""

    def __init__(self, text: str, hint: str = "", line: int | None = None) -> None:
        super().__init__(text)
        self.text, self.hint, self.line = text, hint, line


# ── bytes to characters ──────────────────────────────────────────────────────────────────────────────────────────────


def _read(path: Path, error: type[FileError]) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise error("expected a file with YAML in it, got something else", path=str(path))
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise error("there is no such file", path=str(path)) from None
    except (OSError, ValueError) as problem:
        raise error(f"can't be read: {getattr(problem, 'strerror', None) or problem}", path=str(path)) from None
    if len(content) > LARGEST:
        hint = "split it into several files in a folder; what is not an inventory or recipe does not belong here"
        raise error(f"larger than {LARGEST // 1024**2} MiB", hint, path=str(path))
    return content


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        hint = "save it as UTF-8 text; a binary file can't be used"
        raise _StopError("not UTF-8 text", hint, line) from None


def _refuse_odd_characters(text: str) -> None:
    if found := _FORBIDDEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        hint = 'remove it, or write it as an escape in double quotes, such as "\\u2028"'
        raise _StopError(f"the invisible character U+{ord(found[0]):04X} is not allowed in a file", hint, line)


# ── characters to events ─────────────────────────────────────────────────────────────────────────────────────────────


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark else None
        raise _StopError(*_syntax(problem, text.splitlines(), line), line) from None
    except yaml.YAMLError as problem:
        raise _StopError(f"not valid YAML: {problem}") from None


def _syntax(problem: yaml.MarkedYAMLError, lines: list[str], line: int | None) -> tuple[str, str]:
    """The parser's complaint in words that help."""
    source = lines[line - 1] if line and line <= len(lines) else ""
    if "\t" in source[: len(source) - len(source.lstrip())] or "'\\t'" in str(problem.problem):
        return "a tab is used for indentation", "YAML wants spaces there: replace each tab with two spaces"
    if "nesting depth" in str(problem.problem):
        return _TOO_DEEP
    said = ", ".join(str(part) for part in (problem.context, problem.problem) if part)
    hint = "check the indentation, and put quotes around text with : # { [ * & ! % @ or ` in it"
    return f"not valid YAML: {said}", hint


# ── events to data ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read yet."""

    place: Place
    into: dict[str, Data] | list[Data]
    key: str | None = None


class _Builder:
    """Builds the data without recursion; mistakes that allow reading on are collected."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.root: dict[str, Data] = {}
        self.lines: dict[Place, int] = {}
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._documents = 0

    def problem(self, text: str, hint: str, line: int | None) -> None:
        self.problems.append(Problem(text, hint, path=self.path, line=line))

    def build(self, events: Iterator[Any]) -> None:
        for event in events:
            if len(self.problems) >= MOST_FOUND:
                return
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.MappingStartEvent():
                    self._start(event, {})
                case yaml.SequenceStartEvent():
                    self._start(event, [])
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._open.pop()
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent():
                    self._document(event)
        if not self._documents:
            raise _StopError("the file is empty", _EMPTY_HINT)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _StopError("a second document starts here (---)", "write one document per file", _line(event))

    def _start(self, event: Any, into: dict[str, Data] | list[Data]) -> None:
        self._refuse_decoration(event)
        if not self._open:
            self._root(event, into)
            return
        place = self._place(event)
        if len(self._open) >= DEEPEST:
            raise _StopError(*_TOO_DEEP, _line(event))
        self._put(into)
        self._open.append(_Open(place, into))

    def _root(self, event: Any, into: dict[str, Data] | list[Data]) -> None:
        if not isinstance(into, dict):
            raise _StopError("expected keys with values at the top of the file, got a list", _TOP_HINT, _line(event))
        self.root = into
        self._open.append(_Open((), into))

    def _scalar(self, event: Any) -> None:
        self._refuse_decoration(event)
        if not self._open:
            if self._value(event) is None:
                raise _StopError("the file is empty", _EMPTY_HINT)
            raise _StopError(f"expected keys with values, got {show(event.value)}", _TOP_HINT, _line(event))
        top = self._open[-1]
        if isinstance(top.into, dict) and top.key is None:
            self._key(event, top)
            return
        self._place(event)
        self._put(self._value(event))

    def _key(self, event: Any, top: _Open) -> None:
        key, line = str(event.value), _line(event)
        plain = bool(event.implicit[0])
        if plain and key == "<<":
            self.problem("merge keys (<<) are not supported", _REUSE_HINT, line)
        elif plain and not is_text(key):
            shown = show(key)[1:-1]
            named = f"the key {shown}" if key else "an empty key"
            self.problem(f"{named} is not text to every YAML reader", f'quote it: "{shown}":', line)
        if isinstance(top.into, dict) and key in top.into:
            where, first = key_path((*top.place, key)), self.lines[(*top.place, key)]
            self.problem(f"{where} is there twice; first in line {first}", "remove one of the two", line)
        self.lines[(*top.place, key)] = line
        top.key = key

    def _value(self, event: Any) -> Data:
        if not event.implicit[0]:
            return str(event.value)
        try:
            return resolve(event.value)
        except ValueError:
            shown = show(event.value)[1:-1]
            text = f"the number {shown} is read differently by different programs"
            hint = f'if it is text, quote it: "{shown}"; else write a plain decimal number'
            self.problem(text, hint, _line(event))
            return None

    def _alias(self, event: Any) -> None:
        self.problem(f"aliases (*{show(event.anchor)[1:-1]}) are not supported", _REUSE_HINT, _line(event))
        if self._open:
            self._place(event)
            self._put(None)

    def _place(self, event: Any) -> Place:
        """The place of the value that begins with this event; list items get their line here."""
        top = self._open[-1]
        if isinstance(top.into, list):
            place = (*top.place, len(top.into))
            self.lines[place] = _line(event)
            return place
        if top.key is None:
            hint = 'quote text with [ or { in it: "{x}":'
            raise _StopError("a key must be text, not a list or mapping", hint, _line(event))
        return (*top.place, top.key)

    def _put(self, value: Data) -> None:
        top = self._open[-1]
        if isinstance(top.into, list):
            top.into.append(value)
        elif top.key is not None:
            top.into.setdefault(top.key, value)
            top.key = None

    def _refuse_decoration(self, event: Any) -> None:
        if event.anchor:
            self.problem(f"anchors (&{show(event.anchor)[1:-1]}) are not supported", _REUSE_HINT, _line(event))
        if event.tag:
            text = f"the tag {show(event.tag)[1:-1]} is not allowed: this is read as data alone"
            self.problem(text, "remove it; text that begins with ! needs quotes", _line(event))


_TOO_DEEP = (f"nested more than {DEEPEST} levels deep", "nobody can read that: flatten it")
_REUSE_HINT = "write the value out, or use defaults, groups or vars: a few lines with aliases can unfold to gigabytes"
_TOP_HINT = "write lines such as `key: value`"
_EMPTY_HINT = "`fleet init` in an empty folder writes examples"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
