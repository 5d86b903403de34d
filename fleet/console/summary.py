"""The end of a run: a table with a line per host, then what went wrong where, and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from fleet.console.stream import Stream, clean
from fleet.console.words import columns, counted, cut, duration, joined, marked, wrapped
from fleet.events import Report
from fleet.model import HostReport, Outcome, Result, StepOutcome
from fleet.report import bad_steps, changes_of, count, reason_of, result_of

_BAD = (Result.FAILED, Result.BLOCKED, Result.UNREACHABLE)
_DEEDS = ("push", "rollback", "down", "drain", "pause", "activate", "leave")
"""Verbs that do one thing, which can be said in a line."""
_WITHIN = re.compile("(?<![,;:]) ")
"""A space between words that stay together."""


def tell_summary(stream: Stream, report: Report) -> None:
    """Table, warnings, troubles and the total of a run that changes or verifies."""
    for line in _table(stream, report):
        stream.line(line)
    tell_troubles(stream, report)
    stream.line()
    tell_total(stream, total(report))


def tell_total(stream: Stream, text: str) -> None:
    """The last words of a run: one sentence, where it is too long for a line parted after a comma, semicolon or colon."""
    for line in wrapped(_WITHIN.sub("\xa0", text), stream.width, "  ", ""):
        stream.line(line.replace("\xa0", " "))


def tell_troubles(stream: Stream, report: Report) -> None:
    """Warnings, then a block for each host that is not well."""
    for line in _warnings(stream, report):
        stream.line(line)
    for host in report.hosts:
        if result_of(host) in _BAD:
            stream.line()
            for line in _trouble(stream, host):
                stream.line(line)


def total(report: Report) -> str:
    """provision: 3 hosts in 1m04s: 1 ok, 1 changed, 1 unreachable; 7 changed."""
    results = [f"{count(report, result)} {result}" for result in Result if count(report, result)]
    changes = sum(changes_of(host) for host in report.hosts)
    steps = f"; {counted(changes, 'step')} changed" if report.verb == "provision" else ""
    stopped = "; interrupted" if report.interrupted else ""
    return (
        f"{report.verb}: {counted(len(report.hosts), 'host')} in {duration(report.seconds)}:"
        f" {', '.join(results) or 'none'}{steps}{stopped}."
    )


def _table(stream: Stream, report: Report) -> Iterator[str]:
    provision = report.verb == "provision"
    heads = ("HOST", "RESULT", *(("CHANGED",) if provision else ()), "TIME", "REASON")
    rows = [_row(host, provision, _deed(host) if report.verb in _DEEDS else "") for host in report.hosts]
    numbers = tuple(range(2, len(heads) - 1))
    head, *lines = columns(heads, rows, right=numbers)
    yield stream.paint(joined(head), "bold")
    for host, cells in zip(report.hosts, lines, strict=True):
        word = cells[1]
        cells[-1] = cut(cells[-1], stream.width - len(joined([*cells[:-1], "x"])) + 1)
        cells[1] = stream.paint(word, str(result_of(host)))
        yield joined(cells)


def _row(host: HostReport, provision: bool, deed: str) -> list[str]:
    changed = [str(changes_of(host))] if provision else []
    why = reason_of(host)[0].partition("\n")[0]
    return [host.host, str(result_of(host)), *changed, duration(host.seconds), why or "; ".join(host.proven) or deed]


def _deed(host: HostReport) -> str:
    """What a verb with one deed did; of the many steps of a plan there is no saying it in a line."""
    return host.steps[0].why if host.steps else ""


def _warnings(stream: Stream, report: Report) -> Iterator[str]:
    """Each warning once, with the hosts that it is for."""
    hosts_by_warning: dict[str, list[str]] = {}
    for host in report.hosts:
        for step in host.steps:
            for warning in step.warnings:
                hosts_by_warning.setdefault(f"{step.step}: {warning}", []).append(host.host)
    if hosts_by_warning:
        yield ""
    for warning, hosts in hosts_by_warning.items():
        names = ", ".join(hosts[:6]) + (f" and {len(hosts) - 6} more" if len(hosts) > 6 else "")
        yield from marked(stream, "warning", f"{warning} ({names})", "")


def _trouble(stream: Stream, host: HostReport) -> Iterator[str]:
    result = str(result_of(host))
    yield f"{stream.paint(host.host, 'bold')}: {stream.paint(result, result)}{_where(host)}"
    if host.failure:
        yield from wrapped(host.failure.why, stream.width, "  ")
        yield from _hint(stream, host.failure.hint)
    yield from _bad_steps(stream, bad_steps(host))
    yield from _unfinished(stream, host)
    if host.log:
        yield f"  log: {clean(_short(host.log))}"


def _where(host: HostReport) -> str:
    return f" ({host.failure.stage})" if host.failure and not host.failure.unreachable else ""


def _bad_steps(stream: Stream, steps: Sequence[StepOutcome]) -> Iterator[str]:
    """Each step with its reason; a remedy that several share comes once, after them."""
    for step, following in zip_longest(steps, steps[1:]):
        yield from wrapped(f"{step.step}: {step.why}", stream.width, "    ", "  ")
        if following is None or following.hint != step.hint:
            yield from _hint(stream, step.hint)


def _hint(stream: Stream, hint: str) -> Iterator[str]:
    if hint:
        yield from marked(stream, "hint", hint, "  ")


def _unfinished(stream: Stream, host: HostReport) -> Iterator[str]:
    """The steps that came to nothing on account of others, in one line."""
    skipped = [step.step for step in host.steps if step.outcome is Outcome.SKIPPED]
    if skipped:
        yield from wrapped(f"not done: {', '.join(skipped)}", stream.width, "    ", "  ")


def _short(path: str) -> str:
    """The path with ~ for the home folder."""
    home = str(Path.home())
    return "~" + path.removeprefix(home) if path.startswith(home + "/") else path
