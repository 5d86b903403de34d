"""One function over many hosts: bounded, one result per host, and a stop that leaves nothing half-done.

Threads are daemons: one that hangs in a dead connection can hold up neither the others nor the end of the program.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from fleet.errors import Interrupted
from fleet.model import Host

R = TypeVar("R")
_TICK = 0.2
"""Seconds between two looks at the keyboard, when nothing happens."""


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
    results: dict[str, R] = {}
    for name, result in _collect(finished, len(hosts), stop, interrupting):
        results[name] = result
    return results


def _collect(
    finished: queue.SimpleQueue[tuple[str, R]], expected: int, stop: Stop, interrupting: Callable[[Sequence[str]], None]
) -> Iterable[tuple[str, R]]:
    count = 0
    while count < expected:
        try:
            yield finished.get(timeout=_TICK)
            count += 1
        except queue.Empty:
            if stop.is_wanted and not stop.acting_hosts():
                return
        except KeyboardInterrupt:
            if stop.is_wanted:
                return
            stop.ask()
            interrupting(stop.acting_hosts())
