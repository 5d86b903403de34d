"""The upper layer of a host's overlay: what was written to the host, seen from outside."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HASH_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """What is known about one path: kind, mode, owner, and for what is no folder size, time and content."""

    kind: str
    mode: int
    owner: tuple[int, int]
    size: int = 0
    mtime_ns: int = 0
    content: str = ""


@dataclass(frozen=True)
class Change:
    """One path that differs between two snapshots."""

    path: str
    what: Literal["added", "changed", "removed"]


Snapshot = dict[str, Entry]


class Layers:
    """A host's layers while it is not running: writes go to the upper one, which must not be mounted."""

    def __init__(self, upper: Path, lowers: Sequence[Path]) -> None:
        self.upper = upper
        self.lowers = lowers

    def write(self, path: str, content: str, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
        """Write a file; its owner is that of its folder unless given."""
        place = self._clear(path)
        place.write_text(content)
        place.chmod(mode)
        self._own(place, owner)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link."""
        place = self._clear(path)
        place.symlink_to(target)
        self._own(place, None)

    def read(self, path: str) -> str:
        """Return the text of a file as the host would see it; links are not followed."""
        for layer in (self.upper, *self.lowers):
            if (layer / path).is_file():
                return (layer / path).read_text()
        raise FileNotFoundError(path)

    def folder(self, path: str, mode: int, owner: tuple[int, int] | None = None) -> None:
        """Make a folder with this mode and owner."""
        place = self._clear(path)
        place.mkdir(exist_ok=True)
        place.chmod(mode)
        self._own(place, owner)

    def owner(self, path: str) -> tuple[int, int]:
        """Return user and group number of a path."""
        found = next(layer / path for layer in (self.upper, *self.lowers) if (layer / path).exists())
        return found.stat().st_uid, found.stat().st_gid

    def _clear(self, path: str) -> Path:
        place = self.upper / path
        self._parents(Path(path).parent)
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            place.unlink()
        return place

    def _parents(self, folder: Path) -> None:
        """An upper folder hides the lower one's mode and owner, so each is made with those."""
        place = self.upper / folder
        if place.exists():
            return
        self._parents(folder.parent)
        place.mkdir()
        like = next((layer / folder for layer in self.lowers if (layer / folder).is_dir()), None)
        if like:
            shutil.copystat(like, place)
            os.chown(place, like.stat().st_uid, like.stat().st_gid)

    def _own(self, place: Path, owner: tuple[int, int] | None) -> None:
        parent = place.parent.stat()
        user, group = owner or (parent.st_uid, parent.st_gid)
        os.chown(place, user, group, follow_symlinks=False)


def snapshot(upper: Path, plain: dict[str, Path]) -> Snapshot:
    """Return everything in the upper layer, and in the plain folders bound over it (not hashed)."""
    found = dict(_walk(upper, "", hashed=True))
    for prefix, folder in plain.items():
        found.update(_walk(folder, f"{prefix}/", hashed=False))
    return found


def compare(before: Snapshot, after: Snapshot) -> list[Change]:
    """Return what differs, sorted by path. A folder counts for itself only: its times do not matter."""
    changes = [Change(path, "removed") for path in before.keys() - after.keys()]
    for path, entry in after.items():
        if path not in before:
            changes.append(Change(path, "removed" if entry.kind == "whiteout" else "added"))
        elif before[path] != entry:
            changes.append(Change(path, "removed" if entry.kind == "whiteout" else "changed"))
    return sorted(changes, key=lambda change: change.path)


def _walk(top: Path, prefix: str, *, hashed: bool) -> Iterator[tuple[str, Entry]]:
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            place = Path(folder, name)
            try:
                yield prefix + str(place.relative_to(top)), _entry(place, hashed=hashed)
            except FileNotFoundError:
                continue  # the host is running and has just removed it


def _entry(place: Path, *, hashed: bool) -> Entry:
    info = place.lstat()
    mode, owner = stat.S_IMODE(info.st_mode), (info.st_uid, info.st_gid)
    if stat.S_ISDIR(info.st_mode):
        return Entry("folder", mode, owner)
    if stat.S_ISLNK(info.st_mode):
        return Entry("link", mode, owner, content=str(place.readlink()))
    if stat.S_ISCHR(info.st_mode) and info.st_rdev == 0:
        return Entry("whiteout", mode, owner)
    if not stat.S_ISREG(info.st_mode):
        return Entry("special", mode, owner)
    content = hashlib.sha256(place.read_bytes()).hexdigest() if hashed and info.st_size <= HASH_LIMIT else ""
    return Entry("file", mode, owner, info.st_size, info.st_mtime_ns, content)
