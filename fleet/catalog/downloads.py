"""Files that the laptop fetches for the hosts, kept by their checksum so that they are fetched once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from fleet.errors import CatalogError

if TYPE_CHECKING:
    from fleet.catalog.http import Web

_LARGEST = 1 << 30
"""Bytes; a Compose plugin has some 70 MB."""
_locks: dict[tuple[Path, str], Lock] = {}
_guard = Lock()
_checked: dict[Path, tuple[int, int, int]] = {}
"""Inode, size and time of change of files that had the right checksum."""


def cache_folder() -> Path:
    """``fleet`` in the user's cache folder (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "fleet"


def download(url: str, sha256: str, cache_dir: Path | None = None, web: Web | None = None) -> Path:
    """Return the file with this checksum, from the cache or by way of its URL.

    Threads that ask for the same file at the same time fetch it once. What does not have the checksum is not kept:
    CatalogError tells both sums then.
    """
    folder = (cache_dir or cache_folder()) / "downloads"
    file = folder / sha256.lower()
    with _lock(file, sha256):
        if not _is_intact(file, sha256.lower()):
            _fetch(url, sha256.lower(), file, web or _new_web())
    return file


def _lock(file: Path, sha256: str) -> Lock:
    with _guard:
        return _locks.setdefault((file.parent, sha256.lower()), Lock())


def _new_web() -> Web:
    from fleet.catalog.http import Web

    return Web()


def _is_intact(file: Path, sha256: str) -> bool:
    """Checked once in a process, and again only when the file has changed: a hundred hosts may want it."""
    try:
        with file.open("rb") as content:
            state = os.fstat(content.fileno())
            mark = (state.st_ino, state.st_size, state.st_mtime_ns)
            if _checked.get(file) != mark and hashlib.file_digest(content, "sha256").hexdigest() != sha256:
                return False
    except OSError:
        return False
    _checked[file] = mark
    return True


def _fetch(url: str, sha256: str, file: Path, web: Web) -> None:
    temporary = _temporary(file)
    try:
        found = web.stream(url, lambda blocks: _write(blocks, temporary), limit=_LARGEST)
        if found != sha256:
            raise CatalogError(
                f"{url} is not what it should be: its sha256 is {found}, not {sha256}",
                "Nothing was kept. Try again; if it stays so, the file or its checksum was changed: take another version.",
            )
        with _disk(file):
            temporary.replace(file)
    finally:
        with suppress(OSError):
            temporary.unlink()


def _temporary(file: Path) -> Path:
    """A name of this process's own: threads of one process are kept apart by the lock."""
    return file.with_name(f".part-{os.getpid()}-{file.name}")


def _write(blocks: Iterator[bytes], file: Path) -> str:
    """Write a file anew and return its sha256; only errors of the disk are ours to tell, those of the network pass."""
    digest = hashlib.sha256()
    with _disk(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        content = file.open("wb")
    try:
        for block in blocks:
            digest.update(block)
            with _disk(file):
                content.write(block)
    finally:
        with _disk(file):
            content.close()
    return digest.hexdigest()


@contextmanager
def _disk(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "Make room there, or set XDG_CACHE_HOME to another folder."
        raise CatalogError(f"downloads can't be kept in {file.parent}: {error.strerror}", hint) from error
