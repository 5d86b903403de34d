"""The table of `fleet top`, drawn again with every look, for as long as somebody watches."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fleet.console.containers import usage_lines
from fleet.console.lines import TROUBLE, Lines
from fleet.console.stream import Screen
from fleet.console.words import counted, cut
from fleet.events import Report, RunInfo
from fleet.model import Usage

_REFRESHES = 2
"""Redraws a second; a look takes Docker two seconds."""


class Top(Lines):
    """Keeps the newest look at every host on the terminal; the last one stays there at the end."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen, shown=TROUBLE)
        self._found: dict[str, Sequence[Usage]] = {}
        self._hosts = 0
        self._guard = threading.Lock()
        self._console = Console(file=screen.out.file, no_color=not screen.out.color, highlight=False, markup=False)
        self._live = Live(
            console=self._console,
            get_renderable=self.picture,
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def run_started(self, run: RunInfo) -> None:
        super().run_started(run)
        self._hosts = len(run.hosts)
        self._live.start(refresh=True)

    def measured(self, host: str, usage: Sequence[Usage]) -> None:
        with self._guard:
            self._found[host] = usage

    def interrupting(self, waiting_for: Sequence[str]) -> None:
        """Nothing is said: it is how watching ends."""

    def run_finished(self, report: Report) -> None:
        self._live.stop()
        with self._guard:
            if self._found:
                self.screen.out.line("\n".join(usage_lines(self._found)))

    def picture(self) -> Text:
        """The table, as much of it as fits the terminal, and a line about all of it."""
        with self._guard:
            head, *rows = usage_lines(self._found)
            answered = len(self._found)
        width, room = self._console.width, max(1, self._console.height - 3)
        hidden = f", {len(rows) - room} more" if len(rows) > room else ""
        foot = f"{counted(len(rows), 'container')}{hidden} on {answered} of {counted(self._hosts, 'host')}; Ctrl-C ends"
        lines = [Text(cut(head, width), "bold"), *(Text(cut(row, width)) for row in rows[:room]), Text(cut(foot, width), "dim")]
        return Text("\n").join(lines)

    def _say(self, text: str) -> None:
        self._console.print(Text.from_ansi(text), soft_wrap=True)
