"""A package file as the box keeps it: a head of its own and the data part that many of them share."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cache
from tests.lab.box import deb

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Parts:
    """The bytes `head`, then those of the .deb `data` from its data member on."""

    head: bytes
    data: Path

    def to_json(self) -> str:
        """Return a text that `read_parts` understands; the path in it is relative to the cache."""
        place = str(self.data.relative_to(cache.home()))
        return json.dumps({"head": base64.b64encode(self.head).decode(), "data": place})

    def size(self) -> int:
        """Return the size in bytes of the whole."""
        return len(self.head) + self.data.stat().st_size - deb.data_offset(self.data)

    def measure(self) -> tuple[int, str]:
        """Return size and SHA-256 of the whole."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return self.size(), digest.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """Yield the content."""
        yield self.head
        with self.data.open("rb") as file:
            file.seek(deb.data_offset(self.data))
            while block := file.read(_BLOCK):
                yield block


def read_parts(file: Path) -> Parts:
    """Read what `Parts.to_json` gave."""
    content = json.loads(file.read_text())
    return Parts(base64.b64decode(content["head"]), cache.home() / content["data"])
