"""(Host, Facts, Recipe, Catalog) → Plan: pure, deterministic, and right on a bare host too.

Each step plans from the facts as they will be after the steps before it. What the network must be asked for is found
out on the way, so that a host which is as wanted costs no look-up at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet.model import (
    Blocked,
    Catalog,
    Change,
    Facts,
    Host,
    Options,
    Plan,
    Planned,
    Query,
    Reboot,
    Satisfied,
    Situation,
    Skipped,
    Step,
    Verdict,
)

LEFT_OUT = "left out on the command line"

OptionsOf = Callable[[Step[Any]], Options]


@dataclass(frozen=True, slots=True)
class Missing:
    """The plan can't be told before these have been looked up; ``steps`` are those that ask for it."""

    queries: tuple[Query[Any], ...]
    steps: tuple[str, ...] = field(default=(), compare=False)


def chosen(steps: Sequence[Step[Any]], named: Sequence[str]) -> tuple[Step[Any], ...]:
    """The named steps and all that they require, in the order of ``steps``."""
    by_name = {step.name: step for step in steps}
    wanted: set[str] = set()
    waiting = list(named)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(by_name[name].requires)
    return tuple(step for step in steps if step.name in wanted)


def build(
    host: Host,
    recipe: str,
    steps: Sequence[Step[Any]],
    facts: Facts,
    options_of: OptionsOf,
    catalog: Catalog,
    left_out: Sequence[str] = (),
) -> Plan | Missing:
    """The plan for one host, or what has to be looked up first.

    ``left_out`` are steps that the user does not want to be changed (`--skip`); they are still looked at, since later
    ones plan from them.
    """
    verdicts: dict[str, Verdict] = {}
    missing: list[Query[Any]] = []
    asking: list[str] = []
    for step in steps:
        reason = _cannot(step, verdicts)
        if reason:
            verdicts[step.name] = Skipped(reason)
            continue
        options = options_of(step)
        situation = Situation(facts, options, catalog)
        unknown = _unknown(step, situation)
        if unknown:
            missing += unknown
            asking.append(step.name)
            verdicts[step.name] = Skipped("waiting for the network")
            continue
        verdict = _not_under_itself(step.verdict(situation), host)
        if step.name in left_out and isinstance(verdict, Change | Blocked):
            verdict = Skipped(LEFT_OUT)
        verdicts[step.name] = verdict
        if isinstance(verdict, Satisfied | Change):
            facts = verdict.after(facts)
    if missing:
        return Missing(tuple(dict.fromkeys(missing)), tuple(asking))
    _drop_idle_means(steps, verdicts)
    return Plan(host.name, recipe, tuple(Planned(step.name, _addressed(verdicts[step.name], host)) for step in steps))


def _unknown(step: Step[Any], situation: Situation[Any]) -> list[Query[Any]]:
    """What has to be looked up before the step's verdict; its further questions depend on the first answers."""
    first = [q for q in step.queries(situation.facts, situation.options) if q not in situation.catalog]
    return first or [q for q in step.questions(situation) if q not in situation.catalog]


def _not_under_itself(verdict: Verdict, host: Host) -> Verdict:
    """The machine that fleet runs on can't be rebooted by it and then go on."""
    if host.is_local and isinstance(verdict, Change) and any(isinstance(action, Reboot) for action in verdict.actions):
        return Blocked(
            f"{verdict.why}: that takes a reboot, and this is the machine that fleet itself runs on",
            "Provision it over SSH from another machine, with --allow-reboot.",
        )
    return verdict


def addressed(remedy: str, host: Host) -> str:
    """Steps don't know whom they plan for and write HOST; a remedy can be typed as it stands when it names the host."""
    return remedy.replace("fleet run HOST ", f"fleet run {host.name} ")


def _addressed(verdict: Verdict, host: Host) -> Verdict:
    return Blocked(verdict.why, addressed(verdict.hint, host)) if isinstance(verdict, Blocked) else verdict


def _cannot(step: Step[Any], verdicts: dict[str, Verdict]) -> str:
    for name in step.requires:
        verdict = verdicts.get(name)
        if isinstance(verdict, Blocked):
            return f"{name} is blocked"
        if isinstance(verdict, Skipped):
            return f"{name} is {LEFT_OUT}" if verdict.why == LEFT_OUT else verdict.why
    return ""


def _drop_idle_means(steps: Sequence[Step[Any]], verdicts: dict[str, Verdict]) -> None:
    """A key or a source is a means: when nothing that it is for can go on, the host is better left as it is."""
    for step in steps:
        ends = _ends(step, steps) if step.means and isinstance(verdicts[step.name], Change) else []
        if ends and all(isinstance(verdicts[end], Blocked | Skipped) for end in ends):
            verdicts[step.name] = Skipped(f"not needed, since {ends[0]} can't go on")


def _ends(step: Step[Any], steps: Sequence[Step[Any]]) -> list[str]:
    """The steps that are wanted for themselves and need this one, be it by way of others."""
    needing = {step.name}
    for later in steps:
        if needing & set(later.requires):
            needing.add(later.name)
    return [s.name for s in steps if s.name in needing and not s.means]
