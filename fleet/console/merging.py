"""Many hosts in one stream: their logs in the order of time, and their answers put together where they are the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fleet.console.lines import TROUBLE, Lines
from fleet.console.stream import Screen, clean
from fleet.console.summary import tell_total, tell_troubles, total
from fleet.events import Report, RunInfo
from fleet.model import Outcome

_LABELS = 6
"""As many colours tell containers apart."""


class _Line(NamedTuple):
    moment: str
    label: str
    text: str


class LogLines(Lines):
    """Logs of many containers: as they come with ``follow``, else by their time once all are there.

    ``gone`` is called when nobody reads them any more.
    """

    def __init__(self, screen: Screen, *, follow: bool, times: bool, gone: Callable[[], None]) -> None:
        super().__init__(screen, shown=TROUBLE)
        self._follow = follow
        self._times = times
        self._gone = gone
        self._several = False
        self._styles: dict[str, str] = {}
        self._kept: list[_Line] = []
        self._last: dict[str, str] = {}
        self._guard = threading.Lock()

    def run_started(self, run: RunInfo) -> None:
        super().run_started(run)
        self._several = len(run.hosts) > 1

    def interrupting(self, waiting_for: Sequence[str]) -> None:
        """Nothing is said: it is how following ends."""

    def logged(self, host: str, container: str, moment: str, line: str) -> None:
        label = f"{host}/{container}" if self._several else container
        with self._guard:
            moment = self._last[label] = moment or self._last.get(label, "")
            self._styles.setdefault(label, f"label{len(self._styles) % _LABELS}")
            if self._follow:
                self._show(_Line(moment, label, line))
                self.screen.out.flush()
            else:
                self._kept.append(_Line(moment, label, line))
        if self.screen.out.is_gone:
            self._gone()

    def run_finished(self, report: Report) -> None:
        for line in sorted(self._kept, key=lambda line: line.moment):
            self._show(line)

    def _show(self, line: _Line) -> None:
        out = self.screen.out
        width = max(map(len, self._styles))
        label = out.paint(f"{line.label.ljust(width)} |", self._styles[line.label])
        text = clean(line.text) if out.is_terminal else line.text
        out.line(f"{label} {line.moment + ' ' if self._times and line.moment else ''}{text}")


def tell_logs_report(screen: Screen, report: Report) -> None:
    """`fleet logs`: the lines are out already; here is what went wrong, and who had nothing to show."""
    for host in report.hosts:
        for step in host.steps:
            if step.outcome is Outcome.SKIPPED:
                screen.err.line(f"{host.host}: {clean(step.why)}")
    tell_troubles(screen.err, report)


def tell_merged_report(screen: Screen, report: Report) -> None:
    """`fleet docker --merge`: each answer once, under the names of all hosts that gave it."""
    answers: dict[tuple[str, str, int], list[str]] = {}
    for host in report.hosts:
        if host.output:
            answers.setdefault((host.output.out, host.output.err, host.output.code), []).append(host.host)
    for (out, err, _), hosts in answers.items():
        screen.out.line(screen.out.paint(f"{', '.join(hosts)}:", "bold"))
        for line in (out + err).splitlines():
            screen.out.line(f"  {clean(line)}".rstrip())
    tell_troubles(screen.err, report)
    tell_total(screen.err, total(report))
