"""The lines of an ssh_config: keyword, words, and where. See ssh_config(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fleet.errors import InventoryError
from fleet.importing.source import Where

_LINE = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*")
_WORD = re.compile(r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^\s"']\S*)|(?P<odd>["'].*))""")


@dataclass(frozen=True, slots=True)
class Line:
    """One keyword, in lower case, with the words after it."""

    keyword: str
    words: tuple[str, ...]
    where: Where

    def one(self) -> str:
        """The only word; InventoryError when there are none or several, as with a space that is not in quotes."""
        if len(self.words) == 1:
            return self.words[0]
        text = f"{self.keyword} wants one word, and has {len(self.words)}"
        raise InventoryError(text, "put double quotes around it", path=self.where.path, line=self.where.line)


def lines(text: str, path: str) -> Iterator[Line]:
    """All lines that say something."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.fullmatch(line)
        if found and not line.lstrip().startswith("#"):
            where = Where(path, number)
            yield Line(found[1].lower(), _words(found[2], where), where)


def is_literal(word: str) -> bool:
    """True for the name of one host: neither a pattern nor a negation."""
    return bool(word) and not set("*?!") & set(word)


def _words(value: str, where: Where) -> tuple[str, ...]:
    """Quotes group, and a word that begins with # begins a comment."""
    words: list[str] = []
    for found in _WORD.finditer(value):
        if found["odd"] is not None:
            raise InventoryError("a quote is opened and not closed", "close it", path=where.path, line=where.line)
        if (found["plain"] or "").startswith("#"):
            break
        words.append(found[found.lastgroup or "plain"])
    return tuple(words)
