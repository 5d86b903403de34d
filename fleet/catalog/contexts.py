"""Build contexts: what a folder of the laptop would send to `docker build`, as one digest that is the same everywhere.

What .dockerignore leaves out is left out as Docker does it (docs.docker.com/build/concepts/context, ".dockerignore
files"): `<Dockerfile>.dockerignore` counts before `.dockerignore`, and neither can leave out the Dockerfile. Owners and
times are no part of the digest, so that two clones of one repository build the same image.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import CatalogError
from fleet.queries import Context, ContextQuery

_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\\]")
LARGEST = 4 << 30
"""Bytes. Nobody means more than this; a forgotten .dockerignore does."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file (f), link (l) or folder (d) of a context: ``what`` is a file's sha256 or a link's target; ``mode`` is octal."""

    kind: str
    mode: str
    what: str
    path: str
    size: int = 0

    @property
    def line(self) -> str:
        """All that counts of it, in one line."""
        return f"{self.kind}\t{self.mode}\t{self.what}\t{self.path}"


def context(query: ContextQuery) -> Context:
    """The digest of a context; CatalogError when it can't be read."""
    found = entries(query.folder, query.dockerfile)
    text = "\n".join(e.line for e in found)
    return Context(hashlib.sha256(text.encode()).hexdigest(), sum(e.kind == "f" for e in found), sum(e.size for e in found))


def entries(folder: str, dockerfile: str) -> tuple[Entry, ...]:
    """All that would be sent, by path; CatalogError with what is wrong."""
    root = Path(folder)
    if not root.is_dir():
        raise CatalogError(f"the build context {folder} is no folder", "Name a folder, from the folder of the recipe.")
    if not (root / dockerfile).is_file():
        raise CatalogError(f"there is no {dockerfile} in the build context {folder}", "Write one, or name it: dockerfile: NAME.")
    try:
        found = tuple(_entry(root, path) for path in sorted(set(_paths(root, dockerfile))))
    except OSError as error:
        raise CatalogError(f"{error.filename or folder} can't be read: {error.strerror}", "Look at its permissions.") from error
    if sum(entry.size for entry in found) > LARGEST:
        raise CatalogError(f"the build context {folder} has more than 4 GiB", "Leave out what is not needed: .dockerignore.")
    return found


def _paths(root: Path, dockerfile: str) -> Iterator[str]:
    from docker.utils.build import exclude_paths  # slow to load, and needed by few recipes

    for path in exclude_paths(str(root), _ignored(root, dockerfile), dockerfile=dockerfile):
        if _UNSENDABLE.search(path) or not path.isprintable():
            raise CatalogError(f"{root}: the name {path!r} can't be sent", "Rename it, or leave it out by .dockerignore.")
        yield path
        yield from (str(parent) for parent in Path(path).parents if str(parent) != ".")


def _ignored(root: Path, dockerfile: str) -> list[str]:
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        if (root / name).is_file():
            lines = (root / name).read_text(encoding="utf-8-sig", errors="replace").splitlines()
            return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return []


def _entry(root: Path, path: str) -> Entry:
    found = os.lstat(root / path)
    mode = f"{stat.S_IMODE(found.st_mode) & 0o777:o}"
    if stat.S_ISREG(found.st_mode):
        return Entry("f", mode, _sha256(root / path), path, found.st_size)
    if stat.S_ISLNK(found.st_mode):
        return _link(root, path)
    if stat.S_ISDIR(found.st_mode):
        return Entry("d", mode, "", path)
    raise CatalogError(f"{root / path} is neither file, folder nor link", "Leave it out by .dockerignore.")


def _link(root: Path, path: str) -> Entry:
    target = os.readlink(root / path)
    if _UNSENDABLE.search(target) or not target.isprintable():
        raise CatalogError(f"{root / path}: a link to {target!r} can't be sent", "Leave it out by .dockerignore.")
    return Entry("l", "777", target, path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
