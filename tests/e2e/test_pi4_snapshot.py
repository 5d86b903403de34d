"""The emulated Pi 4 in every run of the tests: it goes on from the snapshot of its first boot, if that was ever made.

Making the snapshot takes minutes, so where there is none this is left out; ``make test-pi4`` makes it, and does all the rest.
"""

from __future__ import annotations

import pytest

from tests.lab.cache import NotCached, only_what_is_there
from tests.lab.fixtures import MakeMachine
from tests.lab.identities import identity
from tests.lab.vm import models
from tests.lab.vm.host import EmulatedHost
from tests.lab.vm.snapshot import booted
from tests.support.ask import planned
from tests.support.pi import CMDLINE, PI, ask
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def pi(request: pytest.FixtureRequest) -> EmulatedHost:
    """A Pi 4, restored; nothing is asked of this machine before there is a snapshot."""
    kind = models.kind("pi4")
    try:
        with only_what_is_there():
            booted(kind, identity(kind.identity).suite)
    except NotCached as error:
        pytest.skip(f"no snapshot of the emulated Pi 4: {error}; `make test-pi4` makes it")
    make: MakeMachine = request.getfixturevalue("fresh_machine")
    return make(kind.name)


def test_a_step_on_arm64(pi: EmulatedHost, project: Project) -> None:
    """Facts and plan are a Pi's; what needs no reboot is done at once, and what needs one waits and touches nothing."""
    project.inventory([pi])
    before = pi.read(CMDLINE)
    plan = ask(project, "plan", "--recipe", "pi")
    facts = plan.hosts()[pi.name]["facts"]
    assert (facts["model"], facts["architecture"]) == (models.PI4.label, "arm64")
    assert planned(plan, pi) == ["clock", *PI], "and memory, which waits for leave"
    assert [row["step"] for row in plan.hosts()[pi.name]["plan"]["steps"] if row["verdict"] == "blocked"] == ["memory"]

    done = ask(project, "provision", "--recipe", "pi", "--step", "journal")
    assert (done.code, done.changed(pi.name)) == (0, ["journal"]), done
    again = ask(project, "provision", "--recipe", "pi", "--step", "journal")
    assert (again.code, again.changed(pi.name)) == (0, []), again
    assert pi.read(CMDLINE) == before
