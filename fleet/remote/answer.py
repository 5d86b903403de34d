"""What came back from a host: collected within bounds, shown line by line, and taken apart at the marks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.errors import RemoteError
from fleet.remote.script import DENIED, MARK, ROOT, START, SUDO

MOST_BYTES = 16 * 1024 * 1024
_BEGINNING = 256 * 1024
"""Bytes kept of output without an end: the first read always fits, and the marks are in it."""
_MARK = MARK.encode()
OnLine = Callable[[str], None]


class Stream:
    """One output stream of a command. Memory is bounded; lines between the marks go to ``on_line`` as they come.

    With ``passing`` there is no end of what may come: it is for ``on_line``, and only the beginning is kept.
    """

    def __init__(self, on_line: OnLine | None = None, passing: bool = False) -> None:
        self._passing = passing
        self._chunks: list[bytes] = []
        self._size = 0
        self._on_line = on_line
        self._rest = b""
        self._shown = False

    def feed(self, data: bytes) -> None:
        """Take what came. Raises RemoteError when it is too much."""
        self._size += len(data)
        if self._size <= (_BEGINNING if self._passing else MOST_BYTES):
            self._chunks.append(data)
        elif not self._passing:
            raise RemoteError(
                f"The command printed more than {MOST_BYTES >> 20} MiB.", "Let it write to a file on the host instead."
            )
        if self._on_line:
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._show(line)

    def close(self) -> None:
        """No more will come: show a last line without an end."""
        if self._on_line and self._rest:
            self._show(self._rest)
        self._rest = b""

    @property
    def text(self) -> str:
        """All of it; what is no UTF-8 is replaced."""
        return b"".join(self._chunks).decode("utf-8", "replace")

    def _show(self, line: bytes) -> None:
        before, mark, word = line.partition(_MARK)
        if self._shown and self._on_line and (before or not mark):
            self._on_line(before.decode("utf-8", "replace").rstrip("\r"))
        if mark:
            self._shown = word.startswith((START.encode(), ROOT.encode()))


class Poured(Stream):
    """An output stream of bytes without an end: what comes behind the mark of the script goes to ``into`` as it comes."""

    def __init__(self, into: Callable[[bytes], object], mark: str) -> None:
        super().__init__()
        self._into = into
        self._mark = f"{MARK}{mark}".encode()
        self._head = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Take what came; up to the script's mark it is collected as ever."""
        if self._begun:
            self._into(data)
            return
        self._head += data
        before, mark, rest = self._head.partition(self._mark)
        word, end, body = rest.partition(b"\n")
        if mark and end:
            self._begun = True
            super().feed(before + mark + word + end)
            self._into(body)
        elif len(self._head) > _BEGINNING:
            raise RemoteError("The host printed something else than what it was asked for.", "See its ~/.bashrc.")

    def close(self) -> None:
        """No more will come: where the script did not begin, what came instead is told by its marks."""
        if not self._begun:
            super().feed(self._head)
        super().close()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in its parts. ``way`` is how root came about, ``denied`` why it did not; one of them is empty."""

    out: str
    err: str
    root_out: str
    root_err: str
    way: str
    denied: str
    sudo_said: str
    started: bool


def take_apart(out: str, err: str) -> Answer:
    """Split both streams at their marks, dropping what the login shell printed before the first."""
    outs, errs = _parts(out), _parts(err)
    return Answer(
        out=outs.get(START, ("", ""))[1],
        err=errs.get(START, ("", ""))[1],
        root_out=outs.get(ROOT, ("", ""))[1],
        root_err=errs.get(ROOT, ("", ""))[1],
        way=outs.get(ROOT, ("", ""))[0],
        denied=outs.get(DENIED, ("", ""))[0],
        sudo_said=errs.get(SUDO, ("", ""))[1],
        started=START in outs,
    )


def _parts(text: str) -> dict[str, tuple[str, str]]:
    """By mark: the word behind it, and the text up to the next mark."""
    parts: dict[str, tuple[str, str]] = {}
    for piece in text.split(MARK)[1:]:
        line, _, body = piece.partition("\n")
        mark, _, word = line.partition(" ")
        parts.setdefault(mark, (word, body))
    return parts
