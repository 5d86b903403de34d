"""Carry out a plan on one host: the one place where actions are interpreted."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fleet.catalog.secrets import content_of, mark_of
from fleet.errors import CatalogError, ConnectionLost, FleetError, Interrupted, RebootFailed, RemoteError
from fleet.job import Job
from fleet.model import (
    Action,
    Blocked,
    BuildAndSend,
    BuildOrTake,
    Change,
    Done,
    Download,
    EnterSwarm,
    Fed,
    LeaveSwarm,
    Login,
    Outcome,
    Plan,
    Planned,
    PushImage,
    Reboot,
    Reconnect,
    Remove,
    Run,
    Satisfied,
    SendContext,
    SendImage,
    Skipped,
    StepOutcome,
    Write,
    title_of,
)
from fleet.plan import chosen
from fleet.queries import SecretQuery
from fleet.remote import execute, stage, upload
from fleet.shell import check_unchanged, place_file, quote, script_of, write_file
from fleet.steps import STEPS
from fleet.tasks import building
from fleet.tasks.contexts import send_context
from fleet.tasks.fab import reconnect
from fleet.tasks.failures import failed, is_locked, last_words, lock_holder, stale_source
from fleet.tasks.nodes import leave
from fleet.tasks.rebooting import reboot
from fleet.tasks.registries import log_in
from fleet.tasks.swarming import enter

HAS_CHANGED = 65
"""Exit code of a file action which found something other than the plan saw (EX_DATAERR of sysexits.h)."""

_LOCK_PAUSE = 5.0
_WRITE_SECONDS = 60
_UPLOAD_SECONDS = 1800


def apply(c: Any, job: Job, plan: Plan) -> tuple[StepOutcome, ...]:
    """Every step's outcome, in order. A failed step takes along those that require it, and no others."""
    outcomes: dict[str, StepOutcome] = {}
    for planned in plan.steps:
        outcome = _outcome(c, job, planned, outcomes)
        outcomes[planned.step] = outcome
        job.run.reporter.step_finished(job.host.name, outcome)
    return tuple(outcomes.values())


def _outcome(c: Any, job: Job, planned: Planned, so_far: dict[str, StepOutcome]) -> StepOutcome:
    match planned.verdict:
        case Satisfied(why, warnings):
            return StepOutcome(planned.step, Outcome.OK, why, warnings=warnings)
        case Blocked(why, hint):
            return StepOutcome(planned.step, Outcome.BLOCKED, why, hint)
        case Skipped(why):
            return StepOutcome(planned.step, Outcome.SKIPPED, why)
        case Change() as change:
            spoilt = "stopped by Ctrl-C" if job.run.stop.is_wanted else _spoilt(planned.step, so_far)
            if spoilt:
                return StepOutcome(planned.step, Outcome.SKIPPED, spoilt)
            return _change(c, job, planned.step, change)


def _spoilt(name: str, so_far: dict[str, StepOutcome]) -> str:
    """Why a step can't be done now: something that it requires has failed, directly or by way of steps that had nothing to do."""
    failed_whys = [o.why for o in so_far.values() if o.outcome is Outcome.FAILED]
    if any(why.startswith(_LOST) for why in failed_whys):
        return "the connection was lost"
    if any(why.startswith(_NOT_BACK) for why in failed_whys):
        return "the host did not come back"
    requires = [step.name for step in chosen(STEPS, [name]) if step.name in so_far]
    failed = [r for r in requires if so_far[r].outcome in (Outcome.FAILED, Outcome.SKIPPED, Outcome.BLOCKED)]
    return f"{failed[0]} {so_far[failed[0]].outcome}" if failed else ""


_LOST = "connection lost"
_NOT_BACK = "reboot failed"
_AFTER_LOSS = "When the host is up, run the same command again: what is done stays done, what was cut off is finished."


def _change(c: Any, job: Job, step: str, change: Change) -> StepOutcome:
    started, doing, stale = time.monotonic(), "", dict[str, None]()
    job.run.reporter.step_started(job.host.name, step, change.why)
    try:
        for action in change.actions:
            doing = title_of(action)
            _perform(c, job, step, action, stale)
    except Interrupted as error:
        return StepOutcome(step, Outcome.FAILED, error.message, error.hint, time.monotonic() - started)
    except ConnectionLost as error:
        why = f"{_LOST} ({doing}): {error.message}"
        return StepOutcome(step, Outcome.FAILED, why, _AFTER_LOSS, time.monotonic() - started)
    except RebootFailed as error:
        return StepOutcome(step, Outcome.FAILED, f"{_NOT_BACK}: {error.message}", error.hint, time.monotonic() - started)
    except FleetError as error:
        return StepOutcome(step, Outcome.FAILED, error.message, error.hint, time.monotonic() - started)
    return StepOutcome(step, Outcome.CHANGED, change.why, "", time.monotonic() - started, (*change.warnings, *stale))


def _perform(c: Any, job: Job, step: str, action: Action, stale: dict[str, None]) -> None:
    job.run.reporter.action(job.host.name, step, title_of(action))
    with job.run.stop.acting(job.host.name):
        match action:
            case Run():
                _run(c, job, action, stale)
            case Write(path, content, was, mode):
                _file_action(c, job, write_file(path, content, mode, was))
            case Remove(path, was):
                _file_action(c, job, script_of(f"target={quote(path)}", check_unchanged(was), 'rm -f "$target"'))
            case Download():
                _download(c, job, action)
            case SendContext():
                send_context(c, action, lambda script, timeout: _as_root(c, job, script, timeout), job.say)
            case EnterSwarm():
                enter(c, job, action)
            case LeaveSwarm():
                leave(c, job, action)
            case SendImage():
                from fleet.tasks.pushing import bring  # rare, and it needs tarfile and more

                bring(c, job, action)
            case BuildOrTake():
                building.build_or_take(c, job, action, lambda part: _perform(c, job, step, part, stale))
            case BuildAndSend():
                building.build_and_send(c, job, action)
            case PushImage():
                building.push(job, action, lambda part: _perform(c, job, step, part, stale))
            case Login():
                log_in(c, job, action)
            case Reconnect():
                reconnect(c)
            case Reboot():
                reboot(c, job, action)


def _as_root(
    c: Any, job: Job, script: str, timeout: float, listen: Callable[[str], None] | None = None, stdin: bytes = b""
) -> Done:
    """Run it, however silent it is: a large layer or a slow card takes its time, and a host that died is told by keepalives."""
    said, password = listen or _listener(job), job.run.sudo.known
    done = execute(c, script, root=True, sudo_password=password, timeout=timeout, on_line=said, idle=timeout, stdin=stdin)
    return replace(done, out=job.masked(done.out), err=job.masked(done.err))


def _listener(job: Job, stale: dict[str, None] | None = None) -> Callable[[str], None]:
    """Passes lines on, tells once of each process that is waited for, and collects apt's sources that were not refreshed."""
    waited_for: set[str] = set()

    def listen(line: str) -> None:
        job.say(line)
        if stale is not None and (source := stale_source(line)):
            stale[f"apt could not refresh a source, and goes on without: {job.masked(source)}"] = None
        holder = lock_holder(line)
        if holder and holder not in waited_for:
            waited_for.add(holder)
            job.run.reporter.note(job.host.name, f"waiting: {holder} holds apt's lock")

    return listen


def _run(c: Any, job: Job, action: Run, stale: dict[str, None]) -> None:
    script = f"if ( {action.unless} ) >/dev/null 2>&1; then exit 0; fi\n" if action.unless else ""
    script += f"set -e\n{action.script}\n"
    deadline = time.monotonic() + action.lock_timeout
    listen, stdin = _listener(job, stale), _fed(job, action.secrets)
    while True:
        done = _as_root(c, job, script, action.timeout, listen, stdin)
        if done.code == 0:
            return
        if not is_locked(done) or time.monotonic() >= deadline:
            raise failed(job.host, action, done)
        job.run.stop.wait(_LOCK_PAUSE)


def _fed(job: Job, secrets: Sequence[Fed]) -> bytes:
    """What a script with secrets reads from stdin; from here on they are masked in whatever the host says."""
    lines = b""
    for fed in secrets:
        secret = job.run.resolver.secret(SecretQuery(fed.kind, fed.what))
        if mark_of(secret) != fed.mark:
            raise CatalogError(f"the secret {fed.name} has changed since the plan was made", "Run again: the plan is made anew.")
        job.run.told.extend(s for s in secret.lines if s not in job.run.told)
        lines += base64.b64encode(content_of(secret)) + b"\n"
    return lines


def _file_action(c: Any, job: Job, script: str) -> None:
    done = _as_root(c, job, script, _WRITE_SECONDS)
    if done.code == HAS_CHANGED:
        raise RemoteError(last_words(done), "Somebody else is at work there. Run again: the plan is made anew.")
    if done.code:
        raise RemoteError(
            f"a file could not be written: {last_words(done)}", "Is its file system full or read-only? (df -h; mount)"
        )


def _download(c: Any, job: Job, action: Download) -> None:
    local = job.run.resolver.download(action.url, action.sha256)
    staged = f"{stage(c)}/{action.sha256}"
    upload(c, local, staged, mode=0o644, timeout=_UPLOAD_SECONDS)
    _file_action(c, job, place_file(staged, action.path, action.sha256, action.mode, action.owner))
