"""The program for one host, one function a verb: how far the walk goes. Each returns the host's report and raises FleetErrors."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import date
from typing import Any

from fleet.errors import CommandTimeout, FleetError, RemoteError
from fleet.facts import MACHINE, ROOT_WAYS, SUDO
from fleet.facts.daemon import DAEMON
from fleet.job import PROBES, Job, failure_of
from fleet.model import Blocked, Change, Done, HostReport, Outcome, Satisfied, Skipped, StepOutcome, Verdict
from fleet.plan import saved as saved_room
from fleet.remote import execute, round_trip
from fleet.shell import quote
from fleet.tasks import applying, building, probing, proving
from fleet.tasks.fab import reconnect
from fleet.tasks.probing import Proposal

NEEDS_ENGINE = ("engine", "service")
"""Without these in the recipe there is nothing to prove; without them in order there is no use in trying."""


def facts(c: Any, job: Job) -> HostReport:
    """Probe, and no more."""
    _stage(job, "probing")
    found = probing.ask_meant(c, job, PROBES)
    warnings = () if found[SUDO] in ROOT_WAYS else (f"sudo: {found[SUDO]}; what only root sees is unknown",)
    return HostReport(job.host.name, facts=found, steps=_warn("facts", warnings))


def images(c: Any, job: Job) -> HostReport:
    """Probe, as root: others may not ask the daemon. Fails where no daemon answers."""
    _stage(job, "probing")
    found = probing.ask_meant(c, job)
    probing.require_root(found)
    if not found[DAEMON].version:
        raise RemoteError("no Docker daemon answers on this host", f"fleet provision {job.host.name}")
    return HostReport(job.host.name, facts=found)


def plan(c: Any, job: Job) -> HostReport:
    """Probe and plan."""
    proposal = _propose(c, job)
    job.run.reporter.planned(job.host.name, proposal.plan)
    return HostReport(job.host.name, plan=proposal.plan, facts=proposal.facts, saved=_saved(proposal))


def provision(c: Any, job: Job) -> HostReport:
    """Probe, plan, apply, probe again, prove. A host that is as wanted costs the first probe alone."""
    proposal = _propose(c, job)
    job.run.reporter.planned(job.host.name, proposal.plan)
    building.announce(job, proposal.plan, proposal.facts)
    report = HostReport(job.host.name, plan=proposal.plan, facts=proposal.facts)
    _stage(job, "applying" if proposal.plan.changes else "done")
    report = report.but(steps=applying.apply(c, job, proposal.plan))
    try:
        if proposal.plan.changes:
            job.run.stop.check()
        return _checked(c, job, report, proposal) if _has_changed(report) else report
    except FleetError as error:  # what was done must stand in the report, whatever comes after it
        return report.but(failure=failure_of(error, reached=True))


def _has_changed(report: HostReport) -> bool:
    return any(o.outcome is Outcome.CHANGED for o in report.steps)


def _checked(c: Any, job: Job, report: HostReport, before: Proposal) -> HostReport:
    _stage(job, "checking")
    reconnect(c)
    after = probing.propose_again(job, probing.ask(c, job), before)
    outcomes = proving.confirm(report.steps, after.plan)
    report = report.but(steps=outcomes, facts=after.facts)
    if not _can_prove(after, outcomes):
        return report
    _stage(job, "proving")
    proof, proven = proving.prove(c, job, after)
    job.run.reporter.step_finished(job.host.name, proof)
    return report.but(steps=(*outcomes, proof), proven=proven)


def _can_prove(proposal: Proposal, outcomes: tuple[StepOutcome, ...]) -> bool:
    well = {o.step for o in outcomes if o.outcome in (Outcome.OK, Outcome.CHANGED)}
    if "engine" not in proposal.options or not all(name in well for name in NEEDS_ENGINE if name in proposal.options):
        return False
    return "service" in proposal.options or bool(proposal.facts[DAEMON].version)  # --step may leave a stopped daemon as it is


def verify(c: Any, job: Job) -> HostReport:
    """Probe, plan, and anything but an empty plan is a difference; then the proof."""
    proposal = _propose(c, job)
    outcomes = tuple(_difference(job, p.step, p.verdict) for p in proposal.plan.steps)
    report = HostReport(job.host.name, plan=proposal.plan, facts=proposal.facts, steps=outcomes)
    for outcome in outcomes:
        job.run.reporter.step_finished(job.host.name, outcome)
    if not _can_prove(proposal, outcomes):
        return report
    _stage(job, "proving")
    proof, proven = proving.prove(c, job, proposal)
    job.run.reporter.step_finished(job.host.name, proof)
    return report.but(steps=(*outcomes, proof), proven=proven)


def _difference(job: Job, step: str, verdict: Verdict) -> StepOutcome:
    match verdict:
        case Satisfied(why, warnings):
            return StepOutcome(step, Outcome.OK, why, warnings=warnings)
        case Change(why):
            return StepOutcome(step, Outcome.FAILED, f"not as wanted: {why}", f"fleet provision {job.host.name}")
        case Blocked(why, hint):
            return StepOutcome(step, Outcome.BLOCKED, why, hint)
        case Skipped(why):
            return StepOutcome(step, Outcome.SKIPPED, why)


def doctor(c: Any, job: Job, today: date) -> HostReport:
    """Probe with the doctor's own questions too, and say what is wrong."""
    from fleet import doctor as doctor_room  # for this verb alone

    _stage(job, "probing")
    seconds = round_trip(c)
    found = probing.ask_meant(c, job, (*PROBES, *doctor_room.PROBES))
    found = found.but(doctor_room.ROUND_TRIP, seconds).but(doctor_room.TODAY, today)
    return HostReport(job.host.name, facts=found, findings=doctor_room.examine(job.host.name, found))


def command(c: Any, job: Job, words: tuple[str, ...], sudo: bool, timeout: float) -> HostReport:
    """One command of the user's own. A single word is a line for the shell; several are one command, quoted."""
    if job.run.matches is not None or (sudo and job.run.sudo.known is None):
        found = probing.ask_meant(c, job)
        if sudo:
            probing.require_root(found)
    line = words[0] if len(words) == 1 else shlex.join(words)
    _stage(job, "running")
    try:
        done = _execute(c, job, f"sh -c {quote(line)}", sudo, timeout)
    except CommandTimeout as error:
        raise CommandTimeout(error.message, "If it needs longer, give it longer: --timeout SECONDS.") from error
    outcome = StepOutcome("run", Outcome.OK if done.code == 0 else Outcome.FAILED, f"exit code {done.code}", seconds=done.seconds)
    return HostReport(job.host.name, steps=(outcome,), output=done)


def _execute(c: Any, job: Job, script: str, sudo: bool, timeout: float) -> Done:
    with job.run.stop.acting(job.host.name):
        done = execute(
            c,
            script,
            root=sudo,
            sudo_password=job.run.sudo.known,
            timeout=timeout,
            on_line=job.say,
            on_error_line=lambda line: job.say(line, error=True),
            idle=timeout,
        )
    return replace(done, out=job.masked(done.out), err=job.masked(done.err))


def _propose(c: Any, job: Job) -> Proposal:
    _stage(job, "probing")
    found = probing.ask_meant(c, job)
    probing.require_root(found)
    _stage(job, "planning")
    return probing.repeat(job, found)


def _saved(proposal: Proposal) -> dict[str, Any]:
    return saved_room.to_data(proposal.plan, proposal.facts[MACHINE].machine_id, proposal.options, proposal.catalog)


def _warn(step: str, warnings: tuple[str, ...]) -> tuple[StepOutcome, ...]:
    return (StepOutcome(step, Outcome.OK, "", warnings=warnings),) if warnings else ()


def _stage(job: Job, stage: str) -> None:
    job.run.stop.check()
    job.run.reporter.stage(job.host.name, stage)
