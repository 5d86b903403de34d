"""The programs of the verbs that speak with a host's Docker: as the login user where that user may, else as root."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fleet.containers import choosing, script
from fleet.containers.listing import read, read_usage
from fleet.errors import CommandTimeout, RemoteError, SudoError
from fleet.fanout import Stop
from fleet.job import Job
from fleet.model import Container, Done, HostReport, Outcome, StepOutcome
from fleet.remote import Way, execute
from fleet.tasks import probing

_ENDLESS = 10 * 365 * 86400.0
_QUICK = 120.0
"""Seconds for what only asks."""
_BEAT = 1.0
"""Seconds between two signs of life to a command that is watched: it notices its end from this side, and we from that."""


@dataclass(frozen=True, slots=True)
class _How:
    """How a script is run: seconds, who gets its lines, and whether it lives only for as long as we are there."""

    timeout: float = _QUICK
    on_line: Callable[[str], None] | None = None
    on_error_line: Callable[[str], None] | None = None
    watched: bool = False
    passing: bool = False


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which lines of the logs are wanted."""

    follow: bool = False
    tail: str = "all"
    since: str = ""


def ps(c: Any, job: Job) -> HostReport:
    """The containers of the host."""
    return HostReport(job.host.name, containers=_containers(c, job))


def docker(c: Any, job: Job, words: tuple[str, ...], timeout: float) -> HostReport:
    """Any docker command."""
    _only_if_meant(c, job)
    return _command(c, job, "docker", words, timeout)


def inside(c: Any, job: Job, container: str, words: tuple[str, ...], user: str, timeout: float) -> HostReport:
    """A command in a container that runs on the host."""
    there = _containers(c, job)
    found = [each for each in choosing.chosen(there, (container,)) if each.is_running]
    if not found:
        raise RemoteError(*choosing.none_of((container,), [each for each in there if each.is_running], job.host.name))
    one = choosing.one_of(found)
    if one is None:
        several = " and ".join(sorted({f"{each.project}/{each.called}".lstrip("/") for each in found}))
        raise RemoteError(f"{container!r} may be {several}", "Say which one.")
    as_user = ("--user", user) if user else ()
    return _command(c, job, "exec", ("exec", *as_user, one.id, *words), timeout)


def logs(c: Any, job: Job, wanted: tuple[str, ...], options: LogOptions) -> HostReport:
    """The logs of containers, line by line to the reporter."""
    there = _containers(c, job)
    found = choosing.chosen(there, wanted)
    if not found:
        why, hint = choosing.none_of(wanted, there, job.host.name) if wanted else ("no container runs", "")
        return HostReport(job.host.name, steps=(StepOutcome("logs", Outcome.SKIPPED, why, hint),))
    labels = choosing.labels(found)
    text = script.logs([each.id for each in found], follow=options.follow, tail=options.tail, since=options.since)
    failed: list[str] = []

    def on_line(line: str) -> None:
        place, _, rest = line.partition(" ")
        moment, blank, said = rest.partition(" ")
        is_timed = bool(blank) and moment[:2] == "20" and "T" in moment
        report = job.run.reporter.logged
        report(job.host.name, labels[int(place)], moment if is_timed else "", job.masked(said if is_timed else rest))

    _stage(job, "following" if options.follow else "reading")
    how = _How(_ENDLESS if options.follow else 600.0, on_line, failed.append, watched=True, passing=True)
    done = _docker(c, job, text, how)
    if job.run.stop.is_wanted:
        return HostReport(job.host.name)
    bad = [f"docker logs {labels[int(place)]} ended with {code}" for place, code in map(str.split, failed)]
    if bad or done.code:
        why = "; ".join(bad) or f"exit code {done.code}"
        return HostReport(job.host.name, steps=(StepOutcome("logs", Outcome.FAILED, why),))
    return HostReport(job.host.name)


def top(c: Any, job: Job, pause: float | None) -> HostReport:
    """What the containers of the host use: once, or until somebody has seen enough."""
    _only_if_meant(c, job)
    rows: list[str] = []

    def on_line(line: str) -> None:
        if line != script.END:
            rows.append(line)
            return
        job.run.reporter.measured(job.host.name, read_usage(rows))
        rows.clear()

    _stage(job, "measuring")
    text = script.usage(pause)
    if pause is None:
        done = _docker(c, job, text, _How())
        _require(done, "docker stats")
        return HostReport(job.host.name, usage=read_usage(done.out.splitlines()))
    done = _docker(c, job, text, _How(_ENDLESS, on_line, lambda line: None, watched=True, passing=True))
    if not job.run.stop.is_wanted:
        _require(done, "docker stats")
    return HostReport(job.host.name)


def _containers(c: Any, job: Job) -> tuple[Container, ...]:
    _only_if_meant(c, job)
    _stage(job, "asking")
    done = _docker(c, job, script.listing(), _How())
    if not script.is_racing(done.err):
        _require(done, "docker ps")
    return read(done.out)


def _require(done: Done, what: str) -> None:
    if done.code:
        said = done.err.strip().splitlines()[-1:] or ["nothing"]
        raise RemoteError(f"{what} ended with {done.code}: {said[0]}", "Does the daemon run there? `fleet provision` starts it.")


def _command(c: Any, job: Job, verb: str, words: tuple[str, ...], timeout: float) -> HostReport:
    _stage(job, "running")
    how = _How(timeout, job.say, partial(job.say, error=True), watched=True)
    try:
        done = _docker(c, job, script.command(words), how)
    except CommandTimeout as error:
        raise CommandTimeout(error.message, "If it needs longer, give it longer: --timeout SECONDS.") from error
    why = "stopped by Ctrl-C" if job.run.stop.is_wanted else f"exit code {done.code}"
    outcome = StepOutcome(verb, Outcome.OK if done.code == 0 else Outcome.FAILED, why, seconds=done.seconds)
    return HostReport(job.host.name, steps=(outcome,), output=done)


def _docker(c: Any, job: Job, text: str, how: _How) -> Done:
    """Run a script that needs Docker, as the login user or else as root. Raises RemoteError where there is no Docker."""
    done = _run(c, job, text, how, root=False)
    if done.code != script.REFUSED:
        return done
    if script.MISSING in done.err:
        raise RemoteError("Docker is not installed.", f"fleet provision {job.host.name}")
    if script.DENIED not in done.err:
        return done  # the command's own exit code
    try:
        return _run(c, job, text, how, root=True)
    except SudoError as error:
        if c.sudo_way != Way.NEEDS_PASSWORD or job.run.sudo.known or not job.run.sudo.get():
            hint = f"{error.hint} Or let the user into the group docker: fleet provision {job.host.name}"
            raise SudoError(f"the login user may not use Docker, and {error.message}", hint) from error
        return _run(c, job, text, how, root=True)


def _run(c: Any, job: Job, text: str, how: _How, *, root: bool) -> Done:
    stop = job.run.stop

    def on_error_line(line: str) -> None:
        if how.on_error_line and line not in (script.MISSING, script.DENIED):
            how.on_error_line(line)

    with stop.acting(job.host.name):
        done = execute(
            c,
            text,
            root=root,
            sudo_password=job.run.sudo.known,
            timeout=how.timeout,
            stdin=_beats(stop) if how.watched else b"",
            on_line=how.on_line,
            on_error_line=on_error_line,
            idle=how.timeout,
            passing=how.passing,
        )
    return replace(done, out=job.masked(done.out), err=job.masked(done.err))


def _beats(stop: Stop) -> Iterator[bytes]:
    """A line now and then, until a stop is wanted."""
    while not stop.is_wanted:
        yield b"\n"
        stop.within(_BEAT)


def _only_if_meant(c: Any, job: Job) -> None:
    """Hosts selected by facts are asked for these first; NotSelected ends the walk of those that were not meant."""
    if job.run.matches is not None:
        probing.ask_meant(c, job)


def _stage(job: Job, stage: str) -> None:
    job.run.stop.check()
    job.run.reporter.stage(job.host.name, stage)
