"""Costs to a table of ratios, and what was aimed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .timing import Cost

Rounds = Mapping[str, Sequence[Cost]]
"""The costs of every contestant, in the order of the rounds."""


@dataclass(frozen=True)
class Aim:
    """A ratio of two contestants at so many hosts, and the most that it is to be."""

    hosts: int
    value: str
    contestant: str
    base: str
    most: float


AIMS = (
    Aim(100, "wall", "fleet", "ssh", 0.8),
    Aim(10, "wall", "fleet", "ssh", 2.0),
    Aim(100, "cpu", "fleet", "ssh", 0.75),
    Aim(10, "wall", "fleet", "pyinfra", 1 / 6),
    Aim(10, "wall", "fleet", "ansible", 1 / 40),
)


@dataclass(frozen=True)
class Spread:
    """The median of some values, and how far they lie apart."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        digits = 1 if self.middle >= 20 else 2 if self.middle >= 0.1 else 3
        return f"{self.middle:.{digits}f} ({self.least:.{digits}f}..{self.most:.{digits}f})"


def spread(rounds: Rounds, name: str, value: str) -> Spread:
    """Of one contestant's value."""
    return Spread.of([getattr(cost, value) for cost in rounds[name]])


def ratio(rounds: Rounds, name: str, base: str, value: str) -> Spread:
    """Of two contestants' values, round by round: what slows a round down slows both."""
    pairs = zip(rounds[name], rounds[base], strict=False)
    return Spread.of([getattr(a, value) / getattr(b, value) for a, b in pairs])


def costs_table(hosts: int, rounds: Rounds, base: str = "ssh") -> list[str]:
    """A line for each contestant."""
    heads = ["", "rounds", "wall s", "client CPU s", "RSS MiB", f"wall / {base}", f"CPU / {base}"]
    rows = [heads]
    for name, costs in rounds.items():
        own = [str(spread(rounds, name, value)) for value in ("wall", "cpu")]
        both = [str(ratio(rounds, name, base, value)) for value in ("wall", "cpu")]
        rows.append([name, str(len(costs)), *own, f"{max(cost.rss for cost in costs):.0f}", *both])
    return [f"N = {hosts} hosts: median (least..most)", *_lines(rows)]


def aims_table(found: Mapping[int, Rounds]) -> list[str]:
    """What was aimed at, as far as it was measured."""
    rows = [["hosts", "what", "measured", "aim", ""]]
    for aim in AIMS:
        rounds = found.get(aim.hosts, {})
        if aim.contestant in rounds and aim.base in rounds:
            got = ratio(rounds, aim.contestant, aim.base, aim.value)
            what = f"{aim.value} of {aim.contestant} / {aim.base}"
            rows.append([str(aim.hosts), what, str(got), f"<= {aim.most:.3g}", _met(got.middle, aim.most)])
    for hosts, rounds in found.items():
        most, limit = max(cost.rss for cost in rounds["fleet"]), 80 + 0.1 * hosts
        rows.append([str(hosts), "MiB of fleet", f"{most:.0f}", f"<= {limit:.0f}", _met(most, limit)])
    return _lines(rows)


def _met(got: float, most: float) -> str:
    return "met" if got <= most else "MISSED"


def _lines(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
