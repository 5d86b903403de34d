"""The stacks of a host beside those of its recipe."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.facts.stacks import Stack, Stacks
from fleet.model import Blocked, Change, Satisfied, Skipped, StackState, Verdict
from fleet.steps.stack_drift import amiss

Verdicts = Mapping[str, Verdict]
"""What each stack of a recipe needs."""


def states(found: Stacks, wanted: Verdicts) -> tuple[StackState, ...]:
    """Those of the host and those of the recipe, by name."""
    names = sorted({*wanted, *(stack.name for stack in found.found)})
    return tuple(_state(name, found.find(name), wanted) for name in names)


def _state(name: str, there: Stack | None, wanted: Verdicts) -> StackState:
    recipe, why, hint = _to_recipe(name, wanted)
    if there is None:
        return StackState(name, "absent", recipe=recipe, why=why, hint=hint)
    of = len(there.expected) or len(there.containers)
    return StackState(name, _in_a_word(there), _well(there), of, there.since, there.kept, recipe, why, hint)


def _in_a_word(there: Stack) -> str:
    if not there.is_whole:
        return "failed"
    return "degraded" if any(amiss(there)) else "running"


def _well(there: Stack) -> int:
    """How many containers run as they did when it was in order; where that never was, how many run at all."""
    if not there.is_whole:
        return sum(container.state == "running" for container in there.containers)
    left = list(there.expected)
    for container in there.containers:
        if container.essence in left and container.health != "unhealthy":
            left.remove(container.essence)
    return len(there.expected) - len(left)


def _to_recipe(name: str, wanted: Verdicts) -> tuple[str, str, str]:
    if name not in wanted:
        return "not in it", "", ""
    match wanted[name]:
        case Change(why):
            return "differs", why.removeprefix(f"{name}: "), ""
        case Blocked(why, hint):
            return "blocked", why, hint
        case Skipped(why):
            return "blocked", why, ""
        case Satisfied():
            return "as wanted", "", ""
