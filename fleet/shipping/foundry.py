"""Who of a run builds an image that is built once for each platform, and from whom the others take it.

The best host builds: those that are worse wait for it as long as it is at work in this run and may still build. Whoever
waits, waits for a better one, for one that is building now, or for one of which nothing is known yet and which itself waits
for nobody; so there is no circle, however many hosts are worked on at once. A host that fails or leaves is waited for no more.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

T = TypeVar("T")

TICK = 0.5
"""Seconds between two looks at whether the run is being stopped."""
STRANGERS = 60.0
"""Seconds that a host is waited for of which nothing is known yet."""
ENOUGH_FAILURES = 2
"""With so many hosts that could not build it, the others don't try: it is not the host."""


class Ware(NamedTuple):
    """An image for one platform, by the label that tells what it was built from."""

    tag: str
    built: str
    platform: str


@dataclass(frozen=True, slots=True)
class Make:
    """Build it here."""


@dataclass(frozen=True, slots=True)
class Take:
    """Take it from this host."""

    source: str


@dataclass(frozen=True, slots=True)
class Nobody:
    """It can't be had in this run."""

    why: str


@dataclass(slots=True)
class Turn:
    """What several workers do one after the other; ``by`` is the host that has done it."""

    by: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class _Smith:
    """One host. ``builds`` is None until its plan is known; an ``active`` one is being worked on."""

    active: bool = True
    rank: tuple[int, ...] = ()
    builds: frozenset[Ware] | None = None
    has: set[Ware] = field(default_factory=set)
    at_work: set[Ware] = field(default_factory=set)
    failed: dict[Ware, str] = field(default_factory=dict)


class Foundry:
    """Made with the run, told by every host's worker what becomes of its host, closed at the end."""

    def __init__(self, strangers: float = STRANGERS) -> None:
        self._strangers = strangers
        self._smiths: dict[str, _Smith] = {}
        self._changed = threading.Condition()
        self._once: dict[object, Future[object]] = {}
        self._turns: dict[object, Turn] = {}
        self._folder: TemporaryDirectory[str] | None = None
        self._places = itertools.count(1)

    # ── what workers tell ────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, host: str) -> None:
        """This host is being worked on; what it will build is not known yet."""
        with self._changed:
            self._smiths[host] = _Smith()

    def plans(self, host: str, rank: tuple[int, ...], builds: frozenset[Ware], has: frozenset[Ware]) -> None:
        """What the host's plan is to build there, and what it has already."""
        with self._changed:
            smith = self._smiths.setdefault(host, _Smith())
            smith.rank, smith.builds = rank, builds
            smith.has |= has
            self._changed.notify_all()

    def made(self, host: str, ware: Ware) -> None:
        """It has the image now."""
        with self._changed:
            self._smiths[host].has.add(ware)
            self._smiths[host].at_work.discard(ware)
            self._changed.notify_all()

    def failed(self, host: str, ware: Ware, why: str) -> None:
        """It could not build the image, or does not give it."""
        with self._changed:
            smith = self._smiths[host]
            smith.failed[ware] = why
            smith.has.discard(ware)
            smith.at_work.discard(ware)
            self._changed.notify_all()

    def end(self, host: str) -> None:
        """This host is left alone from now on; what it has, it may still give."""
        with self._changed:
            self._smiths[host].active = False
            self._changed.notify_all()

    # ── what a worker asks ───────────────────────────────────────────────────────────────────────────────────────────

    def assign(
        self,
        host: str,
        ware: Ware,
        *,
        able: bool,
        seconds: float,
        check: Callable[[], None],
        tell: Callable[[tuple[str, ...]], None],
    ) -> Make | Take | Nobody:
        """What this host is to do, as soon as that is clear; in the end, after so many ``seconds``, to build it.

        ``check`` is called now and then and raises to stop waiting; ``tell`` gets the hosts that are waited for.
        """
        began = time.monotonic()
        told: tuple[str, ...] = ()
        while True:
            check()
            waited = time.monotonic() - began
            with self._changed:
                found = self._decide(host, ware, able, waited, seconds)
                if not isinstance(found, tuple):
                    return found
                if found == told:
                    self._changed.wait(TICK)
            if found != told:
                told = found
                tell(told)

    def _decide(self, host: str, ware: Ware, able: bool, waited: float, seconds: float) -> Make | Take | Nobody | tuple[str, ...]:
        sources = [name for name, smith in self._smiths.items() if ware in smith.has and name != host]
        if sources:
            return Take(min(sources, key=lambda name: (("archive", name, ware) not in self._once, self._order(name))))
        failures = {name: smith.failed[ware] for name, smith in self._smiths.items() if ware in smith.failed}
        if len(failures) >= ENOUGH_FAILURES:
            return Nobody("; ".join(f"{name}: {why}" for name, why in failures.items()))
        awaited = self._awaited(host, ware, able, waited)
        if awaited and waited < seconds:
            return awaited
        if not able:
            return Nobody("; ".join(f"{name}: {why}" for name, why in failures.items()))
        self._smiths[host].at_work.add(ware)
        return Make()

    def _awaited(self, host: str, ware: Ware, able: bool, waited: float) -> tuple[str, ...]:
        """The hosts that may have it soon, the best first."""

        def is_awaited(name: str, smith: _Smith) -> bool:
            if not smith.active or name == host or ware in smith.failed:
                return False
            if smith.builds is None:
                return waited < self._strangers
            better = not able or self._order(name) < self._order(host)
            return ware in smith.at_work or (ware in smith.builds and better)

        return tuple(sorted((n for n, smith in self._smiths.items() if is_awaited(n, smith)), key=self._order))

    def _order(self, name: str) -> tuple[tuple[int, ...], str]:
        """The best host comes first; of equals, by name."""
        return tuple(-number for number in self._smiths[name].rank), name

    def once(self, key: object, work: Callable[[], T], check: Callable[[], None]) -> T:
        """What the first worker that came with this key got from its work, or the error that this raised."""
        with self._changed:
            mine = key not in self._once
            answer = self._once.setdefault(key, Future())
        if mine:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)
        while not wait((answer,), TICK).done:
            check()
        return answer.result()  # type: ignore[return-value]

    @contextmanager
    def turn(self, key: object, check: Callable[[], None]) -> Iterator[Turn]:
        """One worker after the other; each finds what those before it have noted."""
        with self._changed:
            mine = self._turns.setdefault(key, Turn())
        while not mine.lock.acquire(timeout=TICK):
            check()
        try:
            yield mine
        finally:
            mine.lock.release()

    # ── archives on the laptop ───────────────────────────────────────────────────────────────────────────────────────

    def place(self) -> Path:
        """A new file name in a temporary folder, which is there until the run's end."""
        with self._changed:
            self._folder = self._folder or TemporaryDirectory(prefix="fleet-builds-", ignore_cleanup_errors=True)
            return Path(self._folder.name, f"{next(self._places)}.tar")

    def close(self) -> None:
        """Remove the archives."""
        with self._changed:
            if self._folder:
                self._folder.cleanup()
                self._folder = None
