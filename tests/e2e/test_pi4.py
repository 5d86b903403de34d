"""A Raspberry Pi 4 with a kernel of its own: the main job on arm64, a mixed fleet, and a machine that is switched off and on.

The machine is emulated, so these tests take minutes: ``make test-pi4`` runs them, other runs leave them out.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.lab.box.programs import programs
from tests.lab.fixtures import MakeHost, MakeMachine
from tests.lab.lab import Lab
from tests.lab.network import NUMBERS
from tests.lab.vm.host import EmulatedHost
from tests.lab.vm.models import PI4
from tests.support.ask import planned
from tests.support.pi import BARE, IMAGES, ask, check_images, with_images
from tests.support.project import Project

pytestmark = [pytest.mark.pi4, pytest.mark.slow, pytest.mark.timeout(3600)]

ZRAM = {"size_mb": 128, "kind": "zram"}


@pytest.fixture(scope="module")
def pi(fresh_machine: MakeMachine) -> EmulatedHost:
    """A Pi 4 as it is after its first boot; the tests of this file follow each other on it."""
    return fresh_machine("pi4", name="pi-kitchen")


def test_it_is_a_pi(pi: EmulatedHost, project: Project) -> None:
    """Facts name the board of the device tree, the chip of its revision code, and the architecture of its kernel."""
    project.inventory([pi])
    said = ask(project, "facts")
    assert said.code == 0, said
    facts = said.hosts()[pi.name]["facts"]
    assert facts["model"] == PI4.label
    assert facts["raspberry_pi"] is True
    assert facts["raspberry_pi_os"] is True
    assert (facts["architecture"], facts["machine"]) == ("arm64", "aarch64")


def test_from_bare_to_proven(pi: EmulatedHost, project: Project) -> None:
    """Docker, Compose, an image that is pulled and one that is built, in one run; nothing is left to do; all of it is arm64."""
    project.inventory([pi])
    recipe = with_images(project, "kitchen")
    plan = ask(project, "plan", "--recipe", recipe)
    assert plan.code == 0, plan
    assert planned(plan, pi) == [*BARE, *IMAGES], plan

    done = ask(project, "provision", "--recipe", recipe)
    assert done.code == 0, done
    assert done.changed(pi.name) == [*BARE, *IMAGES], done
    assert done.hosts()[pi.name]["proven"], done

    again = ask(project, "provision", "--recipe", recipe)
    assert (again.code, again.changed(pi.name)) == (0, []), again
    assert ask(project, "verify", "--recipe", recipe).code == 0
    newest = programs("arm64").versions("newer")["docker.io"]
    package = pi.exec("dpkg-query --show --showformat='${Architecture} ${Version}' docker-ce").stdout
    assert package.startswith("arm64 5:")
    assert newest.partition("+")[0].partition("-")[0] in package
    check_images(pi)


def test_mixed_fleet(pi: EmulatedHost, fresh_host: MakeHost, project: Project) -> None:
    """In one run two PCs become what they are to be, the Pi gets what it still lacks, swap in compressed memory, and an address
    where nobody answers is told as such; in the next run there is nothing to do but to tell it again."""
    ubuntu, debian = fresh_host("ubuntu-noble"), fresh_host("debian-bookworm")
    project.recipe("squeezed", swap=ZRAM)
    dead = f"{project.lab.network.prefix}.{NUMBERS.stop}"
    entries = {host.name: project.entry(host) for host in (ubuntu, debian)}
    project.write_inventory({pi.name: project.entry(pi, recipe="squeezed"), **entries, "dead": {"address": dead}})
    said = ask(project, "provision")
    assert said.code == 4, said
    results = {name: host["result"] for name, host in said.hosts().items()}
    assert results == {pi.name: "changed", ubuntu.name: "changed", debian.name: "changed", "dead": "unreachable"}, said
    assert said.changed(pi.name) == ["swap"], said
    assert [said.changed(host.name) for host in (ubuntu, debian)] == [BARE, BARE], said
    assert pi.read("/proc/swaps").splitlines()[1].split()[0] == "/dev/zram0"

    again = ask(project, "provision")
    assert again.code == 4, again
    results = {name: host["result"] for name, host in again.hosts().items()}
    assert results == {pi.name: "ok", ubuntu.name: "ok", debian.name: "ok", "dead": "unreachable"}, again


def test_power_off_and_on(pi: EmulatedHost, project: Project) -> None:
    """A machine that is switched off keeps its disk, address and name, and leaves no process and no interface meanwhile; what
    was provisioned is there again by itself."""
    before = pi.boot_id()
    pi.stop()
    assert not pi.machine.alive()
    assert not os.path.exists(f"/sys/class/net/{pi.machine.tap}")
    pi.start()
    assert pi.boot_id() != before
    assert pi.ssh("hostname").stdout.strip() == pi.name
    pi.exec("systemctl is-system-running --wait", check=False)  # sshd is there before Docker
    project.inventory([pi])
    project.recipe("squeezed", swap=ZRAM)
    verified = ask(project, "verify", "--recipe", "squeezed")
    assert verified.code == 0, verified


def test_clones(pi: EmulatedHost, lab: Lab, project: Project) -> None:
    """A provisioned Pi can be frozen, and others go on from there at once, each with a name, address and key of its own."""
    layer = pi.freeze(lab.folder / "layers" / "pi4")
    spec = replace(pi.spec, layer=str(layer))
    clones = lab.up_many({"clone-a": spec, "clone-b": spec})
    try:
        project.inventory(clones.values())
        said = ask(project, "provision")
        assert said.code == 0, said
        assert {name: host["result"] for name, host in said.hosts().items()} == {"clone-a": "ok", "clone-b": "ok"}, said
        assert {host.ssh("hostname").stdout.strip() for host in clones.values()} == set(clones)
    finally:
        for host in clones.values():
            host.destroy()
