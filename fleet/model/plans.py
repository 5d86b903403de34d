"""Plans: verdicts in order, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.verdicts import Blocked, Change, Verdict


@dataclass(frozen=True, slots=True)
class Planned:
    """One step of a plan with its verdict."""

    step: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done on one host, in order. A value: equal plans do equal things.

    ``unmet`` are the recipe's sections that are not for this host (`when`), each with the reason.
    """

    host: str
    recipe: str
    steps: tuple[Planned, ...]
    unmet: tuple[tuple[str, str], ...] = ()

    @property
    def changes(self) -> tuple[Planned, ...]:
        """The steps that would change something."""
        return tuple(s for s in self.steps if isinstance(s.verdict, Change))

    @property
    def blocked(self) -> tuple[Planned, ...]:
        """The steps that can't be made true."""
        return tuple(s for s in self.steps if isinstance(s.verdict, Blocked))

    @property
    def is_empty(self) -> bool:
        """True when the host is as wanted."""
        return not self.changes and not self.blocked
