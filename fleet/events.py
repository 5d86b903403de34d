"""What happens during a run, as calls on a reporter. Workers emit, reporters show: the screen, log files, JSON, tests.

Every method may be called from many threads at once; a reporter guards itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleet.model import Host, HostReport, Plan, Result, StepOutcome, Usage


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run at its start: the verb, its hosts in order, and a name for its log folder (time and a random word)."""

    verb: str
    hosts: tuple[Host, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Report:
    """A run at its end, hosts in the order of the inventory."""

    verb: str
    run: str
    hosts: tuple[HostReport, ...]
    seconds: float = 0.0
    interrupted: bool = False

    def count(self, result: Result) -> int:
        """How many hosts ended like this."""
        return sum(host.result is result for host in self.hosts)


class Reporter:
    """Does nothing at every event; subclasses override what they show."""

    def run_started(self, run: RunInfo) -> None:
        """The hosts are selected and the walk begins."""

    def stage(self, host: str, stage: str) -> None:
        """A host has come to a stage: connecting, probing, looking up, planning, applying, checking, proving."""

    def planned(self, host: str, plan: Plan) -> None:
        """What will be done on this host is known."""

    def step_started(self, host: str, step: str, why: str) -> None:
        """The actions of a step begin."""

    def action(self, host: str, step: str, title: str) -> None:
        """One action begins."""

    def output(self, host: str, line: str, error: bool = False) -> None:
        """A line that a command on the host printed, ``error``: to its stderr."""

    def logged(self, host: str, container: str, moment: str, line: str) -> None:
        """A line of a container's log, with its time by the host's clock (RFC 3339; empty where Docker tells none)."""

    def measured(self, host: str, usage: Sequence[Usage]) -> None:
        """One look at what the containers of a host use."""

    def note(self, host: str, text: str) -> None:
        """Something worth a line: a retry, a lock that is waited for, a host key accepted for the first time."""

    def step_finished(self, host: str, outcome: StepOutcome) -> None:
        """A step has its outcome."""

    def host_finished(self, report: HostReport) -> None:
        """A host has left the walk, at its end or on the way."""

    def interrupting(self, waiting_for: Sequence[str]) -> None:
        """The person pressed Ctrl-C; these hosts are in the middle of an action which is waited for."""

    def run_finished(self, report: Report) -> None:
        """All is done."""


class Reporters(Reporter):
    """Passes every event on to several."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters

    def run_started(self, run: RunInfo) -> None:
        for r in self._reporters:
            r.run_started(run)

    def stage(self, host: str, stage: str) -> None:
        for r in self._reporters:
            r.stage(host, stage)

    def planned(self, host: str, plan: Plan) -> None:
        for r in self._reporters:
            r.planned(host, plan)

    def step_started(self, host: str, step: str, why: str) -> None:
        for r in self._reporters:
            r.step_started(host, step, why)

    def action(self, host: str, step: str, title: str) -> None:
        for r in self._reporters:
            r.action(host, step, title)

    def output(self, host: str, line: str, error: bool = False) -> None:
        for r in self._reporters:
            r.output(host, line, error)

    def logged(self, host: str, container: str, moment: str, line: str) -> None:
        for r in self._reporters:
            r.logged(host, container, moment, line)

    def measured(self, host: str, usage: Sequence[Usage]) -> None:
        for r in self._reporters:
            r.measured(host, usage)

    def note(self, host: str, text: str) -> None:
        for r in self._reporters:
            r.note(host, text)

    def step_finished(self, host: str, outcome: StepOutcome) -> None:
        for r in self._reporters:
            r.step_finished(host, outcome)

    def host_finished(self, report: HostReport) -> None:
        for r in self._reporters:
            r.host_finished(report)

    def interrupting(self, waiting_for: Sequence[str]) -> None:
        for r in self._reporters:
            r.interrupting(waiting_for)

    def run_finished(self, report: Report) -> None:
        for r in self._reporters:
            r.run_finished(report)
