"""What the verbs that walk hosts show: the reporter on the way, and the report at the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fleet.console.findings import tell_findings
from fleet.console.lines import MILESTONE, TROUBLE, Lines
from fleet.console.plans import tell_plans
from fleet.console.stream import Screen, clean, screen
from fleet.console.summary import tell_summary, tell_total, tell_troubles, total
from fleet.console.tables import tell_facts
from fleet.console.words import counted
from fleet.events import Report, RunInfo
from fleet.facts import named


def progress(on: Screen, *, diff: bool = False, shown: int = MILESTONE) -> Lines:
    """The reporter for this screen: a live picture on a terminal, else lines, of which ``shown`` is the least that matters."""
    if not on.err.is_terminal:
        return Lines(on, diff=diff, shown=shown)
    from fleet.console.live import Live

    return Live(on, diff=diff)


def quiet_progress(on: Screen) -> Lines:
    """For a question: where there is no terminal, only what goes wrong."""
    return progress(on, shown=TROUBLE)


def plain_screen() -> Screen:
    """A screen for those who bring none of their own: tasks that `fab` runs."""
    return screen(sys.stdout, sys.stderr)


def tell_plan_report(screen: Screen, report: Report, *, diff: bool) -> None:
    """`fleet plan`: the plans, what went wrong, and the sum of it."""
    plans = [host.plan for host in report.hosts if host.plan]
    tell_plans(screen.out, plans, verbose=screen.verbose, diff=diff)
    failed = Report(report.verb, report.run, tuple(host for host in report.hosts if not host.plan))
    if failed.hosts:
        tell_troubles(screen.out, failed)
    changes, blocked = sum(len(plan.changes) for plan in plans), sum(len(plan.blocked) for plan in plans)
    parts = [counted(len(report.hosts), "host"), counted(changes, "change")]
    parts += [f"{blocked} blocked"] if blocked else []
    parts += [f"{len(failed.hosts)} without a plan"] if failed.hosts else []
    screen.out.line()
    tell_total(screen.out, f"Plan: {', '.join(parts)}{'; interrupted' if report.interrupted else ''}.")


def tell_end(screen: Screen, report: Report) -> None:
    """`fleet provision` and `fleet verify`: table, troubles and total."""
    tell_summary(screen.out, report)


def tell_facts_report(screen: Screen, report: Report) -> None:
    """`fleet facts`: the facts to stdout, troubles to stderr."""
    tell_facts(screen.out, {host.host: named(host.facts) for host in report.hosts if host.facts})
    tell_troubles(screen.err, report)


def tell_doctor_report(screen: Screen, report: Report) -> None:
    """`fleet doctor`: the findings of each host, then the table of all."""
    tell_findings(screen.out, report)


def tell_run_report(screen: Screen, report: Report) -> None:
    """`fleet run`: what the commands printed is out already."""
    tell_troubles(screen.err, report)
    tell_total(screen.err, total(report))


class Output(Lines):
    """What a command prints on the hosts goes to stdout as it comes, with the host's name where there are several."""

    def run_started(self, run: RunInfo) -> None:
        super().run_started(run)
        self._width = max(len(host.name) for host in run.hosts)
        self._several = len(run.hosts) > 1

    def output(self, host: str, line: str, error: bool = False) -> None:
        stream = self.screen.err if error else self.screen.out
        text = clean(line) if stream.is_terminal else line
        if not self.screen.json:
            stream.line(f"{host.ljust(self._width)} | {text}" if self._several else text)


class Ended(Output):
    """As `Output`, for commands that Ctrl-C ends on the hosts too."""

    def interrupting(self, waiting_for: Sequence[str]) -> None:
        self._say("Stopping: the commands on the hosts are being ended.")
