"""The log of each host and run: complete, private, cheap, and never a reason to stop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet.events import Report, RunInfo
from fleet.logs import KEPT, Logs, home, keep_traceback, run_name
from fleet.model import Change, Failure, Host, HostReport, Outcome, Plan, Planned, StepOutcome

HOST = Host("pi", "pi.local")


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    """Logs of a run that has begun, at a clock that stands still."""
    made = Logs(tmp_path / "logs" / run_name(), clock=lambda: "10:00:00")
    made.run_started(RunInfo("provision", (HOST,), made.folder.name))
    return made


def _read(logs: Logs, host: str = "pi") -> list[str]:
    return (logs.folder / f"{host}.log").read_text(encoding="utf-8").splitlines()


def test_a_log_tells_the_whole_story(logs: Logs) -> None:
    """Stages, the plan, actions, what commands printed, outcomes with warnings and hints, and the end."""
    logs.stage("pi", "probing")
    logs.planned("pi", Plan("pi", "docker", (Planned("engine", Change("install docker-ce", ())),)))
    logs.step_started("pi", "engine", "install docker-ce")
    logs.action("pi", "engine", "apt-get install")
    logs.output("pi", "Reading package lists...")
    logs.note("pi", "waiting for apt's lock")
    logs.step_finished("pi", StepOutcome("engine", Outcome.FAILED, "disk full", "make room", warnings=("an old kernel",)))
    logs.host_finished(HostReport("pi", steps=(StepOutcome("engine", Outcome.FAILED, "disk full"),), seconds=2.0))
    assert _read(logs) == [
        f"fleet provision, run {logs.folder.name}, pi",
        "10:00:00 probing",
        "10:00:00 plan of recipe docker: 1 to change, 0 blocked",
        "10:00:00   change engine: install docker-ce",
        "10:00:00 engine: install docker-ce",
        "10:00:00 engine: > apt-get install",
        "10:00:00 | Reading package lists...",
        "10:00:00 waiting for apt's lock",
        "10:00:00 engine: failed: disk full",
        "10:00:00 engine: warning: an old kernel",
        "10:00:00 engine: hint: make room",
        "10:00:00 failed after 2.0 s",
    ]


def test_a_host_that_is_as_wanted_costs_one_write(logs: Logs) -> None:
    """Nothing is written before the end of a host on which nothing changes."""
    logs.stage("pi", "probing")
    assert not (logs.folder / "pi.log").exists()
    logs.host_finished(HostReport("pi", failure=Failure("connect", "no route", "switch it on", unreachable=True), seconds=1))
    assert _read(logs)[1:] == [
        "10:00:00 probing",
        "10:00:00 connect: no route",
        "10:00:00 hint: switch it on",
        "10:00:00 unreachable after 1.0 s",
    ]


def test_a_running_action_can_be_followed(logs: Logs) -> None:
    """Once an action begins, and when much has been printed, the file has it."""
    logs.action("pi", "engine", "apt-get update")
    assert _read(logs)[-1] == "10:00:00 engine: > apt-get update"
    for _ in range(1000):
        logs.output("pi", "x" * 50)
    assert len(_read(logs)) > 500


def test_what_waits_is_written_at_the_end_of_the_run(logs: Logs) -> None:
    """Also of hosts that never finished."""
    logs.stage("pi", "probing")
    logs.run_finished(Report("provision", "r", ()))
    assert _read(logs)[-1] == "10:00:00 probing"


def test_logs_are_for_their_owner_only(logs: Logs) -> None:
    """Whatever the umask is: files 0600, folders 0700."""
    before = os.umask(0)
    try:
        logs.action("pi", "engine", "x")
    finally:
        os.umask(before)
    assert (logs.folder / "pi.log").stat().st_mode & 0o777 == 0o600
    assert logs.folder.stat().st_mode & 0o777 == 0o700
    assert logs.folder.parent.stat().st_mode & 0o777 == 0o700


def test_latest_leads_to_the_newest_run(logs: Logs) -> None:
    """`latest` is moved by every run."""
    latest = logs.folder.parent / "latest"
    assert latest.resolve() == logs.folder.resolve()
    newer = Logs(logs.folder.parent / run_name())
    newer.run_started(RunInfo("plan", (HOST,), "x"))
    assert latest.resolve() == newer.folder.resolve()


def test_old_runs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    """The last runs are kept; files of other names are not ours."""
    for number in range(KEPT + 5):
        (tmp_path / f"2026-01-01T00.00.{number:02}-abcd").mkdir()
    (tmp_path / "notes").mkdir()
    logs = Logs(tmp_path / run_name())
    logs.run_started(RunInfo("plan", (HOST,), "x"))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == KEPT + 2
    assert {"notes", "latest", logs.folder.name, "2026-01-01T00.00.54-abcd"} <= set(left)
    assert "2026-01-01T00.00.05-abcd" not in left


def test_a_full_disk_stops_no_run(tmp_path: Path) -> None:
    """When logs can't be written, the run goes on and it is said once."""
    (tmp_path / "logs").write_text("a file where the folder should be")
    logs = Logs(tmp_path / "logs" / run_name())
    logs.run_started(RunInfo("plan", (HOST,), "x"))
    logs.action("pi", "engine", "x")
    logs.host_finished(HostReport("pi"))
    assert "no logs are kept" in logs.problem


def test_a_link_in_the_place_of_a_log_is_not_followed(logs: Logs, tmp_path: Path) -> None:
    """Nobody makes fleet append to another file."""
    victim = tmp_path / "victim"
    victim.write_text("")
    (logs.folder / "pi.log").symlink_to(victim)
    logs.action("pi", "engine", "x")
    assert victim.read_text() == ""
    assert logs.problem


def test_logs_are_in_the_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_STATE_HOME is honoured; without it, ~/.local/state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert home() == tmp_path / "fleet" / "logs"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert home() == Path("/home/ann/.local/state/fleet/logs")


def test_a_traceback_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a file of its own; None when there is no place for it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = keep_traceback("Traceback …")
    assert path is not None
    assert path.read_text(encoding="utf-8") == "Traceback …"
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    assert keep_traceback("x") is None
