"""The lock's file: read once in a run, and written anew as a whole whenever something is locked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from fleet.errors import LockError
from fleet.lock import Lock, name_of
from fleet.lock.text import read, render
from fleet.model import Catalog
from fleet.queries import ImageQuery, RemoteImage

FILE = Path("fleet.lock.yml")
"""In the folder that fleet runs in, beside inventory/ and recipes/."""


class LockFile:
    """The lock of a run, for all its threads. Without ``writes``, what is learnt counts for this run only.

    Raises LockError at once when the file is there and wrong; a missing one is an empty lock.
    """

    def __init__(self, path: Path | None = None, *, writes: bool = False) -> None:
        self.path = path or FILE
        self.problem = ""
        """Why it could not be written, if so; the run goes on all the same."""
        self._writes = writes
        self._guard = threading.Lock()
        self._lock = self._read()
        self._learnt: dict[str, RemoteImage] = {}

    @property
    def lock(self) -> Lock:
        """The lock as it is now."""
        return self._lock

    @property
    def learnt(self) -> tuple[str, ...]:
        """The images that were not in it when the run began."""
        return tuple(sorted(self._learnt))

    @property
    def locked(self) -> tuple[str, ...]:
        """Those of them that the file has: none where it could not be written."""
        return () if self.problem else self.learnt

    def learn(self, reference: str, image: RemoteImage) -> RemoteImage:
        """Lock an image that was looked up just now; gives what is locked, which may have been learnt meanwhile."""
        name = name_of(reference)
        if not name:
            return image
        with self._guard:
            if name not in self._lock.pins:
                self._learnt[name] = image
                self._lock = self._lock.with_new({name: image})
                self._save()
            return self._lock.pins[name]

    def learn_from(self, catalog: Catalog) -> None:
        """Lock what an earlier look-up found, so that what a saved plan brings to the hosts is what is locked."""
        for query, answer in catalog.answers.items():
            if isinstance(query, ImageQuery) and isinstance(answer, RemoteImage):
                self.learn(query.reference, answer)

    def change(self, how: Callable[[Lock], Lock]) -> Lock:
        """Replace the lock by another one made from it, in the file too; raises LockError when that can't be done."""
        with self._guard:
            self._lock = how(self._lock)
            self._write()
            return self._lock

    def _read(self) -> Lock:
        return read(self.path) if self.path.exists() or self.path.is_symlink() else Lock()

    def _save(self) -> None:
        if self._writes:
            try:
                self._write()
            except LockError as error:
                self.problem = str(error)

    def _write(self) -> None:
        target = self.path.resolve()
        temporary = target.with_name(f".{target.name}.new")
        try:
            temporary.write_text(render(self._lock), encoding="utf-8")
            temporary.replace(target)
        except OSError as error:
            hint = "Make the folder writable, or choose another place with --lock."
            raise LockError(f"can't be written: {error.strerror}", hint, path=str(self.path)) from error
