"""Progress as plain lines on stderr, one for each notable event: for logs, pipes and CI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fleet.console.findings import findings_in_short
from fleet.console.plans import in_short, painted_diff
from fleet.console.stream import Screen, clean
from fleet.console.words import counted, duration
from fleet.events import Reporter, RunInfo
from fleet.model import Change, HostReport, Outcome, Plan, Result, StepOutcome
from fleet.report import changes_of, is_meant, reason_of, result_of

_COMMANDS = ("run", "exec", "docker")
"""Verbs that have one command of the user's to tell of."""
TROUBLE, MILESTONE, DETAIL, CHATTER = range(4)
"""How much a line matters; --verbose shows one more, and twice two more."""


class Lines(Reporter):
    """Tells what is worth a line; ``shown`` is the least that matters."""

    def __init__(self, screen: Screen, *, diff: bool = False, shown: int = MILESTONE) -> None:
        self.screen = screen
        self._diff = diff
        self._shown = shown + screen.verbose
        self._verb = ""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While a question is asked on the terminal."""
        yield

    def run_started(self, run: RunInfo) -> None:
        self._verb = run.verb

    def stage(self, host: str, stage: str) -> None:
        self._tell(DETAIL, host, stage)

    def planned(self, host: str, plan: Plan) -> None:
        for name, why in plan.unmet if self._verb == "provision" else ():
            self._tell(DETAIL, host, f"not for this host: {name}: {why}")
        if plan.is_empty or self._verb != "provision":
            return
        names = ", ".join(step.step for step in plan.changes)
        self._tell(MILESTONE, host, f"plan: {in_short(plan)}{f': {names}' if names else ''}")
        if self._diff:
            for line in _diff_of(plan):
                self._tell(TROUBLE, host, painted_diff(self.screen.err, line))

    def step_started(self, host: str, step: str, why: str) -> None:
        self._tell(MILESTONE, host, f"{step}: {why}")

    def action(self, host: str, step: str, title: str) -> None:
        self._tell(DETAIL, host, f"{step}: > {title}")

    def output(self, host: str, line: str, error: bool = False) -> None:
        self._tell(CHATTER, host, f"| {clean(line)}")

    def note(self, host: str, text: str) -> None:
        self._tell(TROUBLE, host, text)

    def step_finished(self, host: str, outcome: StepOutcome) -> None:
        word = self.screen.err.paint(str(outcome.outcome), str(outcome.outcome))
        if outcome.outcome in (Outcome.FAILED, Outcome.BLOCKED):
            self._tell(TROUBLE, host, f"{outcome.step}: {word}: {outcome.why}")
        elif outcome.outcome is Outcome.CHANGED:
            self._tell(MILESTONE, host, f"{outcome.step}: {word} in {duration(outcome.seconds)}")
        else:
            self._tell(DETAIL, host, f"{outcome.step}: {word}: {outcome.why}")

    def host_finished(self, report: HostReport) -> None:
        if is_meant(report):
            rank = TROUBLE if report.failure else MILESTONE
            took = "" if report.failure else f" in {duration(report.seconds)}"
            self._tell(rank, report.host, self.in_a_line(report) + took)

    def interrupting(self, waiting_for: Sequence[str]) -> None:
        self._say(waiting_text(waiting_for))

    def in_a_line(self, report: HostReport) -> str:
        """What became of a host, with the reason only where no line before has told it."""
        result = result_of(report)
        word = self.screen.err.paint(str(result), str(result))
        told = f": {reason_of(report)[0]}" if report.failure or (self._verb in _COMMANDS and result is Result.FAILED) else ""
        if self._verb == "plan" and report.plan:
            word, told = in_short(report.plan), ""
        elif self._verb == "doctor" and not report.failure:
            word = self.screen.err.paint(findings_in_short(report.findings), str(result))
        elif result is Result.CHANGED:
            told = f" ({counted(changes_of(report), 'step')})"
        return f"{word}{told}"

    def _tell(self, rank: int, host: str, text: str) -> None:
        if rank <= self._shown:
            self._say(f"{host}: {text}")

    def _say(self, text: str) -> None:
        self.screen.err.line(text)


def waiting_text(hosts: Sequence[str]) -> str:
    """What the first Ctrl-C is answered with."""
    if not hosts:
        return "Stopping: nothing new is begun."
    names = ", ".join(hosts[:8]) + (f" and {len(hosts) - 8} more" if len(hosts) > 8 else "")
    return f"Stopping: finishing the running actions on {names}; press Ctrl-C again to abandon them."


def _diff_of(plan: Plan) -> Iterator[str]:
    for step in plan.changes:
        if isinstance(step.verdict, Change) and step.verdict.diff:
            yield from step.verdict.diff.splitlines()
