"""Small things said in the same way everywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fleet.console.stream import Stream, clean


def counted(number: int, noun: str) -> str:
    """1 host, 2 hosts."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """0.8s, 12s, 1m02s, 2h05m."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def age(seconds: float) -> str:
    """12s, 5m, 3h, 2d: how long something has been so, in one unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def amount(size: float) -> str:
    """512B, 1.5KiB, 20MiB, 1.2GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000:
            return f"{size:.3g}{unit}" if size < 100 else f"{size:.0f}{unit}"
        size /= 1024
    return f"{size:.3g}TiB"


def cut(text: str, width: int) -> str:
    """The first line of the text, shortened to a width."""
    line = clean(text).partition("\n")[0]
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"


def wrapped(text: str, width: int, indent: str, first: str | None = None) -> Iterator[str]:
    """The text in lines of a width, each indented; ``first`` stands before the first one. Words are never torn."""
    before = indent if first is None else first
    for line in clean(text).splitlines() or [""]:
        yield from textwrap.wrap(
            line,
            width,
            initial_indent=before,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [before.rstrip()]
        before = indent


def marked(stream: Stream, word: str, text: str, indent: str) -> Iterator[str]:
    """``hint: …`` or ``warning: …``, wrapped, the word in its colour."""
    first, *others = wrapped(text, stream.width, f"{indent}  ", f"{indent}{word}: ")
    yield first.replace(word, stream.paint(word, word), 1)
    yield from others


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[list[str]]:
    """The heads and rows with every cell padded to its column's width, but for the last one. ``right`` are aligned so."""
    cells = [list(heads), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads) - 1)]
    for row in cells:
        for i, width in enumerate(widths):
            row[i] = row[i].rjust(width) if i in right else row[i].ljust(width)
    return cells


def joined(cells: Sequence[str]) -> str:
    """A row of a table."""
    return "  ".join(cells).rstrip()
