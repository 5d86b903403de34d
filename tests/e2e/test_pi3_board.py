"""The Raspberry Pi 3 as qemu's own board: no general machine with a Pi's device tree, but the Pi's chip and USB controller.

Nothing about it is quick: ``make test-pi3`` runs this, other runs leave it out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.fixtures import MakeMachine
from tests.lab.vm.host import EmulatedHost
from tests.support.ask import planned
from tests.support.pi import BARE, CMDLINE, PATIENT, PI, ask
from tests.support.project import Project

pytestmark = [pytest.mark.pi3, pytest.mark.slow, pytest.mark.timeout(9000)]


@pytest.fixture(scope="module")
def pi(fresh_machine: MakeMachine) -> EmulatedHost:
    """A bare Pi 3 with a disk on USB."""
    return fresh_machine("pi3-board", name="pi-shed")


def test_facts(pi: EmulatedHost, project: Project) -> None:
    """A Pi without a revision code, since no firmware ran: board and chip are told all the same, and no more is made up."""
    project.inventory([pi])
    said = ask(project, "facts")
    assert said.code == 0, said
    facts = said.hosts()[pi.name]["facts"]
    assert (facts["model"], facts["raspberry_pi"], facts["soc"]) == ("Raspberry Pi 3 Model B", True, "BCM2837")
    assert (facts["revision"], facts["pi_type"], facts["pi_memory_mb"]) == ("", "", 0)
    assert (facts["architecture"], facts["machine"], facts["cpu_level"], facts["cpu_bits"]) == ("arm64", "aarch64", "v8", 64)
    assert 850 < facts["memory_mb"] < 1024, "the video core has its share of the 1024"
    assert facts["raspberry_pi_os"] is True


def test_plan(pi: EmulatedHost, project: Project) -> None:
    """The plan is a bare arm64 host's; the recipe `pi` adds swap, for want of memory, and waits for leave to reboot."""
    project.inventory([pi])
    plan = ask(project, "plan")
    assert (plan.code, planned(plan, pi)) == (0, BARE), plan
    plan = ask(project, "plan", "--recipe", "pi")
    assert planned(plan, pi) == ["clock", "swap", *PI], plan
    assert [row["step"] for row in plan.hosts()[pi.name]["plan"]["steps"] if row["verdict"] == "blocked"] == ["memory"]


def test_doctor(pi: EmulatedHost, project: Project) -> None:
    """The doctor finds what is wrong with it, and nothing that is not."""
    project.inventory([pi])
    said = ask(project, "doctor")
    assert said.code == 3, said
    assert {finding["check"] for finding in said.hosts()[pi.name]["findings"]} == {"memory", "cgroups"}, said


def test_from_bare_to_proven(pi: EmulatedHost, project: Project) -> None:
    """One run, with a reboot through the Pi's watchdog, makes all of the recipe `pi`; a second one has nothing to do."""
    project.inventory([pi])
    boot, before = pi.boot_id(), pi.read(CMDLINE)
    done = ask(project, "provision", "--recipe", "pi", "--allow-reboot", timeout=3 * PATIENT)
    assert (done.code, done.changed(pi.name)) == (0, ["clock", "swap", "memory", *PI]), done
    assert done.hosts()[pi.name]["proven"], done
    assert pi.boot_id() != boot
    assert pi.read(CMDLINE) == before.rstrip() + " cgroup_enable=memory\n"
    boot = pi.boot_id()
    again = ask(project, "provision", "--recipe", "pi", "--allow-reboot")
    assert (again.code, again.changed(pi.name)) == (0, []), again
    assert ask(project, "verify", "--recipe", "pi").code == 0
    assert pi.boot_id() == boot
    assert ask(project, "facts").hosts()[pi.name]["facts"]["swap_mb"] > 850


def test_power_off(pi: EmulatedHost) -> None:
    """A board that is told to power off does, and leaves no process and no interface."""
    pi.stop()
    assert not pi.machine.alive()
    assert not Path("/sys/class/net", pi.machine.tap).exists()
    assert "guest-shutdown" in pi.machine.console(), "by its own power management, not by the plug"
