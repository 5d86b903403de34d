"""The cargoes of one run, each opened once for all hosts. Cheap to import: most runs send nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.shipping.cargo import Cargo


class Cargoes:
    """Made with the run, filled by the first host that needs something, closed at the end."""

    def __init__(self) -> None:
        self._cargoes: dict[tuple[str, str], Cargo] = {}
        self._lock = threading.Lock()

    def get(self, name: str, path: str) -> Cargo:
        """The image of this name out of this archive."""
        from pathlib import Path

        from fleet.shipping.cargo import Cargo

        with self._lock:
            return self._cargoes.setdefault((name, path), Cargo(name, Path(path)))

    def close(self) -> None:
        """Remove what was made for the way."""
        with self._lock:
            for cargo in self._cargoes.values():
                cargo.close()
            self._cargoes.clear()
