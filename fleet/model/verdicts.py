"""Verdicts: what a step has found when it compared what is with what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fleet.model.actions import Action
from fleet.model.facts import Facts


def unchanged(facts: Facts) -> Facts:
    """The ``after`` of a change which no later step needs to know of."""
    return facts


@dataclass(frozen=True, slots=True)
class Satisfied:
    """The host is as wanted; ``warnings`` say what deserves a look all the same.

    ``after`` adds what a step has worked out for later ones; nothing on the host changes by it.
    """

    why: str
    warnings: tuple[str, ...] = ()
    after: Callable[[Facts], Facts] = field(default=unchanged, compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """The host is not as wanted yet; ``actions`` make it so and ``after`` says what is true then."""

    why: str
    actions: tuple[Action, ...]
    diff: str = ""
    after: Callable[[Facts], Facts] = field(default=unchanged, compare=False)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """The host can't or must not be made as wanted; ``hint`` is the way out."""

    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not looked at, since a step that it requires is blocked, or because the user asked so."""

    why: str


Verdict = Satisfied | Change | Blocked | Skipped
