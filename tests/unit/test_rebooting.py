"""The wait for a host that reboots: what passes, what ends it, and what becomes of the rest of the plan."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from fleet.catalog import Resolver
from fleet.errors import (
    AuthenticationError,
    ConnectionLost,
    FleetError,
    HostKeyError,
    Interrupted,
    RebootFailed,
    RecipeError,
    RemoteError,
    Unreachable,
)
from fleet.events import Reporter
from fleet.fanout import Stop
from fleet.job import ALLOWED, Job, Run
from fleet.model import Catalog, Change, Done, Facts, Host, Outcome, Plan, Planned, Reboot
from fleet.plan import saved
from fleet.recipe import DEFAULT
from fleet.recipe.cookbook import Recipes
from fleet.remote import Settings
from fleet.steps import STEPS
from fleet.tasks import applying, rebooting
from tests.support.golden import golden
from tests.support.planning import options_of, plan

HOST = Host("pi-kitchen", "192.0.2.7")
REBOOT = Reboot("to try it", until="test -e /new", unmet="rebooted, and it is as it was", timeout=100)


class Clock(Stop):
    """Time that passes only when somebody waits."""

    now = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.check()


class Notes(Reporter):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, host: str, text: str) -> None:
        self.said.append(text)


class Machine:
    """What stands in for the host: answers to logins in turn, a FleetError or the name of a boot; the last one stays."""

    def __init__(self, *logins: FleetError | str, until: int = 0, order: FleetError | None = None) -> None:
        self.logins = list(logins)
        self.boot = "old"
        self.until = until
        self.order = order
        self.ordered = 0

    def execute(self, c: Any, script: str, **how: Any) -> Done:
        """As fleet.remote.execute."""
        if script == rebooting.BOOT:
            return Done(0, f"{self.boot} 1\n", "")
        if script == REBOOT.until:
            return Done(self.until, "", "")
        if "systemctl reboot" in script:
            assert how["root"]
            self.ordered += 1
            if self.order:
                raise self.order
        return Done(0, "", "")

    def reconnect(self, c: Any, attempts: int | None = None) -> None:
        """As fleet.tasks.fab.reconnect; a single attempt, so that Ctrl-C is not kept waiting."""
        assert attempts == 1
        answer = self.logins.pop(0) if len(self.logins) > 1 else self.logins[0]
        if isinstance(answer, FleetError):
            raise answer
        self.boot = answer


@pytest.fixture
def run() -> Run:
    """A run whose clock stands still unless somebody waits."""
    return Run(settings=Settings(), resolver=Resolver(), recipes=Recipes(), reporter=Notes(), stop=Clock())


@pytest.fixture
def job(run: Run, monkeypatch: pytest.MonkeyPatch) -> Job:
    """One host's part of it."""
    monkeypatch.setattr(rebooting.time, "monotonic", lambda: cast(Clock, run.stop).now)
    return Job(run, HOST, run.recipes.load(DEFAULT))


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[Machine], Machine]:
    """Put a machine in the place of the network."""

    def put(machine: Machine) -> Machine:
        monkeypatch.setattr(rebooting, "execute", machine.execute)
        monkeypatch.setattr(rebooting, "reconnect", machine.reconnect)
        return machine

    return put


def test_a_boot_that_fails_in_all_its_usual_ways(job: Job, on: Callable[[Machine], Machine]) -> None:
    """Still up, refused, silent, pam_nologin, torn down at once: all of it is waited out, then the boot is another one."""
    machine = on(
        Machine(
            "old",
            Unreachable("refused"),
            Unreachable("did not answer"),
            AuthenticationError("System is booting up"),
            ConnectionLost("broke"),
            "new",
            order=ConnectionLost("it went down before it answered"),
        )
    )
    rebooting.reboot(None, job, REBOOT)
    assert machine.ordered == 1
    notes = cast(Notes, job.run.reporter).said
    assert notes[0] == "rebooting"
    assert notes[-1].startswith("back ")


@pytest.mark.parametrize(
    ("answer", "words"),
    [(Unreachable("no route"), "no route"), ("old", "has not gone down"), (AuthenticationError("denied"), "denied")],
)
def test_a_host_that_does_not_come_back(job: Job, on: Callable[[Machine], Machine], answer: Any, words: str) -> None:
    """Its own failure, in time, with the last reason, the remedy, and progress on the way."""
    on(Machine(answer))
    with pytest.raises(RebootFailed, match=f"did not come back within 100 s: .*{words}") as raised:
        rebooting.reboot(None, job, REBOOT)
    assert "cmdline.txt.fleet-backup" in raised.value.hint
    assert 100 <= cast(Clock, job.run.stop).now <= 111
    assert any(note.startswith("waiting for it to come back") for note in cast(Notes, job.run.reporter).said)


def test_another_host_key_ends_the_wait(job: Job, on: Callable[[Machine], Machine]) -> None:
    """Another machine has taken the address meanwhile, or says so: nobody logs in there again and again."""
    on(Machine(Unreachable("refused"), HostKeyError("changed"), "new"))
    with pytest.raises(HostKeyError):
        rebooting.reboot(None, job, REBOOT)


def test_a_reboot_that_mends_nothing(job: Job, on: Callable[[Machine], Machine]) -> None:
    """The test after the boot tells, in the step's own words."""
    on(Machine("new", until=1))
    with pytest.raises(RemoteError, match="rebooted, and it is as it was") as raised:
        rebooting.reboot(None, job, REBOOT)
    assert "fleet run pi-kitchen -- " in raised.value.hint


def test_ctrl_c_in_the_wait(job: Job, on: Callable[[Machine], Machine]) -> None:
    """The host is not waited for any longer, and it is told what it was doing."""
    machine = Machine("old")
    machine.reconnect = lambda c, attempts=None: job.run.stop.ask()  # type: ignore[method-assign]
    on(machine)
    with pytest.raises(Interrupted, match="while the host rebooted"):
        rebooting.reboot(None, job, REBOOT)
    assert cast(Clock, job.run.stop).now < 10


def test_the_rest_of_the_plan_is_skipped_without_the_host(job: Job, on: Callable[[Machine], Machine]) -> None:
    """Nothing else is tried on a host that is away."""
    on(Machine(Unreachable("no route")))
    found = Plan("pi-kitchen", "t", tuple(Planned(n, Change(n, (REBOOT,))) for n in ("kernel", "keyring")))
    first, second = applying.apply(None, job, found)
    assert (first.outcome, second.outcome) == (Outcome.FAILED, Outcome.SKIPPED)
    assert first.why.startswith("reboot failed: pi-kitchen did not come back")
    assert second.why == "the host did not come back"


def test_two_boots_are_told_apart() -> None:
    """The script prints the kernel's boot id and the start of process 1, whatever that calls itself."""
    said = subprocess.run(["dash"], input=rebooting.BOOT, capture_output=True, text=True, check=True).stdout.split()
    started = Path("/proc/1/stat").read_text().rpartition(") ")[2].split()[22 - 3]
    assert said == [Path("/proc/sys/kernel/random/boot_id").read_text().strip(), started]


def test_the_flag_allows_both_steps(job: Job) -> None:
    """--allow-reboot sets the options of the steps that may want one, and of no others."""
    allowed = replace(job, run=replace(job.run, allow=frozenset({"reboot"})))
    options = allowed.options_of(golden("pi4-memory-off").facts)
    granted = {s.name for s in STEPS if getattr(options(s), "allow_reboot", False)}
    assert granted == {"swap", "memory", "kernel"} == set(ALLOWED["reboot"])
    assert not any(getattr(job.options_of(Facts({}))(s), "allow_reboot", False) for s in STEPS)


def test_a_step_that_the_recipe_does_not_have(job: Job) -> None:
    """`--step memory` needs a recipe with that step; the error says how to get one."""
    alone = replace(job, run=replace(job.run, only=("memory",)))
    with pytest.raises(RecipeError, match="the recipe docker has no step memory") as raised:
        _ = alone.steps
    assert "--recipe" in raised.value.hint
    pi = replace(alone, recipe=job.run.recipes.load("pi"))
    assert [step.name for step in pi.steps] == ["platform", "apt", "memory"]


def test_a_plan_with_a_reboot_in_a_file(tmp_path: Path) -> None:
    """It is written and read, is still the same, and another test after the boot would be another plan."""
    recipe = {"memory": {"allow_reboot": True}}
    found = plan(golden("pi4-memory-off").facts, recipe)
    options = {step.name: options_of(recipe)(step) for step in STEPS if step.name in [p.step for p in found.steps]}
    path = tmp_path / "plan.json"
    saved.write(path, {found.host: saved.to_data(found, "0" * 32, options, Catalog())}, "1")
    read = saved.read(path, STEPS)[found.host]
    assert saved.differences(read, found) == ()
    text = json.loads(path.read_text())["hosts"][found.host]["plan"]["steps"]
    actions = next(row["actions"] for row in text if row["step"] == "memory")
    assert [a["action"] for a in actions] == ["run", "reboot"]
    assert actions[1]["until"]
    actions[1]["until"] = "true"
    changed = replace(read, text={"steps": text})
    assert saved.differences(changed, found) == ("memory",)
