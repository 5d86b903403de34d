"""After a change: is it so? And does Docker really run a container, as each user that was promised it?"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fleet.distros.base import IMAGE_PLATFORMS
from fleet.errors import FleetError
from fleet.facts import ACCOUNTS, MACHINE, SESSION
from fleet.job import Job
from fleet.model import Blocked, Change, Facts, Outcome, Plan, Satisfied, StepOutcome
from fleet.proof import PLATFORMS, SECONDS, Proof, for_user, proof_script, read_proof
from fleet.remote import execute
from fleet.steps.group import GroupOptions, members
from fleet.tasks.probing import Proposal

PROOF = "proof"
"""The name under which the proof stands in a report, behind the steps."""


def confirm(outcomes: Iterable[StepOutcome], after: Plan) -> tuple[StepOutcome, ...]:
    """Changed means proven: a step counts as changed only if the probe after it finds it satisfied."""
    verdicts = {p.step: p.verdict for p in after.steps}
    return tuple(_confirmed(outcome, verdicts.get(outcome.step)) for outcome in outcomes)


def _confirmed(outcome: StepOutcome, verdict: object) -> StepOutcome:
    if outcome.outcome is not Outcome.CHANGED or isinstance(verdict, Satisfied):
        return outcome
    if isinstance(verdict, Blocked):
        return replace(outcome, outcome=Outcome.FAILED, why=f"done, and yet {verdict.why}", hint=verdict.hint)
    now = verdict.why if isinstance(verdict, Change) else "it can't be told"
    return replace(
        outcome,
        outcome=Outcome.FAILED,
        why=f"all its actions succeeded, yet the probe after them still wants: {now}",
        hint="Something on the host undoes it (another tool? a read-only or overlaid file system?); see the log.",
    )


def prove(c: Any, job: Job, proposal: Proposal) -> tuple[StepOutcome, tuple[str, ...]]:
    """Run the proof as every promised user: the outcome of all, and a line for each that succeeded."""
    started = time.monotonic()
    proven: list[str] = []
    warnings: list[str] = []
    for user in users(proposal):
        try:
            said = _prove_as(c, job, proposal, user)
        except FleetError as error:
            return _failed(user, error.message, error.hint, started), tuple(proven)
        if not isinstance(said, Proof):
            return _failed(user, said.why, said.hint, started), tuple(proven)
        proven.append(str(said))
        warnings += said.warnings
    outcome = StepOutcome(PROOF, Outcome.OK, "; ".join(proven), "", time.monotonic() - started, tuple(warnings))
    return outcome, tuple(proven)


def _failed(user: str, why: str, hint: str, started: float) -> StepOutcome:
    return StepOutcome(PROOF, Outcome.FAILED, f"as {user}: {why}", hint, time.monotonic() - started)


def users(proposal: Proposal) -> tuple[str, ...]:
    """Those whom the recipe puts into the group, once they are in it; else the login user or root, whoever may use Docker."""
    login = proposal.facts[SESSION].user
    options = proposal.options.get("group")
    if isinstance(options, GroupOptions) and _is_satisfied(proposal.plan, "group"):
        named = members(proposal.facts, options)
        if named:
            return named
    can = login == "root" or proposal.facts[ACCOUNTS].in_docker_group(login)
    return (login,) if can else ("root",)


def proof_platform(facts: Facts) -> str:
    """What a container on this host is: its userland's architecture decides, whatever steps are wanted or left out."""
    architecture = facts[MACHINE].architecture
    found = IMAGE_PLATFORMS.get(architecture, "")
    if found not in PLATFORMS:
        raise FleetError(
            f"Fleet has no program to prove Docker with on {architecture or 'an unknown architecture'}",
            "Try it by hand: docker run --rm hello-world",
        )
    return found


def _is_satisfied(plan: Plan, name: str) -> bool:
    """False also for a step that is not wanted, or was left out: that it can't be proven is no news then."""
    return any(p.step == name and isinstance(p.verdict, Satisfied) for p in plan.steps)


def _prove_as(c: Any, job: Job, proposal: Proposal, user: str) -> Any:
    job.run.reporter.action(job.host.name, PROOF, f"run a container as {user}")
    script = proof_script(
        platform=proof_platform(proposal.facts),
        compose=_is_satisfied(proposal.plan, "compose"),
        tag=secrets.token_hex(4),
    )
    with job.run.stop.acting(job.host.name):
        if user == proposal.facts[SESSION].user and not job.host.is_local:
            done = execute(c, script, timeout=SECONDS)
        else:
            done = execute(c, for_user(script, user), root=True, sudo_password=job.run.sudo.known, timeout=SECONDS)
    return read_proof(done.out, done.code)
