"""The programs of `fleet stacks` for one host: which there are, back to the good one before, and away."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from fleet.containers import stacked
from fleet.distros.base import IMAGE_PLATFORMS
from fleet.errors import RemoteError
from fleet.facts import MACHINE
from fleet.facts.stacks import STACKS, Stack
from fleet.formats.moments import moment
from fleet.job import Job, probes_for
from fleet.model import Done, Facts, HostReport, Outcome, StepOutcome, Verdict
from fleet.remote import execute
from fleet.steps import stack_scripts
from fleet.steps.stack_drift import named
from fleet.steps.stack_options import StacksOptions
from fleet.tasks import probing
from fleet.tasks.failures import last_words
from fleet.tasks.probing import Proposal

STEP = "stacks"
_SLACK = 300
"""Seconds beyond those for health, twice: a start that fails is followed by the one that goes back."""


def stacks(c: Any, job: Job) -> HostReport:
    """The stacks of the host, and how they stand to its recipe."""
    facts = _look(c, job)
    return HostReport(job.host.name, facts=facts, stacks=stacked.states(facts[STACKS], _verdicts(job, facts)))


def _verdicts(job: Job, facts: Facts) -> stacked.Verdicts:
    """What each stack of the recipe needs, by a plan for it alone."""
    if STEP not in job.fitted(facts).recipe.sections:
        return {}
    proposal = probing.propose(replace(job, run=replace(job.run, only=(STEP,))), facts)
    options = proposal.options[STEP]
    if not isinstance(options, StacksOptions):
        raise TypeError(f"the options of {STEP} are {type(options).__name__}")
    return {name: _verdict(job, proposal, options.only(name)) for name in options.named}


def _verdict(job: Job, proposal: Proposal, options: StacksOptions) -> Verdict:
    found = probing.propose_with(job, proposal, {**proposal.options, STEP: options})
    return next(planned.verdict for planned in found.plan.steps if planned.step == STEP)


def rollback(c: Any, job: Job, name: str, seconds: int) -> HostReport:
    """Back to the good one before; it is said which one that is."""
    facts = _look(c, job)
    there = facts[STACKS].find(name)
    if not there:
        return _none(facts, job, name)
    if not there.kept:
        why = f"no good {name} before the present one is kept here"
        hint = f"Only a change of a stack that is well keeps what it was. Correct the recipe: fleet provision {job.host.name}"
        raise RemoteError(why, hint)
    wanted = IMAGE_PLATFORMS.get(facts[MACHINE].architecture, "")
    script = stack_scripts.rollback(name, seconds=seconds, platform=wanted if wanted.startswith("linux/arm/") else "")
    return _done(c, job, there, script, 2 * seconds + _SLACK, "rolling back")


def down(c: Any, job: Job, name: str) -> HostReport:
    """Take a stack away; its volumes stay."""
    facts = _look(c, job)
    there = facts[STACKS].find(name)
    if not there:
        return _none(facts, job, name)
    return _done(c, job, there, stack_scripts.remove(name), _SLACK * 2, "taking down")


def _look(c: Any, job: Job) -> Facts:
    _stage(job, "probing")
    facts = probing.ask_meant(c, job, probes_for((STEP,)))
    probing.require_root(facts)
    return facts


def _none(facts: Facts, job: Job, name: str) -> HostReport:
    """Nothing to be done on this host; that it is so on all of them is a failure."""
    names = ", ".join(stack.name for stack in facts[STACKS].found)
    hint = f"Those that are there: {names}" if names else f"Deploy it: fleet provision {job.host.name}"
    return HostReport(
        job.host.name, steps=(StepOutcome(STEP, Outcome.SKIPPED, f"there is no stack {name!r} on this host", hint),)
    )


def _done(c: Any, job: Job, there: Stack, script: str, seconds: int, stage: str) -> HostReport:
    _stage(job, stage)
    started = time.monotonic()
    done = _as_root(c, job, f"set -e\n{script}\n", seconds)
    took = time.monotonic() - started
    if done.code:
        outcome = StepOutcome(STEP, Outcome.FAILED, last_words(done), f"fleet stacks {job.host.name}", took)
    else:
        outcome = StepOutcome(STEP, Outcome.CHANGED, _deed(there, done), "", took)
        job.run.reporter.note(job.host.name, outcome.why)
    job.run.reporter.step_finished(job.host.name, outcome)
    return HostReport(job.host.name, steps=(outcome,))


def _as_root(c: Any, job: Job, script: str, seconds: int) -> Done:
    with job.run.stop.acting(job.host.name):
        done = execute(c, script, root=True, sudo_password=job.run.sudo.known, timeout=seconds, on_line=job.say, idle=seconds)
    return replace(done, out=job.masked(done.out), err=job.masked(done.err))


def _deed(there: Stack, done: Done) -> str:
    """What was done, by what the script of a rollback has printed."""
    said = [line.split(" ", 2)[1:] for line in done.out.splitlines() if line.startswith("fleet ")]
    since = next((float(value) for word, value in said if word == "since"), 0.0)
    if not since:
        return f"took {there.name} away; its volumes stay"
    files = dict.fromkeys(named(value) for word, value in said if word == "differs")
    return f"{there.name} is back to what it was on {moment(since)} ({', '.join(files) or 'nothing'} changed)"


def _stage(job: Job, stage: str) -> None:
    job.run.stop.check()
    job.run.reporter.stage(job.host.name, stage)
