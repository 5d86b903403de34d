"""The lock: which digest each image of the fleet is to have, whatever its tag names meanwhile; and the locks before it.

A digest is the one that the tag names in its registry: of the index where there is one, so that it is the same for
machines of every architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.formats.references import parse
from fleet.queries import RemoteImage

GENERATIONS = 10
"""Locks before this one that are kept."""

Pins = Mapping[str, RemoteImage]


def name_of(reference: str) -> str:
    """The name under which an image stands in the lock; empty for one that is named by its digest already."""
    parsed = parse(reference)
    return "" if parsed.digest else parsed.familiar


@dataclass(frozen=True, slots=True)
class Lock:
    """The pins by name. ``before`` has what was changed at each update, the latest first."""

    pins: Pins = field(default_factory=dict)
    before: tuple[Pins, ...] = ()

    def find(self, reference: str) -> RemoteImage | None:
        """The pin of an image, however its name is written."""
        return self.pins.get(name_of(reference))

    def with_new(self, pins: Pins) -> Lock:
        """With those that are not in it yet; the others stay as they are."""
        return Lock({**pins, **self.pins}, self.before)

    def updated(self, pins: Pins) -> Lock:
        """With these pins; what they replace becomes the lock before."""
        replaced = {name: self.pins[name] for name, pin in pins.items() if name in self.pins and self.pins[name] != pin}
        before = (replaced, *self.before)[:GENERATIONS] if replaced else self.before
        return Lock({**self.pins, **pins}, before)

    def rolled_back(self) -> Lock:
        """The lock before the last update; raises ValueError when there was none."""
        if not self.before:
            raise ValueError("there is no lock before this one")
        return Lock({**self.pins, **self.before[0]}, self.before[1:])
