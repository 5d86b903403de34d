"""A machine of which a test knows everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from fleet.errors import InventoryError, UsageError
from fleet.importing.source import Findings, Found, World

DATA = Path(__file__).parent / "data"


def data(name: str) -> str:
    """The text of a file of data/."""
    return (DATA / name).read_text(encoding="utf-8")


def world(
    files: Mapping[str, str] | None = None, *, run: Callable[[Sequence[str]], str] | None = None, there: Sequence[str] = ()
) -> World:
    """These files, what programs print, and the paths that are there besides."""
    known = dict(files or {})

    def read(path: str) -> str:
        if path not in known:
            raise InventoryError("can't be read", path=path)
        return known[path]

    def ran(words: Sequence[str], missing: str, failed: str) -> str:
        if run is None:
            raise UsageError(f"{words[0]} is not installed on this machine", missing)
        return run(words)

    return World(
        read,
        ran,
        lambda path: path in there or path in known,
        lambda pattern: sorted(path for path in known if fnmatch(path, pattern)),
    )


def rows(findings: Findings) -> dict[str, dict[str, object]]:
    """The settings of the hosts by name."""
    return {host.name: dict(host.settings()) for host in findings.hosts}


def found(name: str, path: str = "source", **settings: object) -> Found:
    """A host that some source has."""
    from fleet.importing.source import Where

    return Found(name, Where(path, 1), **settings)  # type: ignore[arg-type]
