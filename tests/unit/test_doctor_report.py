"""What becomes of findings: the exit code, the JSON, the screen, the log; and the verb and its task on the way to them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import SSHException

from fleet import stages
from fleet.catalog import Resolver
from fleet.cli import main
from fleet.console.findings import findings_in_short
from fleet.console.reports import tell_doctor_report
from fleet.console.stream import Screen, Stream
from fleet.doctor import CHECKS, COMPARISONS, NAMES, PROBES
from fleet.errors import ConnectionLost
from fleet.events import Report, Reporter
from fleet.job import Run
from fleet.logs import Logs
from fleet.model import LOCAL, Failure, Finding, Host, HostReport, Result, Severity
from fleet.recipe.cookbook import Recipes
from fleet.remote import Settings, round_trip
from fleet.report import exit_code, findings_of, to_json
from fleet.tasks import TASKS, probing, programs
from tests.support.doctor import patient, twin

BAD = Finding(Severity.ERROR, "dns", "no names", "no address for x", "Look:\nfleet run pi --sudo -- 'cat /etc/resolv.conf'")
WARNS = Finding(Severity.WARNING, "reboot", "an update waits", "/run/reboot-required", "fleet run pi --sudo -- reboot")
NOTED = Finding(Severity.NOTE, "cgroups", "version 1", "memory cpu", "Nothing to do.")

WELL = HostReport("well", facts=patient())
ILL = HostReport("pi", facts=patient(), findings=(NOTED, BAD, WARNS), seconds=1.0)
NOTES = HostReport("noted", facts=patient(), findings=(NOTED,))
GONE = HostReport("gone", failure=Failure("connect", "no route", "Switch it on.", unreachable=True))
LOCKED = HostReport("locked", failure=Failure("host key", "another key", "ssh-keygen -R locked"))
BUG = HostReport("bug", failure=Failure("bug", "unexpected KeyError: 1", "Please report this."))


def _report(*hosts: HostReport) -> Report:
    return Report("doctor", "r", hosts, 1.0)


@pytest.mark.parametrize(
    ("hosts", "code"),
    [
        ((WELL, NOTES), 0),
        ((WELL, ILL), 3),
        ((LOCKED,), 3),
        ((GONE, WELL, NOTES), 4),
        ((GONE, ILL), 3),
        ((GONE, LOCKED), 3),
        ((BUG, ILL), 1),
    ],
)
def test_exit_code(hosts: tuple[HostReport, ...], code: int) -> None:
    """3 when anything is wrong, notes aside; 4 when hosts can't be reached and all others are fine; 1 is a bug of ours."""
    assert exit_code(_report(*hosts)) == code


def test_json() -> None:
    """Each host has its findings, the worst first; that it could not be looked at is one, and other verbs have none."""
    said = json.loads(json.dumps(to_json(_report(ILL, GONE, WELL)), default=str))
    ill, gone, well = said["hosts"]
    assert [f["check"] for f in ill["findings"]] == ["dns", "reboot", "cgroups"]
    assert ill["findings"][0] == {
        "severity": "error",
        "check": "dns",
        "why": "no names",
        "evidence": "no address for x",
        "remedy": BAD.remedy,
    }
    assert (ill["result"], gone["result"], well["result"]) == ("failed", "unreachable", "ok")
    assert [(f["check"], f["severity"]) for f in gone["findings"]] == [("reach", "error")]
    assert well["findings"] == []
    assert to_json(Report("facts", "r", (GONE,)))["hosts"][0]["findings"] == []


@pytest.mark.parametrize(
    ("stage", "check", "typed"),
    [
        ("connect", "reach", "fleet hosts x"),
        ("host key", "host-key", "fleet hosts x"),
        ("login", "login", "fleet hosts x"),
        ("timeout", "probe", "fleet facts x -vv"),
    ],
)
def test_a_host_that_could_not_be_looked_at(stage: str, check: str, typed: str) -> None:
    """Its failure is a finding, with the reason, the hint and something to type."""
    (finding,) = findings_of(HostReport("x", failure=Failure(stage, "why", "Do this.")))
    assert (finding.check, finding.severity, finding.why) == (check, Severity.ERROR, "why")
    assert finding.remedy == f"Do this.\n{typed}"
    assert stage in finding.evidence


def test_a_screen() -> None:
    """A block for each host with findings, wrapped but for what is to be typed; a table; the sum in words."""
    out, err = (Stream(io.StringIO(), color=False, width=80) for _ in range(2))
    tell_doctor_report(Screen(out, err), _report(WELL, ILL, GONE))
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue() == dedent("""\
        pi: 1 error, 1 warning, 1 note
          error: dns: no names
            evidence: no address for x
            remedy: Look:
              fleet run pi --sudo -- 'cat /etc/resolv.conf'
          warning: reboot: an update waits
            evidence: /run/reboot-required
            remedy: fleet run pi --sudo -- reboot
          note: cgroups: version 1
            evidence: memory cpu
            remedy: Nothing to do.

        gone: 1 error
          error: reach: no route
            evidence: given up at the stage: connect
            remedy: Switch it on.
              fleet hosts gone

        HOST  FOUND                       TIME  SYSTEM
        well  all well                    0.0s  debian trixie arm64
        pi    1 error, 1 warning, 1 note  1.0s  debian trixie arm64
        gone  1 error                     0.0s  -

        doctor: 3 hosts in 1.0s: 1 all well, 2 not (2 errors, 1 warning).
    """)


def test_all_well_in_words() -> None:
    """Notes are named and change nothing."""
    assert findings_in_short(()) == "all well"
    assert findings_in_short((NOTED, NOTED)) == "all well, 2 notes"
    out, err = (Stream(io.StringIO(), color=False, width=80) for _ in range(2))
    tell_doctor_report(Screen(out, err), _report(WELL, NOTES))
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue().endswith("doctor: 2 hosts in 1.0s: all well.\n")


def test_none_well() -> None:
    """No host is called well then."""
    out, err = (Stream(io.StringIO(), color=True, width=80) for _ in range(2))
    tell_doctor_report(Screen(out, err), _report(ILL))
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue().endswith("doctor: 1 host in 1.0s: none well (1 error, 1 warning).\n")
    assert "\x1b[31;1merror\x1b[0m: dns" in out.file.getvalue()


def test_the_log_has_the_findings(tmp_path: Path) -> None:
    """For the day after."""
    logs = Logs(tmp_path / "logs" / "r")
    (tmp_path / "logs" / "r").mkdir(parents=True)
    logs.host_finished(ILL)
    assert "error: dns: no names (no address for x)" in (tmp_path / "logs" / "r" / "pi.log").read_text()


# ── the way there ────────────────────────────────────────────────────────────────────────────────────────────────────


class _Finished(Reporter):
    def __init__(self) -> None:
        self.report: Report | None = None

    def run_finished(self, report: Report) -> None:
        self.report = report


def _run(reporter: Reporter) -> Run:
    return Run(settings=Settings(), resolver=Resolver(), recipes=Recipes(), reporter=reporter)


def test_one_question_of_all_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor asks its own questions in the same command, knows the day that it is told, and measures the way."""
    asked: list[Any] = []

    def ask(c: Any, job: Any, probes: Sequence[Any]) -> Any:
        asked.append({probe.name for probe in probes})
        return patient("ubuntu-jammy")

    monkeypatch.setattr(probing, "ask", ask)
    monkeypatch.setattr(programs, "round_trip", lambda c: 0.5)
    report = programs.doctor(object(), _run(Reporter()).job(Host("pi", "192.0.2.1")), date(2027, 1, 1))
    assert len(asked) == 1
    assert {probe.name for probe in PROBES} <= asked[0]
    assert [(f.check, f.severity) for f in report.findings] == [("release", Severity.NOTE), ("latency", Severity.NOTE)]
    assert report.result is Result.OK
    assert "doctor" in TASKS.task_names


def test_hosts_are_compared_when_all_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is seen only beside others is in the report of the run, for reporters too."""
    monkeypatch.setattr(probing, "ask", lambda c, job, probes: twin("pi", job.host.name, machine="f00"))
    reporter = _Finished()
    report = stages.examine(_run(reporter), [Host("a", LOCAL), Host("b", LOCAL)], date(2026, 11, 24))
    assert [[f.check for f in host.findings] for host in report.hosts] == [["machine-id"], ["machine-id"]]
    assert reporter.report == report
    assert exit_code(report) == 3


def test_the_verb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`fleet doctor` passes on hosts and the day, tells the report, and ends with its code."""
    seen: dict[str, Any] = {}

    def examine(run: Run, hosts: Sequence[Host], today: date) -> Report:
        seen.update(hosts=[h.name for h in hosts], today=today)
        return _report(ILL, NOTES)

    monkeypatch.setattr("fleet.stages.examine", examine)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.yml").write_text("hosts:\n  pi:\n  noted:\n")
    assert main(["doctor", "--all"]) == 3
    assert "1 all well, 1 not (1 error, 1 warning)" in capsys.readouterr().out
    assert main(["doctor", "pi", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["exit_code"] == 3
    assert seen["hosts"] == ["pi"]
    assert abs((seen["today"] - date.today()).days) <= 1


def test_every_check_is_documented() -> None:
    """The README's table has a row for each check, in their order, and for no other."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = re.split(r"(?m)^## ", readme.partition("\n## Doctor\n")[2])[0]
    assert re.findall(r"(?m)^\| `([^`]+)` \|", section) == list(NAMES)
    assert set(NAMES) == {"reach", "host-key", "login", "probe", *CHECKS, *COMPARISONS}


class _Transport:
    """A connection on which channels take these times to be granted; None stands for one that is lost."""

    def __init__(self, clock: list[float], *seconds: float | None) -> None:
        self.clock, self.seconds = clock, list(seconds)

    def open_session(self, timeout: float) -> Any:
        seconds = self.seconds.pop(0)
        if seconds is None:
            raise SSHException("Timeout opening channel.")
        self.clock[0] += seconds
        return io.BytesIO()


@pytest.mark.parametrize(("seconds", "best"), [((0.02,), 0.02), ((0.7, 0.03), 0.03), ((0.7, 0.4, 0.5), 0.4)])
def test_the_best_of_a_few_round_trips(monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], best: float) -> None:
    """One is enough when it is quick; a slow one is asked again, since the login may have been in its way."""
    clock = [0.0]
    monkeypatch.setattr("fleet.remote.latency.time", SimpleNamespace(monotonic=lambda: clock[0]))
    transport = _Transport(clock, *seconds)
    assert round_trip(SimpleNamespace(transport=transport)) == pytest.approx(best)
    assert transport.seconds == []


def test_a_connection_that_is_lost_while_it_is_measured() -> None:
    """It is said as everywhere."""
    with pytest.raises(ConnectionLost, match="connection broke"):
        round_trip(SimpleNamespace(transport=_Transport([0.0], None)))
