"""A Raspberry Pi 4 with a kernel of its own: the main job on arm64, a mixed fleet, and the boot that obeys cmdline.txt.

The machine is emulated, so these tests take minutes: ``make test-pi4`` runs them, other runs leave them out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.lab.box.programs import programs
from tests.lab.fixtures import MakeHost
from tests.lab.lab import Lab
from tests.lab.network import NUMBERS
from tests.lab.vm import emulation
from tests.lab.vm.host import EmulatedHost
from tests.lab.vm.models import PI4
from tests.support.ask import planned
from tests.support.project import Project, Said

pytestmark = [pytest.mark.pi4, pytest.mark.slow, pytest.mark.timeout(3600)]

BARE = ["keyring", "source", "engine", "group", "compose"]
"""What the recipe `docker` changes on a bare host."""
PATIENT = 1800
"""Seconds for a run; some 90 on a quiet machine."""


@pytest.fixture(scope="module")
def pi(lab: Lab) -> Iterator[EmulatedHost]:
    """A Pi 4 as it is after its first boot; the tests of this file follow each other on it."""
    if reasons := emulation.impossible():
        refuse = pytest.fail if os.environ.get("FLEET_LAB_REQUIRED") == "1" else pytest.skip
        refuse("no emulated Pi here: " + "; ".join(reasons))
    host = lab.up("pi4", "raspios-trixie", machine="pi4")
    assert isinstance(host, EmulatedHost)
    yield host
    host.destroy()


def _all(project: Project, verb: str) -> Said:
    return project.fleet(verb, "--all", "--json", timeout=PATIENT)


def test_it_is_a_pi(pi: EmulatedHost, project: Project) -> None:
    """Facts name the board of the device tree, the chip of its revision code, and the architecture of its kernel."""
    project.inventory([pi])
    said = _all(project, "facts")
    assert said.code == 0, said
    facts = said.hosts()[pi.name]["facts"]
    assert facts["model"] == PI4.label
    assert facts["raspberry_pi"] is True
    assert facts["raspberry_pi_os"] is True
    assert (facts["architecture"], facts["machine"]) == ("arm64", "aarch64")


def test_from_bare_to_proven(pi: EmulatedHost, project: Project) -> None:
    """Plan, provision, verify, nothing left to do: with arm64 packages, arm64 images and an arm64 Compose."""
    project.inventory([pi])
    plan = _all(project, "plan")
    assert plan.code == 0, plan
    assert planned(plan, pi) == BARE, plan

    done = _all(project, "provision")
    assert done.code == 0, done
    assert done.changed(pi.name) == BARE, done
    assert done.hosts()[pi.name]["proven"], done

    again = _all(project, "provision")
    assert again.code == 0, again
    assert again.changed(pi.name) == [], again
    verified = _all(project, "verify")
    assert verified.code == 0, verified
    _docker_is_arm64(pi)


def _docker_is_arm64(pi: EmulatedHost) -> None:
    newest = programs("arm64").versions("newer")["docker.io"]
    package = pi.exec("dpkg-query --show --showformat='${Architecture} ${Version}' docker-ce").stdout
    assert package.startswith("arm64 5:")
    assert newest.partition("+")[0].partition("-")[0] in package
    assert pi.ssh("docker run --rm hello-world", timeout=300).stdout.count("Hello from Docker!") == 1
    assert pi.ssh("docker image inspect -f '{{.Architecture}}' hello-world", timeout=300).stdout.strip() == "arm64"
    build = (
        "printf 'FROM busybox\\nRUN uname -m > /machine\\n' | docker build -q -t built - && docker run --rm built cat /machine"
    )
    assert pi.ssh(build, timeout=600).stdout.split()[-1] == "aarch64"


def test_mixed_fleet(pi: EmulatedHost, fresh_host: MakeHost, project: Project) -> None:
    """In one run a PC is provisioned, the Pi needs nothing, and an address where nobody answers is told as such."""
    other = fresh_host("ubuntu-noble")
    dead = f"{project.lab.network.prefix}.{NUMBERS.stop}"
    project.write_inventory({pi.name: project.entry(pi), other.name: project.entry(other), "dead": {"address": dead}})
    said = _all(project, "provision")
    assert said.code == 4, said
    results = {name: host["result"] for name, host in said.hosts().items()}
    assert results == {pi.name: "ok", other.name: "changed", "dead": "unreachable"}, said
    assert said.changed(other.name) == BARE, said


def test_memory_cgroup_is_what_cmdline_says(pi: EmulatedHost, project: Project) -> None:
    """The Pi's firmware turns the memory control group off; a word in cmdline.txt and a reboot turn it on."""
    assert "memory" not in pi.read("/sys/fs/cgroup/cgroup.controllers").split()
    project.inventory([pi])
    before = pi.boot_id()
    pi.exec("sed -i 's/$/ cgroup_enable=memory/' /boot/firmware/cmdline.txt && sync")
    pi.exec("systemctl --no-block reboot")
    pi.wait_for_other_boot(before)
    assert "memory" in pi.read("/sys/fs/cgroup/cgroup.controllers").split()
    limited = "docker run --rm --memory 64m busybox cat /sys/fs/cgroup/memory.max"
    assert pi.ssh(limited, timeout=600).stdout.strip() == str(64 << 20)
    verified = _all(project, "verify")
    assert verified.code == 0, verified


def test_power_off_and_on(pi: EmulatedHost) -> None:
    """A machine that is switched off keeps its disk, address and name, and leaves no process and no interface meanwhile."""
    before = pi.boot_id()
    pi.stop()
    assert not pi.machine.alive()
    assert not os.path.exists(f"/sys/class/net/{pi.machine.tap}")
    pi.start()
    assert pi.boot_id() != before
    assert pi.ssh("hostname").stdout.strip() == pi.name


def test_clones(pi: EmulatedHost, lab: Lab, project: Project) -> None:
    """A provisioned Pi can be frozen, and others go on from there at once, each with a name, address and key of its own."""
    layer = pi.freeze(lab.folder / "layers" / "pi4")
    spec = replace(pi.spec, layer=str(layer))
    clones = lab.up_many({"clone-a": spec, "clone-b": spec})
    try:
        project.inventory(clones.values())
        said = _all(project, "provision")
        assert said.code == 0, said
        assert {name: host["result"] for name, host in said.hosts().items()} == {"clone-a": "ok", "clone-b": "ok"}, said
        assert {host.ssh("hostname").stdout.strip() for host in clones.values()} == set(clones)
    finally:
        for host in clones.values():
            host.destroy()
