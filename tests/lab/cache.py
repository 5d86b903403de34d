"""Expensive things (root file systems, rebuilt packages, images) made once and kept outside the clone.

An entry is a folder ``NAME-<hash of recipe>``. It appears complete or not at all: it is built in a
temporary folder beside its place, under a lock, and renamed. A lab that uses an entry holds a shared
lock on it until its process ends, so that a newer recipe never removes what is still in use.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_held: dict[Path, int] = {}
_may_build = [True]


class NotCached(Exception):
    """An entry that is not there, where none may be made."""


def home() -> Path:
    """Return the folder that holds all entries: ``$FLEET_LAB_CACHE``, else ``/var/cache/fleet-lab``."""
    return Path(os.environ.get("FLEET_LAB_CACHE") or "/var/cache/fleet-lab")


def say(text: str) -> None:
    """Print one short line of progress to stderr."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def only_what_is_there() -> Iterator[None]:
    """Within it, `cached` raises NotCached instead of making an entry: for what may be left out where it takes minutes."""
    _may_build.append(False)
    try:
        yield
    finally:
        _may_build.pop()


def cached(name: str, recipe: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of `name` made by `recipe`; call `build` with an empty folder if there is none.

    `recipe` is any text that changes when the result should. Entries of the same name made by other
    recipes are removed unless a running process uses them.
    """
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    place = home() / f"{name}-{digest}"
    home().mkdir(parents=True, exist_ok=True)
    with _lock(home() / f".{name}.lock"):
        if not place.is_dir():
            if not _may_build[-1]:
                raise NotCached(f"{home()} has no {place.name}")
            _build(place, name, build)
        hold(place)
        _remove_others(name, place)
    return place


def _build(place: Path, name: str, build: Callable[[Path], None]) -> None:
    for left_over in home().glob(f".{name}-building-*"):
        shutil.rmtree(left_over, ignore_errors=True)  # the lock is ours, so its builder has died
    folder = Path(tempfile.mkdtemp(prefix=f".{name}-building-", dir=home()))
    folder.chmod(0o755)
    say(f"making {place.name} (once; kept in {home()})")
    try:
        build(folder)
        folder.rename(place)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _use_file(place: Path) -> Path:
    return place.with_name(f".{place.name}.in-use")


def hold(place: Path) -> int:
    """Hold a shared lock on an entry for the life of this process; return its descriptor.

    A child that outlives this process and still reads the entry (a booted host, nginx) gets the
    descriptor by ``pass_fds`` and so keeps the entry too.
    """
    if place not in _held:
        _held[place] = os.open(_use_file(place), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(_held[place], fcntl.LOCK_SH)
    return _held[place]


def held() -> list[str]:
    """Return the names of the entries that this process holds."""
    return sorted(place.name for place in _held)


def _remove_others(name: str, keep: Path) -> None:
    for other in home().glob(f"{name}-{'[0-9a-f]' * 12}"):
        if other != keep and not _in_use(other):
            shutil.rmtree(other, ignore_errors=True)
            _use_file(other).unlink(missing_ok=True)


def _in_use(place: Path) -> bool:
    with _use_file(place).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
