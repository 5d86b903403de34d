"""What a person sees: whole screens at 80 columns without colour, written by hand."""

from __future__ import annotations

import io
import json
import os
import tempfile
import tracemalloc
from collections.abc import Mapping
from textwrap import dedent

import pytest

from fleet.console.lines import Lines
from fleet.console.plans import tell_plans
from fleet.console.reports import Output, progress, tell_facts_report, tell_plan_report
from fleet.console.stream import Screen, Stream, clean, screen
from fleet.console.summary import tell_summary, tell_total, total
from fleet.console.tables import shown, tell_facts, tell_hosts
from fleet.console.tell import tell_error, tell_json
from fleet.console.words import counted, cut, duration
from fleet.errors import NotSelected
from fleet.events import Report, RunInfo
from fleet.model import (
    Blocked,
    Change,
    Data,
    Download,
    Failure,
    Host,
    HostReport,
    Outcome,
    Plan,
    Planned,
    Reconnect,
    Remove,
    Run,
    Satisfied,
    Skipped,
    StepOutcome,
    Verdict,
    Write,
)


def _screen(verbose: int = 0) -> Screen:
    out, err = (Stream(io.StringIO(), color=False, width=80) for _ in range(2))
    return Screen(out, err, verbose=verbose)


def _text(stream: Stream) -> str:
    assert isinstance(stream.file, io.StringIO)
    return stream.file.getvalue()


def _screenful(text: str) -> str:
    return dedent(text).lstrip("\n")


def _steps(**verdicts: Verdict) -> tuple[Planned, ...]:
    return tuple(Planned(name, verdict) for name, verdict in verdicts.items())


FRESH = _steps(
    apt=Satisfied("dpkg is in order"),
    keyring=Change("install Docker's key", (Write("/etc/apt/keyrings/docker.asc", "…"),)),
    engine=Change(
        "install docker-ce 5:28.5.2-1~debian.12~bookworm, docker-ce-cli 5:28.5.2-1~debian.12~bookworm, containerd.io 2.1.9",
        (Run("install the packages", "apt-get …"), Reconnect("group membership is read at login")),
        diff="--- /etc/x\n+++ /etc/x\n@@ -1 +1 @@\n-old\n+new",
    ),
    images=Blocked("there is no nginx:1.29 for linux/arm/v7", "take another tag, or remove it from images.pull"),
    compose=Skipped("images is blocked"),
    group=Skipped("images is blocked"),
)

# ── plans ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan() -> None:
    """What changes and why, what is blocked and the way out; hosts of which the same is to be said are one."""
    plans = [Plan("pi-1", "docker", FRESH), Plan("desk", "docker", FRESH[:1]), Plan("pi-2", "docker", FRESH)]
    report = Report("plan", "r", (*(HostReport(plan.host, plan=plan) for plan in plans), GONE))
    out = _screen()
    tell_plan_report(out, report, diff=False)
    assert _text(out.out) == _screenful("""
        pi-1, pi-2: 2 changes, 1 blocked (recipe docker)
          change   keyring  install Docker's key
          change   engine   install docker-ce 5:28.5.2-1~debian.12~bookworm,
                            docker-ce-cli 5:28.5.2-1~debian.12~bookworm, containerd.io
                            2.1.9
          blocked  images   there is no nginx:1.29 for linux/arm/v7
                            hint: take another tag, or remove it from images.pull
          skipped  compose, group: images is blocked

        desk: 0 changes (recipe docker)

        gone: unreachable
          gone (192.0.2.9) did not answer in time
          hint: Is it switched on?
          log: /logs/gone.log

        Plan: 4 hosts, 4 changes, 2 blocked, 1 without a plan.
        """)


def test_a_plan_in_detail() -> None:
    """-v shows satisfied steps and actions, --diff what changes inside files."""
    out = _screen()
    tell_plans(out.out, [Plan("pi", "docker", FRESH[:3])], verbose=1, diff=True)
    assert _text(out.out) == _screenful("""
        pi: 2 changes (recipe docker)
          ok       apt      dpkg is in order
          change   keyring  install Docker's key
                            > write /etc/apt/keyrings/docker.asc
          change   engine   install docker-ce 5:28.5.2-1~debian.12~bookworm,
                            docker-ce-cli 5:28.5.2-1~debian.12~bookworm, containerd.io
                            2.1.9
                            > install the packages
                            > log in again: group membership is read at login
                            --- /etc/x
                            +++ /etc/x
                            @@ -1 +1 @@
                            -old
                            +new
        """)


def test_warnings_of_a_satisfied_step_are_shown() -> None:
    """A step that warns is listed although there is nothing to do."""
    out = _screen()
    tell_plans(out.out, [Plan("pi", "docker", _steps(compose=Satisfied("v2 is there", ("another copy shadows it",))))])
    assert "warning: another copy shadows it" in _text(out.out)


def test_every_kind_of_action_has_words() -> None:
    """No action is shown as code."""
    actions = (Remove("/etc/old", "1"), Download("https://x.example/compose", "/usr/local/compose", "2"))
    out = _screen()
    tell_plans(out.out, [Plan("pi", "docker", _steps(x=Change("why", actions)))], verbose=1)
    assert "> remove /etc/old" in _text(out.out)
    assert "> bring compose to /usr/local/compose" in _text(out.out)


# ── the end of a run ─────────────────────────────────────────────────────────────────────────────────────────────────

GONE = HostReport(
    "gone",
    failure=Failure("connect", "gone (192.0.2.9) did not answer in time", "Is it switched on?", unreachable=True),
    seconds=30,
    log="/logs/gone.log",
)
LOCKED_OUT = HostReport(
    "desk", failure=Failure("sudo", "sudo refused the password", "type it again (-K)"), seconds=1.2, log="/logs/desk.log"
)
DONE = HostReport(
    "pi-kitchen",
    steps=(
        StepOutcome("keyring", Outcome.CHANGED, "x"),
        StepOutcome("compose", Outcome.CHANGED, "x", warnings=("another docker-compose shadows the plugin",)),
    ),
    seconds=62,
)
SAME = HostReport(
    "pi-hall",
    steps=(StepOutcome("compose", Outcome.OK, "x", warnings=("another docker-compose shadows the plugin",)),),
    seconds=0.84,
)
BROKEN = HostReport(
    "pi-garage",
    steps=(
        StepOutcome(
            "source",
            Outcome.FAILED,
            "apt-get update: exit code 100: E: The repository can't be reached from here at all",
            "look at its network",
        ),
        StepOutcome("group", Outcome.FAILED, "useradd is missing", "look at its network"),
        StepOutcome("engine", Outcome.SKIPPED, "source failed"),
        StepOutcome("images", Outcome.BLOCKED, "no image for linux/arm/v6", "take another one"),
    ),
    seconds=17,
    log="/logs/pi-garage.log",
)


def test_the_summary() -> None:
    """A line per host, each warning once, then what went wrong where, the way out, and the log."""
    out = _screen()
    tell_summary(out.out, Report("provision", "r", (DONE, SAME, BROKEN, LOCKED_OUT, GONE), 64))
    assert _text(out.out) == _screenful("""
        HOST        RESULT       CHANGED   TIME  REASON
        pi-kitchen  changed            2  1m02s
        pi-hall     ok                 0   0.8s
        pi-garage   failed             0    17s  3 steps: source: apt-get update: exit …
        desk        failed             0   1.2s  sudo: sudo refused the password
        gone        unreachable        0    30s  gone (192.0.2.9) did not answer in time

        warning: compose: another docker-compose shadows the plugin (pi-kitchen,
          pi-hall)

        pi-garage: failed
          source: apt-get update: exit code 100: E: The repository can't be reached from
            here at all
          group: useradd is missing
          hint: look at its network
          images: no image for linux/arm/v6
          hint: take another one
          not done: engine
          log: /logs/pi-garage.log

        desk: failed (sudo)
          sudo refused the password
          hint: type it again (-K)
          log: /logs/desk.log

        gone: unreachable
          gone (192.0.2.9) did not answer in time
          hint: Is it switched on?
          log: /logs/gone.log

        provision: 5 hosts in 1m04s: 1 ok, 1 changed, 2 failed, 1 unreachable;
          2 steps changed.
        """)


def test_a_total_with_everything_in_it_fits() -> None:
    """Of many hosts with every result, interrupted: in lines of 80, and none ends between a number and its word."""
    out = _screen()
    many = {"ok": {}, "failed": {"failure": Failure("x", "y", "")}, "gone": {"failure": Failure("x", "y", "", unreachable=True)}}
    many |= {name: {"steps": (StepOutcome("engine", o, ""),)} for name, o in (("c", Outcome.CHANGED), ("b", Outcome.BLOCKED))}
    hosts = [HostReport(f"{name}{n}", **kind) for name, kind in many.items() for n in range(200)]  # type: ignore[arg-type]
    said = total(Report("provision", "r", tuple(hosts), 7000, interrupted=True))
    assert len(said) > 80
    tell_total(out.out, said)
    assert _text(out.out) == _screenful("""
        provision: 1000 hosts in 1h56m: 200 ok, 200 changed, 200 failed, 200 blocked,
          200 unreachable; 200 steps changed; interrupted.
        """)


def test_the_summary_of_a_converged_fleet_is_short() -> None:
    """Nothing to say but that all is well; verify tells what was proven."""
    out = _screen()
    tell_summary(
        out.out, Report("verify", "r", (HostReport("pi", proven=("pi ran a container: Docker 28.5.2",), seconds=2),), 2.1)
    )
    assert _text(out.out) == _screenful("""
        HOST  RESULT  TIME  REASON
        pi    ok      2.0s  pi ran a container: Docker 28.5.2

        verify: 1 host in 2.1s: 1 ok.
        """)


def test_an_interrupted_run_says_so() -> None:
    """In the last line, where it is looked for."""
    out = _screen()
    tell_summary(out.out, Report("provision", "r", (), 1, interrupted=True))
    assert _text(out.out).endswith("provision: 0 hosts in 1.0s: none; 0 steps changed; interrupted.\n")


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_hosts() -> None:
    """What the inventory says; what it does not say is a dash. Gateways have a column only when there are some."""
    plain = [
        Host("pi-1", "192.0.2.1", user="pi", groups=("pis", "kitchen")),
        Host("desk", "desk.example", port=2222, recipe="own"),
    ]
    out = _screen()
    tell_hosts(out.out, plain, "docker")
    assert _text(out.out) == _screenful("""
        HOST  ADDRESS       USER  PORT  RECIPE  GROUPS
        pi-1  192.0.2.1     pi    -     docker  pis, kitchen
        desk  desk.example  -     2222  own     -
        """)
    out = _screen()
    tell_hosts(out.out, [Host("far", "far.example", gateway="desk")], "docker")
    assert _text(out.out).splitlines()[0] == "HOST  ADDRESS      USER  PORT  RECIPE  GATEWAY  GROUPS"


FACTS: Mapping[str, Data] = {
    "architecture": "arm64",
    "distro": "debian",
    "codename": "trixie",
    "memory_mb": 3796,
    "sudo": "passwordless",
    "docker": "28.5.2",
    "compose": "",
    "raspberry_pi": True,
}


def test_facts_of_several_hosts_are_a_table() -> None:
    """A line per host."""
    out = _screen()
    tell_facts(out.out, {"pi-1": FACTS, "pi-2": {"distro": "raspbian", "version": "13"}})
    assert _text(out.out) == _screenful("""
        HOST  ARCHITECTURE  SYSTEM         MEMORY   SUDO          DOCKER  COMPOSE
        pi-1  arm64         debian trixie  3.7 GiB  passwordless  28.5.2  -
        pi-2  -             raspbian 13    -        -             -       -
        """)


def test_facts_of_one_host_are_a_list() -> None:
    """All of them, as they are written in fact:NAME=VALUE."""
    out = _screen()
    tell_facts(out.out, {"pi-1": FACTS})
    assert "architecture:  arm64\n" in _text(out.out)
    assert "raspberry_pi:  true\n" in _text(out.out)
    assert "compose:       -\n" in _text(out.out)


def test_troubles_of_facts_go_to_stderr() -> None:
    """stdout is for the facts."""
    out = _screen()
    tell_facts_report(out, Report("facts", "r", (GONE,)))
    assert _text(out.out) == ""
    assert "hint: Is it switched on?" in _text(out.err)


# ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _run_on(reporter: Lines, verb: str = "provision") -> None:
    """One host's way to a failure, as the stages tell it."""
    reporter.run_started(RunInfo(verb, (Host("pi", "pi.local"),), "r"))
    reporter.stage("pi", "probing")
    reporter.planned("pi", Plan("pi", "docker", FRESH[:3]))
    reporter.step_started("pi", "keyring", "install Docker's key")
    reporter.action("pi", "keyring", "write /etc/apt/keyrings/docker.asc")
    reporter.step_finished("pi", StepOutcome("keyring", Outcome.CHANGED, "x", seconds=0.3))
    reporter.step_finished("pi", StepOutcome("apt", Outcome.OK, "dpkg is in order"))
    reporter.output("pi", "E: no\x1b[2Jspace")
    reporter.note("pi", "waiting for apt's lock")
    reporter.step_finished("pi", StepOutcome("engine", Outcome.FAILED, "no space", seconds=4))
    reporter.host_finished(HostReport("pi", steps=(StepOutcome("engine", Outcome.FAILED, "no space"),), seconds=75))


LINES = {
    0: """
        pi: plan: 2 changes: keyring, engine
        pi: keyring: install Docker's key
        pi: keyring: changed in 0.3s
        pi: waiting for apt's lock
        pi: engine: failed: no space
        pi: failed in 1m15s
        """,
    2: """
        pi: probing
        pi: plan: 2 changes: keyring, engine
        pi: keyring: install Docker's key
        pi: keyring: > write /etc/apt/keyrings/docker.asc
        pi: keyring: changed in 0.3s
        pi: apt: ok: dpkg is in order
        pi: | E: no�[2Jspace
        pi: waiting for apt's lock
        pi: engine: failed: no space
        pi: failed in 1m15s
        """,
}


@pytest.mark.parametrize("verbose", LINES)
def test_progress_without_a_terminal(verbose: int) -> None:
    """A line for each notable event, on stderr alone; -v and -vv show more. No host commands the terminal."""
    out = _screen(verbose)
    _run_on(progress(out))
    assert _text(out.err) == _screenful(LINES[verbose])
    assert _text(out.out) == ""


def test_diffs_of_a_run_are_shown_when_asked_for() -> None:
    """`provision --diff`."""
    out = _screen()
    _run_on(progress(out, diff=True))
    assert "pi: +new\n" in _text(out.err)


def test_hosts_end_in_words() -> None:
    """Changed with the number of steps, unreachable with the reason, and nothing of a host that was not meant."""
    out = _screen()
    reporter = progress(out)
    for report in (DONE, GONE, HostReport("other", failure=Failure(NotSelected.stage, "x"))):
        reporter.host_finished(report)
    assert _text(out.err).splitlines()[:2] == [
        "pi-kitchen: changed (2 steps) in 1m02s",
        "gone: unreachable: gone (192.0.2.9) did not answer in time",
    ]


def test_the_first_ctrl_c_is_answered() -> None:
    """With what is waited for, and what a second one does."""
    out = _screen()
    progress(out).interrupting(("a", "b"))
    progress(out).interrupting(())
    assert _text(out.err) == _screenful("""
        Stopping: finishing the running actions on a, b; press Ctrl-C again to abandon them.
        Stopping: nothing new is begun.
        """)


def test_output_of_commands_goes_where_it_was_meant() -> None:
    """With the host's name where there are several, without where there is one; not at all beside JSON."""
    several, one = _screen(), _screen()
    reporter = Output(several)
    reporter.run_started(RunInfo("run", (Host("pi", "a"), Host("desk", "b")), "r"))
    reporter.output("pi", "hello")
    reporter.output("pi", "oh no", error=True)
    assert _text(several.out) == "pi   | hello\n"
    assert _text(several.err) == "pi   | oh no\n"
    reporter = Output(one)
    reporter.run_started(RunInfo("run", (Host("pi", "a"),), "r"))
    reporter.output("pi", "hello")
    assert _text(one.out) == "hello\n"
    silent = Screen(one.err, one.err, json=True)
    Output(silent).output("pi", "hello")
    assert _text(one.err) == ""


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "color", "environ", "colored"),
    [
        (True, True, {"TERM": "xterm"}, True),
        (False, True, {"TERM": "xterm"}, False),
        (True, False, {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
        (True, True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, True, {"TERM": "dumb"}, False),
        (False, True, {"FORCE_COLOR": "1"}, True),
        (False, True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_when_there_are_colours(terminal: bool, color: bool, environ: dict[str, str], colored: bool) -> None:
    """On terminals that can, unless the user says otherwise; --no-color and NO_COLOR are stronger than FORCE_COLOR."""
    file = _Terminal() if terminal else io.StringIO()
    made = screen(file, file, color=color, environ=environ)
    assert made.err.color is colored
    assert (made.err.paint("x", "ok") != "x") is colored


def test_errors_have_a_hint_and_no_control_characters() -> None:
    """`error:` and `hint:` on stderr; what came from a host or a file can't command the terminal."""
    out = _screen()
    tell_error(out, "bad \x1b]0;title\x07 name\nsecond line", "do this")
    assert _text(out.err) == "error: bad �]0;title� name\nsecond line\nhint: do this\n"


def test_clean_leaves_text_alone() -> None:
    """Only control characters go; tabs and line ends stay."""
    assert clean("a\tb\nc – é") == "a\tb\nc – é"
    assert clean("a\r\x00\x9bb") == "a���b"


def test_a_reader_that_goes_away_stops_nothing() -> None:
    """`fleet … | head -1`: what is written afterwards goes nowhere, and nobody gets an error."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1, encoding="utf-8") as file:
        stream = Stream(file, color=False, width=80)
        for _ in range(3):
            stream.line("text")
        stream.flush()


def test_json_is_never_in_memory_as_a_whole() -> None:
    """The answer of a large fleet goes out in pieces, and is one document and a line end."""
    data = {"hosts": [{"name": f"pi-{number}", "why": "é" * 1000} for number in range(2000)]}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        stream = Stream(file, color=False, width=80)
        tracemalloc.start()
        try:
            tell_json(Screen(stream, stream), data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < file.tell() / 10, peak
        file.seek(0)
        text = file.read()
    assert json.loads(text) == data
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


def test_an_output_that_knows_no_unicode_gets_question_marks() -> None:
    """An ASCII terminal is no reason to fail."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    made = screen(file, file)
    made.out.line("… ä")
    made.out.flush()
    assert raw.getvalue() == b"? ?\n"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0s"), (9.94, "9.9s"), (9.96, "10s"), (59.6, "1m00s"), (3599, "59m59s"), (7500, "2h05m")]
)
def test_durations(seconds: float, words: str) -> None:
    """Short, and never 60 seconds or 60 minutes."""
    assert duration(seconds) == words


def test_small_words() -> None:
    """Singular and plural; texts cut to their first line; facts as they are written in fact:NAME=VALUE."""
    assert (counted(1, "host"), counted(0, "host")) == ("1 host", "0 hosts")
    assert (cut("abc\ndef", 3), cut("abcd", 3)) == ("abc", "ab…")
    assert (shown([True, 1]), shown(None)) == ("true, 1", "")
