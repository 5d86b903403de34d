"""Outcomes and results: what came of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from fleet.model.containers import Container, StackState, Usage
from fleet.model.facts import Facts
from fleet.model.findings import Finding
from fleet.model.plans import Plan


class Outcome(StrEnum):
    """What became of one step."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"


class Result(StrEnum):
    """What became of one host."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """One step's outcome with its reason; ``seconds`` is the time that its actions took."""

    step: str
    outcome: Outcome
    why: str
    hint: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a host left the walk before its plan was done."""

    stage: str
    why: str
    hint: str = ""
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What a command on a host returned; ``seconds`` of wall time as the laptop saw it."""

    code: int
    out: str
    err: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class HostReport:
    """All that a run has to say of one host.

    ``saved`` is the host's entry in a file of plans (verb plan), ``output`` what a command returned (verb run),
    ``findings`` what is wrong with it (verb doctor), ``containers`` and ``usage`` what runs there (verbs ps and top),
    ``sent`` the bytes of an image that went to it (verb push), ``taken`` those that it took from the host ``via``,
    ``stacks`` its stacks (verb stacks).
    """

    host: str
    steps: tuple[StepOutcome, ...] = ()
    failure: Failure | None = None
    plan: Plan | None = None
    facts: Facts | None = None
    seconds: float = 0.0
    log: str = ""
    proven: tuple[str, ...] = ()
    saved: Mapping[str, Any] | None = None
    output: Done | None = None
    findings: tuple[Finding, ...] = ()
    containers: tuple[Container, ...] | None = None
    usage: tuple[Usage, ...] | None = None
    sent: int = 0
    via: str = ""
    taken: int = 0
    stacks: tuple[StackState, ...] | None = None

    @property
    def result(self) -> Result:
        """The worst of what happened; of a plan alone, whether it can be done; of findings, whether they matter."""
        if self.failure:
            return Result.UNREACHABLE if self.failure.unreachable else Result.FAILED
        if any(finding.is_wrong for finding in self.findings):
            return Result.FAILED
        if self.plan and not self.steps:
            return Result.BLOCKED if self.plan.blocked else Result.OK
        outcomes = {s.outcome for s in self.steps}
        for outcome, result in _WORST_FIRST:
            if outcome in outcomes:
                return result
        return Result.OK

    def but(self, **fields: Any) -> HostReport:
        """The same report with some fields replaced."""
        return replace(self, **fields)


_WORST_FIRST = (
    (Outcome.FAILED, Result.FAILED),
    (Outcome.BLOCKED, Result.BLOCKED),
    (Outcome.CHANGED, Result.CHANGED),
)
