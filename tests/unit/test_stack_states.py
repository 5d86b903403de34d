"""`fleet stacks`: the stacks of a host beside those of its recipe, as they are told, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fleet.cli.app import main
from fleet.console import Screen, Stream
from fleet.console.stacks import tell_stacks
from fleet.containers.stacked import states
from fleet.events import Report
from fleet.facts.stacks import Container, Stack, Stacks
from fleet.formats.moments import moment
from fleet.model import Blocked, Change, HostReport, Satisfied, Skipped, StackState

WEB, DB = Container("web", "h1", "running", "healthy"), Container("db", "h2", "running")
EXPECTED = (DB.essence, WEB.essence)
ILL = Container("web", "h1", "running", "unhealthy")


@pytest.mark.parametrize(
    ("stack", "told"),
    [
        (Stack("s", (), EXPECTED, (DB, WEB), is_whole=True, since=60, kept=30), ("running", 2, 2, 60, 30)),
        (Stack("s", (), EXPECTED, (DB,), is_whole=True, since=60), ("degraded", 1, 2, 60, 0)),
        (Stack("s", (), EXPECTED, (DB, ILL), is_whole=True, since=60), ("degraded", 1, 2, 60, 0)),
        (Stack("s", (), (), (DB, Container("web", "h1", "exited"))), ("failed", 1, 2, 0, 0)),
    ],
)
def test_how_a_stack_does(stack: Stack, told: tuple[object, ...]) -> None:
    """By what ran when it was in order; where that never was, by what runs at all."""
    (found,) = states(Stacks((stack,)), {})
    assert (found.state, found.well, found.of, found.since, found.kept) == told
    assert (found.recipe, found.is_well) == ("not in it", found.state == "running")


def test_how_it_stands_to_the_recipe() -> None:
    """Those of the recipe that are not there are told too, and why they can't be."""
    there = Stacks((Stack("a", (), EXPECTED, (DB, WEB), is_whole=True),))
    change = Change("b: deploy it (web)", ())
    wanted = {"a": Satisfied("a is as wanted"), "b": change, "c": Blocked("no", "do"), "d": Skipped("engine is blocked")}
    found = [(s.name, s.state, s.recipe, s.why, s.hint, s.is_well) for s in states(there, wanted)]
    assert found == [
        ("a", "running", "as wanted", "", "", True),
        ("b", "absent", "differs", "deploy it (web)", "", False),
        ("c", "absent", "blocked", "no", "do", False),
        ("d", "absent", "blocked", "engine is blocked", "", False),
    ]


def test_the_table() -> None:
    """A row a stack; in words what is not as the recipe says; where there is none, that is told."""
    out, err = io.StringIO(), io.StringIO()
    screen = Screen(Stream(out, color=False, width=80), Stream(err, color=False, width=80))
    known = StackState("web", "degraded", 1, 2, 1700000060, 1700000000, "differs", "web is gone")
    tell_stacks(screen, Report("stacks", "r", (HostReport("pi-a", stacks=(known, StackState("db", "absent"))),), 1.0))
    head, web, db, _, why = out.getvalue().splitlines()
    assert head.split() == ["HOST", "STACK", "STATE", "UP", "SINCE", "RECIPE", "KEPT"]
    assert web.split("  ")[0] == "pi-a"
    assert f"degraded  1/2  {moment(1700000060)}  differs    {moment(1700000000)}" in web
    assert db.split() == ["pi-a", "db", "absent", "-", "-", "not", "in", "it", "-"]
    assert why == "differs: pi-a: web: web is gone"
    tell_stacks(screen, Report("stacks", "r", (HostReport("pi-a", stacks=()),), 1.0))
    assert err.getvalue() == "no stack on 1 host\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["stacks", "down", "web", "pi-a"], "no terminal to ask on"),
        (["stacks", "down", "Web/..", "pi-a", "--yes"], "can't be the name of a stack"),
        (["stacks", "rollback", "pi-*", "pi-a"], "can't be the name of a stack"),
        (["swarm", "leave", "pi-a"], "no terminal to ask on"),
        (["swarm", "drain", "pi-a", "--manager", "pi-b"], "no such host; did you mean 'pi-a'?"),
        (["swarm", "drian", "pi-a"], "did you mean 'drain'?"),
        (["stacks", "rollback", "web"], "no host is named"),
        (["stacks", "rolback", "web", "pi-a"], "rolback"),
    ],
)
def test_what_is_refused(
    words: list[str], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a host is connected; what stops containers asks first, or is told that it is meant."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLEET_INVENTORY", raising=False)
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.yml").write_text("hosts: {pi-a: }\n")
    assert main(words) == 2
    assert error in capsys.readouterr().err
