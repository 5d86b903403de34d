"""One result per host, the exit code that the house has agreed on, and the JSON of --json."""

from __future__ import annotations

import json

import pytest

from fleet.errors import NotSelected
from fleet.events import Report
from fleet.facts.system import OS
from fleet.model import (
    Blocked,
    Change,
    Done,
    Facts,
    Failure,
    HostReport,
    Outcome,
    Plan,
    Planned,
    Result,
    Run,
    Satisfied,
    StepOutcome,
)
from fleet.report import EXIT_CODES, bad_steps, changes_of, exit_code, is_meant, reason_of, result_of, to_json

CHANGE = Planned("engine", Change("install docker-ce 28.5.2", (Run("install", "apt-get install docker-ce"),)))
BLOCKED = Planned("platform", Blocked("ARMv6 is too old", "use a newer board"))
FINE = Planned("apt", Satisfied("dpkg is in order"))


def _plan(*steps: Planned) -> HostReport:
    return HostReport("pi", plan=Plan("pi", "docker", steps))


def _ended(*outcomes: Outcome) -> HostReport:
    return HostReport("pi", steps=tuple(StepOutcome(f"step-{o}", o, f"why {o}", f"hint {o}") for o in outcomes))


UNREACHABLE = HostReport("pi", failure=Failure("connect", "no route", "switch it on", unreachable=True))
FAILED = HostReport("pi", failure=Failure("sudo", "the password is wrong", "type it again"))
OK, CHANGED, BAD = _ended(Outcome.OK), _ended(Outcome.OK, Outcome.CHANGED), _ended(Outcome.CHANGED, Outcome.FAILED)
STUCK = _ended(Outcome.CHANGED, Outcome.BLOCKED, Outcome.SKIPPED)


@pytest.mark.parametrize(
    ("verb", "hosts", "code"),
    [
        ("provision", (), 0),
        ("provision", (OK, CHANGED), 0),
        ("provision", (OK, UNREACHABLE), 4),
        ("provision", (UNREACHABLE, BAD), 1),
        ("provision", (UNREACHABLE, STUCK), 1),
        ("provision", (FAILED,), 1),
        ("verify", (OK,), 0),
        ("verify", (OK, BAD), 3),
        ("verify", (BAD, UNREACHABLE), 4),
        ("verify", (BAD, FAILED), 1),
        ("verify", (STUCK,), 1),
        ("plan", (_plan(FINE), _plan(CHANGE)), 0),
        ("plan", (_plan(CHANGE, BLOCKED),), 1),
        ("plan", (UNREACHABLE, _plan(CHANGE)), 4),
        ("facts", (OK, FAILED), 1),
        ("run", (OK, BAD), 1),
    ],
)
def test_exit_code(verb: str, hosts: tuple[HostReport, ...], code: int) -> None:
    """Failed or blocked is 1, else unreachable is 4, else a difference is 3, else 0."""
    assert exit_code(Report(verb, "r", hosts)) == code


@pytest.mark.parametrize(("host", "code"), [(_plan(FINE), 0), (_plan(CHANGE), 3), (_plan(CHANGE, BLOCKED), 1), (UNREACHABLE, 4)])
def test_check_makes_a_difference_of_a_change(host: HostReport, code: int) -> None:
    """`plan --check` ends with 3 when something would change, unless something worse happened."""
    assert exit_code(Report("plan", "r", (host,)), check=True) == code


@pytest.mark.parametrize("host", [OK, BAD, UNREACHABLE, _plan(CHANGE)])
def test_interrupted_comes_before_all(host: HostReport) -> None:
    """Ctrl-C is 130, whatever else happened."""
    assert exit_code(Report("provision", "r", (host,), interrupted=True), check=True) == 130


def test_every_exit_code_has_a_meaning() -> None:
    """The table that the documentation is held against has each code that can come."""
    assert set(EXIT_CODES) == {0, 1, 2, 3, 4, 130}


def test_a_blocked_plan_is_a_blocked_host() -> None:
    """Where nothing was done, the plan counts; where something was done, what came of it counts."""
    assert result_of(_plan(CHANGE, BLOCKED)) is Result.BLOCKED
    assert result_of(_plan(CHANGE)) is Result.OK
    assert result_of(CHANGED.but(plan=Plan("pi", "docker", (BLOCKED,)))) is Result.CHANGED


def test_changes_are_counted_of_what_was_done_else_of_the_plan() -> None:
    """A plan's changes are no changes once the host has been worked on."""
    assert changes_of(_plan(CHANGE, FINE, BLOCKED)) == 1
    assert changes_of(OK.but(plan=Plan("pi", "docker", (CHANGE,)))) == 0
    assert changes_of(CHANGED) == 1


def test_reasons_name_the_stage_or_the_step() -> None:
    """The first bad step is told, with the number of all of them; an unreachable host needs no stage."""
    assert reason_of(FAILED) == ("sudo: the password is wrong", "type it again")
    assert reason_of(UNREACHABLE) == ("no route", "switch it on")
    assert reason_of(_ended(Outcome.BLOCKED, Outcome.FAILED)) == ("2 steps: step-failed: why failed", "hint failed")
    assert reason_of(_plan(FINE, BLOCKED)) == ("platform: ARMv6 is too old", "use a newer board")
    assert reason_of(CHANGED) == ("", "")


def test_failed_steps_come_before_blocked_ones() -> None:
    """What went wrong is told before what could not be begun."""
    assert [s.outcome for s in bad_steps(_ended(Outcome.BLOCKED, Outcome.OK, Outcome.FAILED))] == [
        Outcome.FAILED,
        Outcome.BLOCKED,
    ]


def test_a_host_without_the_facts_was_not_meant() -> None:
    """Only the stage of NotSelected says so."""
    assert not is_meant(HostReport("pi", failure=Failure(NotSelected.stage, "other facts")))
    assert is_meant(FAILED)
    assert is_meant(OK)


def test_json_has_its_documented_shape() -> None:
    """All keys are there for every host, also when there is nothing to say."""
    said = json.loads(json.dumps(to_json(Report("provision", "run-1", (CHANGED, UNREACHABLE), 1.23456))))
    assert list(said) == ["version", "verb", "run", "seconds", "interrupted", "exit_code", "totals", "hosts"]
    assert (said["version"], said["verb"], said["run"], said["seconds"]) == (1, "provision", "run-1", 1.235)
    assert said["exit_code"] == 4
    assert said["totals"] == {"hosts": 2, "ok": 0, "changed": 1, "failed": 0, "blocked": 0, "unreachable": 1}
    changed, unreachable = said["hosts"]
    assert list(changed) == list(unreachable)
    assert unreachable["failure"] == {"stage": "connect", "why": "no route", "hint": "switch it on"}
    assert changed["steps"][1] == {
        "step": "step-changed",
        "outcome": "changed",
        "why": "why changed",
        "hint": "hint changed",
        "seconds": 0.0,
        "warnings": [],
    }
    assert (changed["plan"], changed["facts"], changed["output"]) == (None, None, None)


def test_json_of_a_plan_counts_and_lists_its_actions() -> None:
    """A plan is there in full, with the number of its changes and of what is blocked."""
    plan = to_json(Report("plan", "r", (_plan(FINE, CHANGE, BLOCKED),)))["hosts"][0]["plan"]
    assert (plan["changes"], plan["blocked"], plan["recipe"]) == (1, 1, "docker")
    assert [step["verdict"] for step in plan["steps"]] == ["satisfied", "change", "blocked"]
    assert plan["steps"][1]["actions"][0]["title"] == "install"


def test_json_has_the_facts_by_name_and_all_answers() -> None:
    """`facts` are the words for fact:NAME=VALUE; `probes` is everything that the host said, as plain data."""
    facts = Facts({}).but(OS, OS.parse("ID=debian\nVERSION_CODENAME=trixie\n"))
    said = json.loads(json.dumps(to_json(Report("facts", "r", (HostReport("pi", facts=facts),)))))
    host = said["hosts"][0]
    assert (host["facts"]["distro"], host["facts"]["codename"]) == ("debian", "trixie")
    assert host["probes"][OS.name]["codename"] == "trixie"


def test_json_has_what_a_command_printed() -> None:
    """For the verb run."""
    host = to_json(Report("run", "r", (OK.but(output=Done(3, "out\n", "err\n")),)))["hosts"][0]
    assert host["output"] == {"code": 3, "out": "out\n", "err": "err\n"}
