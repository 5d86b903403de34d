"""How long a command may take, and be silent."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.errors import CommandTimeout

AFTER_EXIT = 2.0
"""Seconds to wait for the end of the streams once the command has ended: something it started may hold them open."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: the command's own, without a byte, between signs of life of the host, and until a channel must be open."""

    total: float
    idle: float
    keepalive: float
    opening: float

    def check(self, total: float, silent: float) -> None:
        """Raise CommandTimeout when so many seconds in all, or without a byte, are too many."""
        if total > self.total:
            raise CommandTimeout(f"The command took longer than {self.total:.0f} s.", "See what the host is doing.")
        if silent > self.idle:
            raise CommandTimeout(f"The command said nothing for {self.idle:.0f} s.", "See what the host is doing.")
