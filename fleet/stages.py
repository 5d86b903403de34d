"""The spine: connect, let the task walk, and turn whatever happens on a host into its report. Nothing is printed here.

Every host walks by itself from its connection to its proof, so one that hangs holds up no other; what they share (the
look-ups, the sudo password) is shared through the run.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from fleet.errors import FleetError, Interrupted, NotSelected
from fleet.events import Report, Reporter, RunInfo
from fleet.fanout import fan_out
from fleet.job import Job, Run, failure_of
from fleet.model import Failure, Host, HostReport, Outcome, Result, StepOutcome
from fleet.plan.saved import SavedPlan
from fleet.shipping.exchange import Exchange

if TYPE_CHECKING:
    from fleet.shipping.cargo import Cargo


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of the command line and the task that it walks every host through."""

    name: str
    task: str
    arguments: Mapping[str, Any]
    complete: Callable[[Report], Report] = lambda report: report
    """Adds to the report what is only seen once all hosts are done."""


def gather(run: Run, hosts: Sequence[Host]) -> Report:
    """`fleet facts`: stop after the probe."""
    return walk(run, hosts, Verb("facts", "facts", {}))


def propose(run: Run, hosts: Sequence[Host]) -> Report:
    """`fleet plan`: stop after the plan; nothing is changed."""
    return walk(run, hosts, Verb("plan", "plan", {}))


def converge(run: Run, hosts: Sequence[Host], saved: Mapping[str, SavedPlan] | None = None) -> Report:
    """`fleet provision`: to the end. With ``saved``, by the plans of a file."""
    return walk(run, hosts, Verb("provision", "provision", {}), saved)


def check(run: Run, hosts: Sequence[Host]) -> Report:
    """`fleet verify`: the plan must come out empty, and the proof must hold."""
    return walk(run, hosts, Verb("verify", "verify", {}))


def command(run: Run, hosts: Sequence[Host], words: Sequence[str], *, sudo: bool, timeout: float) -> Report:
    """`fleet run`: one command of the user's own on every host."""
    return walk(run, hosts, Verb("run", "command", {"words": tuple(words), "sudo": sudo, "timeout": timeout}))


def images(run: Run, hosts: Sequence[Host]) -> Report:
    """`fleet images`: which images the hosts hold; nothing is changed."""
    return walk(run, hosts, Verb("images", "images", {}))


def containers(run: Run, hosts: Sequence[Host]) -> Report:
    """`fleet ps`: what runs where."""
    return walk(run, hosts, Verb("ps", "ps", {}))


def logs(run: Run, hosts: Sequence[Host], wanted: Sequence[str], *, follow: bool, tail: str, since: str) -> Report:
    """`fleet logs`: to the reporter, line by line. That no host has what is wanted is a failure; that one has not is none."""
    given = {"container": tuple(wanted), "follow": follow, "tail": tail, "since": since}
    return walk(run, hosts, Verb("logs", "logs", given, _found_somewhere if wanted else lambda report: report))


def inside(run: Run, hosts: Sequence[Host], container: str, words: Sequence[str], *, user: str, timeout: float) -> Report:
    """`fleet exec`: a command in a container of every host."""
    given = {"container": container, "words": tuple(words), "as_user": user, "timeout": timeout}
    return walk(run, hosts, Verb("exec", "exec", given))


def usage(run: Run, hosts: Sequence[Host], pause: float | None) -> Report:
    """`fleet top`: what containers use, once or again and again with so many seconds between."""
    return walk(run, hosts, Verb("top", "top", {"pause": pause or 0.0}))


def docker(run: Run, hosts: Sequence[Host], words: Sequence[str], *, timeout: float) -> Report:
    """`fleet docker`: any docker command on every host."""
    return walk(run, hosts, Verb("docker", "docker", {"words": tuple(words), "timeout": timeout}))


def _found_somewhere(report: Report) -> Report:
    reached = [host for host in report.hosts if not host.failure]
    if any(not host.steps or host.steps[0].outcome is not Outcome.SKIPPED for host in reached):
        return report
    return replace(report, hosts=tuple(h if h.failure else h.but(steps=tuple(map(_failed, h.steps))) for h in report.hosts))


def _failed(step: StepOutcome) -> StepOutcome:
    return replace(step, outcome=Outcome.FAILED)


def stacks(run: Run, hosts: Sequence[Host]) -> Report:
    """`fleet stacks`: which there are, and how they stand to the recipe; nothing is changed."""
    return walk(run, hosts, Verb("stacks", "stacks", {}))


def stack_rollback(run: Run, hosts: Sequence[Host], stack: str, seconds: int) -> Report:
    """`fleet stacks rollback`. That no host has it is a failure; that one has not is none."""
    return walk(run, hosts, Verb("rollback", "stack-rollback", {"stack": stack, "seconds": seconds}, _found_somewhere))


def stack_down(run: Run, hosts: Sequence[Host], stack: str) -> Report:
    """`fleet stacks down`: so too."""
    return walk(run, hosts, Verb("down", "stack-down", {"stack": stack}, _found_somewhere))


def availability(run: Run, hosts: Sequence[Host], verb: str, wanted: str, manager: str, timeout: int) -> Report:
    """`fleet swarm drain`, `pause` and `activate`."""
    given = {"availability": wanted, "manager": manager, "timeout": timeout}
    return walk(run, hosts, Verb(verb, "swarm-availability", given))


def leave(run: Run, hosts: Sequence[Host], manager: str, *, end: bool, timeout: int) -> Report:
    """`fleet swarm leave`."""
    return walk(run, hosts, Verb("leave", "swarm-leave", {"manager": manager, "end": end, "timeout": timeout}))


def push(run: Run, hosts: Sequence[Host], cargo: Cargo, *, relay: bool = False) -> Report:
    """`fleet images push`: an image to every host, as far as it is not there; with ``relay``, from host to host."""
    at_once = min(len(hosts), run.parallel, run.batch or len(hosts))
    exchange = Exchange(at_once) if relay else None
    return walk(run, hosts, Verb("push", "push", {"image": cargo.name, "cargo": cargo, "exchange": exchange}))


def examine(run: Run, hosts: Sequence[Host], today: date) -> Report:
    """`fleet doctor`: what is wrong with each host, and with them beside each other; nothing is changed."""
    return walk(run, hosts, Verb("doctor", "doctor", {"today": today.isoformat()}, _compared))


def _compared(report: Report) -> Report:
    from fleet.doctor import compare  # for this verb alone

    found = compare({host.host: host.facts for host in report.hosts if host.facts})
    return replace(report, hosts=tuple(h.but(findings=(*h.findings, *found.get(h.host, ()))) for h in report.hosts))


def walk(run: Run, hosts: Sequence[Host], verb: Verb, saved: Mapping[str, SavedPlan] | None = None) -> Report:
    """Fan out over the hosts and collect their reports, in the order of ``hosts``."""
    started = time.monotonic()
    info = RunInfo(verb.name, tuple(hosts), run.logs.name if run.logs else _name())
    run.reporter.run_started(info)
    with closing(run.foundry), closing(run.cargoes), _ssh_notes(run.reporter) as notes:
        found = _in_batches(
            run, hosts, lambda host: notes.of(host, lambda: _walk_one(run, host, verb, (saved or {}).get(host.name)))
        )
    reports = [found[host.name] if host.name in found else _unfinished(run, host) for host in hosts]
    kept = tuple(r for r in reports if not _is_filtered(r))
    report = verb.complete(Report(verb.name, info.name, kept, time.monotonic() - started, run.stop.is_wanted))
    run.reporter.run_finished(report)
    return report


def _in_batches(run: Run, hosts: Sequence[Host], work: Callable[[Host], HostReport]) -> dict[str, HostReport]:
    """All at once, or so many at a time; when too many of them are not well, the others are left as they are."""
    found: dict[str, HostReport] = {}
    for first in range(0, len(hosts), run.batch or max(len(hosts), 1)):
        unwell = [r.host for r in found.values() if r.result in _UNWELL and not _is_filtered(r)]
        if run.stop.is_wanted:
            break
        if len(unwell) > run.max_failures:
            return {**found, **{host.name: _held_back(run, host, unwell) for host in hosts[first:]}}
        found |= fan_out(
            hosts[first : first + run.batch] if run.batch else hosts,
            work,
            parallel=run.parallel,
            stop=run.stop,
            interrupting=run.reporter.interrupting,
        )
    return found


_UNWELL = (Result.FAILED, Result.BLOCKED, Result.UNREACHABLE)


def _held_back(run: Run, host: Host, unwell: Sequence[str]) -> HostReport:
    why = f"not begun, since {unwell[0]}{f' and {len(unwell) - 1} more' if len(unwell) > 1 else ''} before it failed"
    hint = f"Mend {unwell[0]} and run the same command again, or allow more of them: --max-failures {len(unwell)}"
    report = HostReport(host.name, failure=Failure("batch", why, hint))
    run.reporter.host_finished(report)
    return report


class _Notes(logging.Handler):
    """What the room of connections logs (a key accepted, another attempt) as notes of the host whose thread says it."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.INFO)
        self._reporter = reporter
        self._names: dict[int, str] = {}

    def of(self, host: Host, work: Callable[[], HostReport]) -> HostReport:
        """Do a host's work in this thread."""
        self._names[threading.get_ident()] = host.name
        return work()

    def emit(self, record: logging.LogRecord) -> None:
        name = self._names.get(threading.get_ident())
        if name:
            self._reporter.note(name, record.getMessage())


@contextmanager
def _ssh_notes(reporter: Reporter) -> Iterator[_Notes]:
    notes, logger = _Notes(reporter), logging.getLogger("fleet.ssh")
    before, propagates = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(notes)
    try:
        yield notes
    finally:
        logger.removeHandler(notes)
        logger.setLevel(before)
        logger.propagate = propagates


def _name() -> str:
    """A run's name sorts by time and never comes twice."""
    return f"{datetime.now():%Y-%m-%dT%H.%M.%S}-{secrets.token_hex(2)}"


def _is_filtered(report: HostReport) -> bool:
    return report.failure is not None and report.failure.stage == NotSelected.stage


def _unfinished(run: Run, host: Host) -> HostReport:
    if host.name in run.stop.acting_hosts():
        why = "abandoned by the second Ctrl-C in the middle of an action, which may still go on over there"
        hint = "Run the same command again: it waits for what is still going on, and finishes what was cut off."
    else:
        why, hint = "stopped by Ctrl-C before it was done", "Run the same command again."
    report = HostReport(host.name, failure=Failure(Interrupted.stage, why, hint), log=_log(run, host))
    run.reporter.host_finished(report)
    return report


def _walk_one(run: Run, host: Host, verb: Verb, saved: SavedPlan | None) -> HostReport:
    started = time.monotonic()
    run.foundry.begin(host.name)
    try:
        report = _on_connection(run, _job(run, host, saved), verb)
    except FleetError as error:
        report = HostReport(host.name, failure=failure_of(error))
    except Exception as error:  # a bug must not take the other hosts with it; the traceback goes to the host's log
        run.reporter.output(host.name, _traceback(error))
        failure = Failure("bug", f"unexpected {type(error).__name__}: {error}", "Please report this, with the log of this host.")
        report = HostReport(host.name, failure=failure)
    finally:
        run.foundry.end(host.name)
    report = report.but(seconds=time.monotonic() - started, log=_log(run, host))
    run.reporter.host_finished(report)
    return report


def _log(run: Run, host: Host) -> str:
    return str(run.logs / f"{host.name}.log") if run.logs else ""


def _traceback(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _job(run: Run, host: Host, saved: SavedPlan | None) -> Job:
    job = run.job(host)
    return Job(run, host, job.recipe, saved) if saved else job


def _on_connection(run: Run, job: Job, verb: Verb) -> HostReport:
    from fleet.remote import connect
    from fleet.tasks import TASKS

    run.stop.check()
    run.reporter.stage(job.host.name, "connecting")
    task: Callable[..., HostReport] = TASKS[verb.task]
    with connect(job.host, run.settings, gateways=run.inventory) as c:
        c.job = job
        return task(c, **verb.arguments)
