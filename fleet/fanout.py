"""One function over many hosts: bounded, one result per host, and a stop that leaves nothing half-done.

Threads are daemons: one that hangs in a dead connection can hold up neither the others nor the end of the program.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from fleet.errors import Interrupted
from fleet.model import Host

R = TypeVar("R")
_TICK = 0.2
"""Seconds between two looks at the keyboard, when nothing happens."""
_LAST_WORDS = 3.0
"""Seconds that a host has to report after its last action, when the run is being stopped."""


class Stop:
    """A wish to stop that workers look at, and the hosts on which an action runs right now."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._acting: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def is_wanted(self) -> bool:
        """True once somebody has asked for it."""
        return self._wanted.is_set()

    def ask(self) -> None:
        """Ask every worker to stop before its next action."""
        self._wanted.set()

    def check(self) -> None:
        """Raise Interrupted when a stop is wanted."""
        if self.is_wanted:
            raise Interrupted("stopped by Ctrl-C before it was done", "Run the same command again; what is done stays done.")

    def wait(self, seconds: float) -> None:
        """Sleep, but not past a wish to stop."""
        self._wanted.wait(seconds)
        self.check()

    def within(self, seconds: float) -> bool:
        """Wait so long, or until a stop is wanted; True when it is."""
        return self._wanted.wait(seconds)

    @contextmanager
    def acting(self, host: str) -> Iterator[None]:
        """Around something that must not be cut off half-way."""
        with self._lock:
            self.check()
            self._acting[host] = self._acting.get(host, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._acting[host] -= 1
                if not self._acting[host]:
                    del self._acting[host]

    def acting_hosts(self) -> tuple[str, ...]:
        """Where something runs that is worth waiting for."""
        with self._lock:
            return tuple(sorted(self._acting))


def fan_out(
    hosts: Sequence[Host],
    work: Callable[[Host], R],
    *,
    parallel: int,
    stop: Stop,
    interrupting: Callable[[Sequence[str]], None] = lambda hosts: None,
) -> dict[str, R]:
    """Call ``work`` for every host, at most ``parallel`` at a time; ``work`` must not raise.

    At the first Ctrl-C no host begins anything new and those in the middle of an action are waited for; at the second
    nothing is waited for. Hosts without a result are missing from what is returned.
    """
    waiting = deque(hosts)
    finished: queue.SimpleQueue[tuple[str, R]] = queue.SimpleQueue()

    def worker() -> None:
        while not stop.is_wanted:
            try:
                host = waiting.popleft()
            except IndexError:
                return
            finished.put((host.name, work(host)))

    for number in range(min(parallel, len(hosts))):
        threading.Thread(target=worker, name=f"fleet-{number}", daemon=True).start()
    with _counting_interrupts() as interrupts:
        return _collect(finished, len(hosts), _Patience(stop, interrupts, interrupting))


@contextmanager
def _counting_interrupts() -> Iterator[list[int]]:
    """A list that grows with every Ctrl-C, which raises nothing meanwhile. Only the main thread can have it so."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


class _Patience:
    """Decides when hosts that have not finished are waited for no more."""

    def __init__(self, stop: Stop, interrupts: Sequence[int], interrupting: Callable[[Sequence[str]], None]) -> None:
        self._stop = stop
        self._interrupts = interrupts
        self._interrupting = interrupting
        self._caught: set[str] = set()
        self._rested = 0.0

    def is_over(self, done: Container[str]) -> bool:
        """Look at the keyboard; ``done`` are the hosts that have finished."""
        if self._interrupts and not self._stop.is_wanted:
            self._stop.ask()
            acting = self._stop.acting_hosts()
            self._caught = set(acting)
            self._interrupting(acting)
        if not self._stop.is_wanted:
            return False
        return len(self._interrupts) > 1 or self._nothing_acts(done)

    def _nothing_acts(self, done: Container[str]) -> bool:
        """Those caught in an action have a moment more, to say what came of it."""
        if self._stop.acting_hosts():
            self._rested = 0.0
            return False
        self._rested = self._rested or time.monotonic()
        return all(name in done for name in self._caught) or time.monotonic() - self._rested > _LAST_WORDS


def _collect(finished: queue.SimpleQueue[tuple[str, R]], expected: int, patience: _Patience) -> dict[str, R]:
    results: dict[str, R] = {}
    while len(results) < expected and not patience.is_over(results):
        try:
            name, result = finished.get(timeout=_TICK)
        except queue.Empty:
            continue
        results[name] = result
    return results
