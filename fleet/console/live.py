"""Progress on a terminal: a row per host with its step and time, and a bar for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live as RichLive
from rich.text import Text

from fleet.console.lines import TROUBLE, Lines, waiting_text
from fleet.console.stream import Screen, clean
from fleet.console.words import cut, duration
from fleet.events import Report, RunInfo
from fleet.model import HostReport, Outcome, Result, StepOutcome
from fleet.report import is_meant, result_of

REFRESHES = 5
"""Redraws a second: often enough to look alive, and cheap."""
_COLORS = {"ok": "green", "changed": "yellow", "failed": "red", "blocked": "red", "unreachable": "red"}


@dataclass(slots=True)
class Row:
    """One host on the screen."""

    doing: str = "waiting"
    since: float = 0.0
    ended: float = 0.0
    result: Result | None = None

    def seconds(self, now: float) -> float:
        """How long it has been at it."""
        return (self.ended or now) - self.since if self.since else 0.0


class Live(Lines):
    """Keeps a picture of all hosts at the foot of the terminal; what is worth a line scrolls away above it."""

    def __init__(self, screen: Screen, *, diff: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(screen, diff=diff, shown=TROUBLE)
        self._clock = clock
        self._rows: dict[str, Row] = {}
        self._started = clock()
        self._message = ""
        self._asking = False
        self._lock = threading.Lock()
        self._console = Console(file=screen.err.file, no_color=not screen.err.color, highlight=False, markup=False)
        self._live = RichLive(
            console=self._console,
            get_renderable=self.picture,
            refresh_per_second=REFRESHES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._live.stop()
        self._asking = True
        try:
            yield
        finally:
            self._asking = False
            self._live.start()

    def run_started(self, run: RunInfo) -> None:
        super().run_started(run)
        self._started = self._clock()
        self._rows = {host.name: Row() for host in run.hosts}
        self._live.start(refresh=True)

    def stage(self, host: str, stage: str) -> None:
        self._do(host, stage)
        super().stage(host, stage)

    def step_started(self, host: str, step: str, why: str) -> None:
        self._do(host, f"{step}: {why}")
        super().step_started(host, step, why)

    def action(self, host: str, step: str, title: str) -> None:
        self._do(host, f"{step}: {title}")
        super().action(host, step, title)

    def step_finished(self, host: str, outcome: StepOutcome) -> None:
        if outcome.outcome is Outcome.CHANGED:
            self._do(host, f"{outcome.step}: changed")
        super().step_finished(host, outcome)

    def host_finished(self, report: HostReport) -> None:
        row = self._rows[report.host]
        row.ended = self._clock()
        row.doing, row.result = (self.in_a_line(report), result_of(report)) if is_meant(report) else ("not meant", None)
        super().host_finished(report)

    def interrupting(self, waiting_for: Sequence[str]) -> None:
        self._message = waiting_text(waiting_for)
        if self._asking:  # the question stands there without an end of line
            self.screen.err.line()

    def run_finished(self, report: Report) -> None:
        self._live.stop()

    def _do(self, host: str, doing: str) -> None:
        row = self._rows[host]
        row.since = row.since or self._clock()
        row.doing = doing

    def _say(self, text: str) -> None:
        with self._lock:
            self._console.print(Text.from_ansi(text), soft_wrap=True)

    # ── the picture ──────────────────────────────────────────────────────────────────────────────────────────────────

    def picture(self) -> Text:
        """All of it as text that fits the terminal."""
        width, height = self._console.width, self._console.height
        now = self._clock()
        shown, hidden = self._fitting(max(3, height - 4))
        name_width = max((len(name) for name, _ in shown), default=0)
        lines = [self._line(name, row, name_width, width, now) for name, row in shown]
        if hidden:
            lines.append(Text(f"  … {hidden}", "dim"))
        lines.append(self._bar(width, now))
        if self._message:
            lines.append(Text(cut(self._message, width), "yellow"))
        return Text("\n").join(lines)

    def _fitting(self, room: int) -> tuple[list[tuple[str, Row]], str]:
        """The rows to show: all, or those at work first, and words for the others."""
        rows = list(self._rows.items())
        if len(rows) <= room:
            return rows, ""
        at_work = [item for item in rows if item[1].since and not item[1].ended]
        bad = [item for item in rows if item[1].result in (Result.FAILED, Result.BLOCKED, Result.UNREACHABLE)]
        shown = (at_work + bad)[: room - 1]
        waiting = sum(not row.since and not row.ended for _, row in rows)
        more = max(0, len(at_work) - len(shown))
        words = [f"{more} more at work" if more else "", f"{waiting} waiting" if waiting else ""]
        return shown, ", ".join(filter(None, words))

    def _line(self, name: str, row: Row, name_width: int, width: int, now: float) -> Text:
        seconds = row.seconds(now)
        clock = f"{duration(seconds) if seconds else '':>7}"
        room = max(8, width - name_width - len(clock) - 6)
        doing = Text(cut(Text.from_ansi(row.doing).plain, room).ljust(room), style=_COLORS.get(str(row.result), ""))
        if not row.since and not row.ended:
            doing.stylize("dim")
        return Text.assemble("  ", (clean(name).ljust(name_width), "bold"), "  ", doing, "  ", (clock, "dim"))

    def _bar(self, width: int, now: float) -> Text:
        total = len(self._rows)
        done = sum(bool(row.ended) for row in self._rows.values())
        tail = f" {done}/{total} hosts  {duration(now - self._started)}"
        room = max(4, min(40, width - len(tail) - len(self._verb) - 3))
        full = room * done // max(1, total)
        return Text.assemble((self._verb, "bold"), " ", ("━" * full, "green"), ("━" * (room - full), "bright_black"), tail)
