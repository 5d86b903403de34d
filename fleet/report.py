"""What a run has to say as a whole: one result per host, the exit code, and the JSON of `--json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any

from fleet.errors import NotSelected
from fleet.events import Report
from fleet.facts import named
from fleet.model import Blocked, Change, Facts, Finding, HostReport, Outcome, Plan, Result, StepOutcome
from fleet.plan.saved import plan_to_data
from fleet.shell import Secret

VERSION = 1
"""Of the JSON: it is raised when something in it is renamed, removed or means something else."""

EXIT_CODES: Mapping[int, str] = {
    0: "everything is as wanted",
    1: "a host failed or is blocked",
    2: "the command line, the inventory, a recipe or a saved plan is wrong; no host was touched",
    3: "differences were found (plan --check, verify), or something is wrong (doctor)",
    4: "hosts were unreachable, and all others are fine",
    130: "interrupted with Ctrl-C",
}
"""Every exit code with its meaning. Where several apply: 130, then 2, 1, 4, 3; for doctor, 3 comes before 4."""


def result_of(host: HostReport) -> Result:
    """What became of a host; where only a plan was made, that plan counts."""
    if not host.failure and not host.steps and host.plan and host.plan.blocked:
        return Result.BLOCKED
    return host.result


def changes_of(host: HostReport) -> int:
    """How many steps changed something, or would change something where only a plan was made."""
    if host.steps or not host.plan:
        return sum(step.outcome is Outcome.CHANGED for step in host.steps)
    return len(host.plan.changes)


def reason_of(host: HostReport) -> tuple[str, str]:
    """Why a host is not well, and the remedy; empty when it is."""
    if host.failure:
        where = "" if host.failure.unreachable else f"{host.failure.stage}: "
        return where + host.failure.why, host.failure.hint
    steps = bad_steps(host)
    if steps:
        several = f"{len(steps)} steps: " if len(steps) > 1 else ""
        return f"{several}{steps[0].step}: {steps[0].why}", steps[0].hint
    blocked = [(p.step, p.verdict) for p in host.plan.blocked] if host.plan and not host.steps else []
    for name, verdict in blocked:
        if isinstance(verdict, Blocked):
            return f"{name}: {verdict.why}", verdict.hint
    return "", ""


def bad_steps(host: HostReport) -> tuple[StepOutcome, ...]:
    """The steps that failed, then those that are blocked."""
    bad = (Outcome.FAILED, Outcome.BLOCKED)
    return tuple(step for outcome in bad for step in host.steps if step.outcome is outcome)


def findings_of(host: HostReport) -> tuple[Finding, ...]:
    """What `doctor` found, the worst first; that a host could not be looked at is a finding too."""
    from fleet.doctor import of_failure, sort  # a run that is not the doctor's need not load it

    return sort((*((of_failure(host.host, host.failure),) if host.failure else ()), *host.findings))


def is_meant(host: HostReport) -> bool:
    """False for a host that left since its facts are not the ones that were asked for."""
    return not (host.failure and host.failure.stage == NotSelected.stage)


def count(report: Report, result: Result) -> int:
    """How many hosts ended like this."""
    return sum(result_of(host) is result for host in report.hosts)


def exit_code(report: Report, *, check: bool = False) -> int:
    """The exit code of a run; with ``check`` a plan that is not empty counts as a difference."""
    if report.interrupted:
        return 130
    if any(_is_bad(report.verb, host) for host in report.hosts):
        return 1
    differs = any(_differs(report.verb, host, check) for host in report.hosts)
    if count(report, Result.UNREACHABLE) and not (report.verb == "doctor" and differs):
        return 4
    return 3 if differs else 0


def _is_bad(verb: str, host: HostReport) -> bool:
    """Failed or blocked; what `verify` or `doctor` finds to be otherwise than it should be is a difference, and no failure."""
    result = result_of(host)
    return result is Result.BLOCKED or (result is Result.FAILED and not _differs(verb, host, False))


def _differs(verb: str, host: HostReport, check: bool) -> bool:
    if verb == "doctor":  # a host that lets nobody in is what the doctor is for; a bug of ours is not
        return result_of(host) is Result.FAILED and not (host.failure and host.failure.stage == "bug")
    if host.failure:
        return False
    if verb == "verify":
        return any(step.outcome is Outcome.FAILED for step in host.steps)
    return check and verb == "plan" and changes_of(host) > 0


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def to_json(report: Report, *, check: bool = False) -> dict[str, Any]:
    """The report as plain data of a documented shape."""
    return {
        "version": VERSION,
        "verb": report.verb,
        "run": report.run,
        "seconds": round(report.seconds, 3),
        "interrupted": report.interrupted,
        "exit_code": exit_code(report, check=check),
        "totals": {"hosts": len(report.hosts), **{str(r): count(report, r) for r in Result}},
        "hosts": [{**_host(host), **_findings(report.verb, host)} for host in report.hosts],
    }


def _host(host: HostReport) -> dict[str, Any]:
    failure = host.failure
    return {
        "name": host.host,
        "result": str(result_of(host)),
        "changes": changes_of(host),
        "seconds": round(host.seconds, 3),
        "log": host.log,
        "failure": {"stage": failure.stage, "why": failure.why, "hint": failure.hint} if failure else None,
        "steps": [_step(step) for step in host.steps],
        "plan": _plan(host.plan) if host.plan else None,
        "facts": named(host.facts) if host.facts else None,
        "probes": _plain(host.facts.answers) if host.facts else None,
        "proven": list(host.proven),
        "containers": _plain(host.containers),
        "usage": _plain(host.usage),
        "stacks": _plain(host.stacks),
        "sent": host.sent,
        "via": host.via,
        "taken": host.taken,
        "output": {"code": host.output.code, "out": host.output.out, "err": host.output.err} if host.output else None,
    }


def _findings(verb: str, host: HostReport) -> dict[str, Any]:
    found = findings_of(host) if verb == "doctor" else ()
    return {"findings": [dataclasses.asdict(finding) for finding in found]}


def _step(step: StepOutcome) -> dict[str, Any]:
    return {
        "step": step.step,
        "outcome": str(step.outcome),
        "why": step.why,
        "hint": step.hint,
        "seconds": round(step.seconds, 3),
        "warnings": list(step.warnings),
    }


def _plan(plan: Plan) -> dict[str, Any]:
    changes = sum(isinstance(step.verdict, Change) for step in plan.steps)
    return {**plan_to_data(plan), "changes": changes, "blocked": len(plan.blocked)}


def _plain(value: object) -> Any:
    """Any of the values that facts are made of, as JSON knows them."""
    if isinstance(value, Facts):
        return _plain(value.answers)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(item) for item in value)
    if isinstance(value, Secret):
        return str(value)
    return value.value if isinstance(value, Enum) else value
