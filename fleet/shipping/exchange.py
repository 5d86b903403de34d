"""Which hosts of a run have an image and may give it to others, and whose turn it is: no IO, many threads.

Each host that has got it gives it to others too, so that the number of givers doubles; and the laptop sends it to one
host at a time for each platform, as long as another host can hope to get it from that one.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fleet.model import Host

READERS = 2
"""At a giver at once: an SD card is quicker read than written, but not by much."""
TRIES = 2
"""At different givers, before a host gets it from the laptop after all."""
PATIENCE = 5.0
"""Seconds that the first host that lacks it waits for one that has it already."""
_TICK = 0.2


@dataclass(slots=True)
class _Giver:
    host: Host
    readers: int = 0


class Exchange:
    """One for all hosts of a run; ``expected`` of them are asked at once what they have."""

    def __init__(self, expected: int, patience: float = PATIENCE) -> None:
        self._expected = expected
        self._patience = patience
        self._heard: set[str] = set()
        self._givers: dict[str, list[_Giver]] = {}
        self._sending: Counter[str] = Counter()
        self._changed = threading.Condition()

    def hear(self, host: Host) -> None:
        """What this host has is known now, or never will be."""
        with self._changed:
            self._heard.add(host.name)
            self._changed.notify_all()

    def offer(self, platform: str, host: Host) -> None:
        """This host has the image for a platform, and can give it."""
        with self._changed:
            self._givers.setdefault(platform, []).append(_Giver(host))
            self._changed.notify_all()

    @contextmanager
    def turn(self, platform: str, host: Host, tried: Collection[str], check: Callable[[], None]) -> Iterator[Host | None]:
        """Wait for a host to take the image from, other than those that were tried; None: get it from the laptop.

        ``check`` is called now and then, and raises when the wait is to end.
        """
        giver = self._wait(platform, host, tried, check)
        try:
            yield giver.host if giver else None
        finally:
            with self._changed:
                if giver:
                    giver.readers -= 1
                else:
                    self._sending[platform] -= 1
                self._changed.notify_all()

    def _wait(self, platform: str, host: Host, tried: Collection[str], check: Callable[[], None]) -> _Giver | None:
        """Others are waited for only while they are at work, so that this has an end."""
        ends = time.monotonic() + self._patience
        with self._changed:
            while True:
                check()
                others = [g for g in self._givers.get(platform, ()) if g.host.name not in tried]
                if len(tried) >= TRIES or not (others or self._is_hope(platform, ends)):
                    self._sending[platform] += 1
                    return None
                free = [giver for giver in others if giver.readers < READERS]
                if free:
                    giver = min(free, key=lambda giver: (-closeness(giver.host.address, host.address), giver.readers))
                    giver.readers += 1
                    return giver
                self._changed.wait(_TICK)

    def _is_hope(self, platform: str, ends: float) -> bool:
        """Somebody gets it from the laptop right now, or may turn out to have it."""
        if self._sending[platform]:
            return True
        return not self._givers.get(platform) and len(self._heard) < self._expected and time.monotonic() < ends


def closeness(one: str, other: str) -> int:
    """How many leading bits two addresses have in common; none where they are names, or of different versions."""
    try:
        a, b = ipaddress.ip_address(one), ipaddress.ip_address(other)
    except ValueError:
        return 0
    return a.max_prefixlen - (int(a) ^ int(b)).bit_length() if a.version == b.version else 0
