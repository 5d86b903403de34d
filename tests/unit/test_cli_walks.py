"""The verbs that walk hosts: what they ask of the stages, what they show of the report, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fleet.cli import main
from fleet.events import Report, RunInfo
from fleet.job import Run as FleetRun
from fleet.model import (
    Change,
    Done,
    Facts,
    Failure,
    Host,
    HostReport,
    Outcome,
    Plan,
    Planned,
    Run,
    Satisfied,
    StepOutcome,
)

CHANGE = Planned("engine", Change("install docker-ce", (Run("install", "x"),)))
FINE = Planned("apt", Satisfied("in order"))
Make = Callable[[Host], HostReport]


class Stages:
    """Stands for fleet.stages: every host gets the report that the test wants, by way of the reporter as in a real run."""

    def __init__(self) -> None:
        self.make: Make = lambda host: HostReport(host.name)
        self.run: FleetRun | None = None
        self.hosts: list[str] = []
        self.more: dict[str, Any] = {}

    def walk(self, verb: str) -> Callable[..., Report]:
        def walk(run: FleetRun, hosts: Sequence[Host], *words: Any, **more: Any) -> Report:
            self.run, self.hosts, self.more = run, [host.name for host in hosts], {**more, "words": words}
            run.reporter.run_started(RunInfo(verb, tuple(hosts), "r"))
            reports = tuple(self.make(host) for host in hosts)
            for report in reports:
                run.reporter.host_finished(report)
            done = Report(verb, "r", reports, 1.0)
            run.reporter.run_finished(done)
            return done

        return walk


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """The stand-in, in a folder with an inventory of two hosts."""
    made = Stages()
    verbs = {"gather": "facts", "propose": "plan", "converge": "provision", "check": "verify", "command": "run"}
    for function, verb in verbs.items():
        monkeypatch.setattr(f"fleet.stages.{function}", made.walk(verb))
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.yml").write_text("hosts:\n  pi-1: {user: pi}\n  pi-2: {user: pi}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for variable in ("FLEET_INVENTORY", "FLEET_PASSWORD", "FLEET_SUDO_PASSWORD", "FLEET_SUDO_PASSWORD_COMMAND"):
        monkeypatch.delenv(variable, raising=False)
    return made


def _planned(*steps: Planned) -> Make:
    return lambda host: HostReport(host.name, plan=Plan(host.name, "docker", steps), saved={"plan": host.name})


def _ended(outcome: Outcome) -> Make:
    return lambda host: HostReport(host.name, steps=(StepOutcome("engine", outcome, "why", "do this"),))


def test_provision_shows_the_summary(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    """stdout has the table and the total, stderr the progress; logs are written."""
    stages.make = _ended(Outcome.CHANGED)
    assert main(["provision", "--all"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split() == ["pi-1", "changed", "1", "0.0s"]
    assert said.out.endswith("provision: 2 hosts in 1.0s: 2 changed; 2 steps changed.\n")
    assert said.err.splitlines() == ["pi-1: changed (1 step) in 0.0s", "pi-2: changed (1 step) in 0.0s"]
    assert (Path("state/fleet/logs/latest/pi-1.log")).is_file()


@pytest.mark.parametrize(
    ("verb", "outcome", "code"),
    [
        ("provision", Outcome.FAILED, 1),
        ("provision", Outcome.BLOCKED, 1),
        ("verify", Outcome.FAILED, 3),
        ("verify", Outcome.OK, 0),
    ],
)
def test_the_report_makes_the_exit_code(stages: Stages, verb: str, outcome: Outcome, code: int) -> None:
    """As in `report.exit_code`, with JSON too."""
    stages.make = _ended(outcome)
    assert main([verb, "--all"]) == code
    assert main([verb, "--all", "--json"]) == code


def test_json_is_all_of_stdout(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    """One document, whatever else is told."""
    stages.make = lambda host: HostReport(host.name, failure=Failure("connect", "no route", "switch it on", unreachable=True))
    for words in (["provision"], ["plan"], ["verify"], ["facts"], ["run", "--sudo"]):
        more = ["--", "true"] if words[0] == "run" else []
        assert main([*words, "--all", "--json", *more]) == 4
        said = json.loads(capsys.readouterr().out)
        assert (said["verb"], said["exit_code"], said["totals"]["unreachable"]) == (words[0], 4, 2)


def test_options_reach_the_run(stages: Stages, tmp_path: Path) -> None:
    """Each option that is given is in what the stages get."""
    (tmp_path / "config").write_text("")
    words = ["--step", "engine,group", "--step", "compose", "--skip", "images", "-e", "docker_mirror=https://m.example"]
    words += ["--allow-restart", "--allow-removal", "-u", "ann", "--identity", "~/.ssh/ann", "--parallel", "7"]
    words += ["--strict-host-keys", "-F", str(tmp_path / "config"), "--connect-timeout", "40"]
    assert main(["provision", "pi-2", *words]) == 0
    run = stages.run
    assert run is not None
    assert stages.hosts == ["pi-2"]
    assert (run.only, run.left_out) == (("engine", "group", "compose"), ("images",))
    assert run.extra == {"docker_mirror": "https://m.example"}
    assert run.allow == {"restart", "removal"}
    assert run.parallel == 7
    settings = run.settings
    assert (settings.strict_host_keys, settings.ssh_config, settings.connect_timeout) == (True, tmp_path / "config", 40)
    assert settings.connect_deadline >= settings.connect_timeout
    assert (run.inventory["pi-2"].user, run.inventory["pi-2"].key) == ("ann", "~/.ssh/ann")
    assert run.inventory["pi-1"].user == "pi"


def test_a_var_that_nothing_uses_is_told(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning, since it is likely a slip, and no error."""
    assert main(["plan", "--all", "-e", "docker_miror=x"]) == 0
    assert "warning: -e docker_miror=…" in capsys.readouterr().err


def test_facts_select_after_the_probe(stages: Stages) -> None:
    """`fact:` words leave all hosts in, and the run can tell who is meant."""
    assert main(["plan", "fact:architecture=arm64", "--exclude", "pi-2"]) == 0
    assert stages.hosts == ["pi-1"]
    assert stages.run is not None
    assert stages.run.matches is not None
    assert not stages.run.matches(Facts({}))


def test_when_no_host_is_meant(stages: Stages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """All hosts left since they have other facts: nothing was selected, which is an error."""
    monkeypatch.setattr("fleet.stages.gather", lambda run, hosts: Report("facts", "r", ()))
    assert main(["facts", "fact:distro=plan9"]) == 2
    assert "no host has these facts" in capsys.readouterr().err


@pytest.mark.parametrize(("steps", "code"), [((FINE,), 0), ((FINE, CHANGE), 3)])
def test_check_ends_with_3(stages: Stages, steps: tuple[Planned, ...], code: int) -> None:
    """For scripts: would anything change?"""
    stages.make = _planned(*steps)
    assert main(["plan", "--all"]) == 0
    assert main(["plan", "--all", "--check"]) == code


def test_plans_are_saved(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    """--out writes what each host's report has for it, and tells of hosts without a plan."""
    stages.make = _planned(CHANGE)
    assert main(["plan", "--all", "--out", "all.json"]) == 0
    assert json.loads(Path("all.json").read_text())["hosts"] == {"pi-1": {"plan": "pi-1"}, "pi-2": {"plan": "pi-2"}}
    stages.make = lambda host: HostReport(host.name, failure=Failure("connect", "no route", "", unreachable=True))
    assert main(["plan", "--all", "--out", "none.json"]) == 4
    assert not Path("none.json").exists()
    assert "nothing was saved: no plan for pi-1, pi-2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "content", "error"),
    [
        (["p.json"], "{}", "p.json: is no plan"),
        (["p.json", "pi-1"], "{}", "p.json is a saved plan, which names its own hosts"),
        (["p.json", "--all"], "{}", "p.json is a saved plan, which names its own hosts"),
        (["p.json", "--step", "engine"], "{}", "which says already what is done"),
        (["p.json"], '{"fleet_plan": 1, "hosts": {}}', "p.json: has no hosts"),
        (["gone.json"], "{}", "there is no host or group 'gone.json'"),
        (["./gone.json"], "{}", "./gone.json is no saved plan: there is no such file"),
        (["./p.txt"], "{}", "./p.txt is no saved plan: its name does not end in .json or .plan"),
    ],
)
def test_a_saved_plan_that_can_not_be_used(
    stages: Stages, capsys: pytest.CaptureFixture[str], words: list[str], content: str, error: str
) -> None:
    """Exit code 2 and the reason, and no host is touched."""
    Path("p.json").write_text(content)
    Path("p.txt").write_text(content)
    assert main(["provision", *words]) == 2
    assert error in capsys.readouterr().err
    assert stages.run is None


def test_a_saved_plan_is_carried_out(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    """Its hosts are the hosts; those that the inventory lacks are an error."""
    entry = {"machine_id": "1", "options": {}, "catalog": [], "plan": {"host": "pi-2", "recipe": "docker", "steps": []}}
    Path("p.plan").write_text(json.dumps({"fleet_plan": 1, "hosts": {"pi-2": entry}}))
    assert main(["provision", "p.plan"]) == 0
    assert stages.hosts == ["pi-2"]
    assert list(stages.more["words"][0]) == ["pi-2"]
    Path("p.plan").write_text(json.dumps({"fleet_plan": 1, "hosts": {"other": entry}}))
    assert main(["provision", "p.plan"]) == 2
    assert "is for hosts that the inventory does not have: other" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["df -h | tail -1"], ["ls", "a file"], ["sh", "-c", "exit 3"], ["echo", "--", "-x"]])
def test_run_passes_the_words_on(stages: Stages, words: list[str]) -> None:
    """All that stands behind the first two dashes, as it is."""
    assert main(["run", "pi-1", "--sudo", "--timeout", "5", "--", *words]) == 0
    assert stages.more == {"sudo": True, "timeout": 5.0, "words": (tuple(words),)}


def test_run_fails_with_the_command(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and the host's own code in words; JSON has its output."""
    stages.make = lambda host: HostReport(
        host.name, steps=(StepOutcome("run", Outcome.FAILED, "exit code 3"),), output=Done(3, "out\n", "")
    )
    assert main(["run", "pi-1", "--", "false"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "pi-1: failed: run: exit code 3" in said.err
    assert main(["run", "pi-1", "--json", "--", "false"]) == 1
    assert json.loads(capsys.readouterr().out)["hosts"][0]["output"] == {"code": 3, "out": "out\n", "err": ""}


def test_logs_that_can_not_be_kept_are_told(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And stop nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    assert main(["provision", "--all"]) == 0
    assert "warning: no logs are kept" in capsys.readouterr().err


def test_colours_are_for_those_who_want_them(
    stages: Stages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """FORCE_COLOR brings them into a pipe, --no-color takes them away."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["provision", "--all"])
    assert "\x1b[" in capsys.readouterr().out
    main(["provision", "--all", "--no-color"])
    assert "\x1b[" not in capsys.readouterr().out
