"""The live picture on a terminal: what it shows, what scrolls above it, and what it costs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest

from fleet.console.live import Live
from fleet.console.reports import progress
from fleet.console.stream import Screen, Stream
from fleet.events import Report, RunInfo
from fleet.model import Failure, Host, HostReport, Outcome, StepOutcome


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Live]:
    """A display on a terminal of 80 columns and a few lines, at a clock that stands still."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("TERM", "xterm")

    def make(hosts: int, verb: str = "provision") -> Live:
        stream = Stream(_Terminal(), color=False, width=80)
        made = Live(Screen(stream, stream), clock=lambda: 100.0)
        monkeypatch.setattr(made._live, "start", lambda **_: None)
        made.run_started(RunInfo(verb, tuple(Host(f"pi-{number}", "x") for number in range(hosts)), "r"))
        return made

    return make


def _lines(live: Live) -> list[str]:
    return [line.rstrip() for line in live.picture().plain.splitlines()]


def test_a_terminal_gets_the_live_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """And everything else plain lines."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Stream(_Terminal(), color=False, width=80)
    assert isinstance(progress(Screen(stream, stream)), Live)
    monkeypatch.setenv("TERM", "dumb")
    assert not isinstance(progress(Screen(stream, stream)), Live)


def test_every_host_has_a_row(live: Callable[..., Live]) -> None:
    """What it does, since when, what became of it, and a bar for all."""
    shown = live(4)
    shown.stage("pi-0", "probing")
    shown._clock = lambda: 162.0
    shown.step_started("pi-1", "engine", "install docker-ce 5:28.5.2-1~debian.12~bookworm and more than fits")
    shown.host_finished(HostReport("pi-2", steps=(StepOutcome("engine", Outcome.CHANGED, "x"),)))
    assert _lines(shown) == [
        "  pi-0  probing                                                            1m02s",
        "  pi-1  engine: install docker-ce 5:28.5.2-1~debian.12~bookworm and mo…",
        "  pi-2  changed (1 step)",
        "  pi-3  waiting",
        "provision ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1/4 hosts  1m02s",
    ]


def test_a_large_fleet_shows_those_at_work(live: Callable[..., Live]) -> None:
    """At more hosts than fit: the active ones and the bad ones first, and how many wait. Never more than the screen."""
    shown = live(100)
    for number in range(20, 25):
        shown.stage(f"pi-{number}", "probing")
    shown.host_finished(HostReport("pi-3", failure=Failure("sudo", "no rights")))
    lines = _lines(shown)
    assert [line.split()[0] for line in lines[:6]] == ["pi-20", "pi-21", "pi-22", "pi-23", "pi-24", "pi-3"]
    assert lines[6] == "  … 94 waiting"
    for number in range(30, 60):
        shown.stage(f"pi-{number}", "probing")
    lines = _lines(shown)
    assert len(lines) < 12
    assert lines[-2] == "  … 28 more at work, 64 waiting"


def test_troubles_scroll_away_above(live: Callable[..., Live]) -> None:
    """Failures and notes are lines of their own; milestones are only in the picture."""
    shown = live(1)
    shown.stage("pi-0", "probing")
    shown.step_started("pi-0", "engine", "install")
    shown.note("pi-0", "accepted the key, seen for the first time")
    shown.host_finished(HostReport("pi-0", failure=Failure("sudo", "no rights")))
    file = shown.screen.err.file
    assert isinstance(file, io.StringIO)
    assert file.getvalue() == "pi-0: accepted the key, seen for the first time\npi-0: failed: sudo: no rights\n"


def test_a_stop_is_shown_below(live: Callable[..., Live]) -> None:
    """What is waited for after Ctrl-C stays in sight."""
    shown = live(1)
    shown.interrupting(("pi-0",))
    assert _lines(shown)[-1].startswith("Stopping: finishing the running actions on pi-0; press Ctrl-C again")


def test_a_picture_is_cheap(live: Callable[..., Live]) -> None:
    """Drawn 5 times a second, even a large fleet's takes a small part of a processor."""
    shown = live(2000)
    started = time.process_time()
    for _ in range(20):
        shown.picture()
    assert (time.process_time() - started) / 20 < 0.05


def test_it_draws_and_cleans_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real terminal's stream: the picture is drawn, and gone at the end, with the cursor back."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Stream(_Terminal(), color=False, width=80)
    shown = Live(Screen(stream, stream))
    shown.run_started(RunInfo("plan", (Host("pi", "x"),), "r"))
    shown.stage("pi", "probing")
    with shown.paused():
        stream.line("a question")
    shown.run_finished(Report("plan", "r", ()))
    assert isinstance(stream.file, io.StringIO)
    text = stream.file.getvalue()
    assert "0/1 hosts" in text
    assert "a question" in text
    assert text.rstrip("\r").endswith(("\x1b[2K", "\x1b[?25h"))
