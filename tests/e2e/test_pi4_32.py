"""A 32-bit userland under a 64-bit kernel, as Raspberry Pi OS 32-bit is on a Pi 4: everything must be the userland's.

The machine is emulated; ``make test-pi4`` runs this, other runs leave it out.
"""

from __future__ import annotations

import pytest

from tests.lab.box.programs import programs
from tests.lab.fixtures import MakeMachine
from tests.lab.vm.host import EmulatedHost
from tests.support.ask import blocked, planned
from tests.support.pi import BARE, ask
from tests.support.project import Project

pytestmark = [pytest.mark.pi4, pytest.mark.slow, pytest.mark.timeout(3600)]

PLUGIN = "/usr/local/lib/docker/cli-plugins/docker-compose"
PULLED = ("busybox", "hello-world")


@pytest.fixture(scope="module")
def pi(fresh_machine: MakeMachine) -> EmulatedHost:
    """A bare Pi 4 with a 32-bit userland; the tests of this file follow each other on it."""
    return fresh_machine("pi4-32", name="pi-attic")


@pytest.fixture
def recipe(project: Project) -> str:
    """All that has a file per architecture: packages, a Compose release, images."""
    project.recipe("narrow", compose={"source": "release"}, images={"pull": list(PULLED)})
    return "narrow"


def test_facts_and_plan(pi: EmulatedHost, project: Project, recipe: str) -> None:
    """The kernel says aarch64, dpkg says armhf, and the plan goes by dpkg; the doctor tells that it could be 64 bits."""
    project.inventory([pi])
    facts = ask(project, "facts").hosts()[pi.name]["facts"]
    assert (facts["architecture"], facts["machine"]) == ("armhf", "aarch64")
    assert (facts["distro"], facts["codename"]) == ("raspbian", "bookworm")
    assert "userland" in [finding["check"] for finding in ask(project, "doctor").hosts()[pi.name]["findings"]]
    plan = ask(project, "plan", "--recipe", recipe)
    assert planned(plan, pi) == [*BARE, "images"], plan


def test_from_bare_to_proven(pi: EmulatedHost, project: Project, recipe: str) -> None:
    """One run, and the engine, Compose and the images are made for arm/v7; a second run does nothing."""
    project.inventory([pi])
    done = ask(project, "provision", "--recipe", recipe)
    assert done.code == 0, done
    assert done.changed(pi.name) == [*BARE, "images"], done
    assert done.hosts()[pi.name]["proven"], done
    again = ask(project, "provision", "--recipe", recipe)
    assert (again.code, again.changed(pi.name)) == (0, []), again
    assert ask(project, "verify", "--recipe", recipe).code == 0

    source = pi.read("/etc/apt/sources.list.d/docker.sources").splitlines()
    assert "URIs: https://download.docker.com/linux/debian" in source, "Docker's raspbian stays at 28.5 for ever"
    assert {"Suites: bookworm", "Architectures: armhf"} <= set(source)
    assert pi.exec("dpkg-query --show --showformat='${Architecture}' docker-ce").stdout == "armhf"
    compose = programs("armhf").compose("newer")
    assert compose
    assert pi.exec(f"head -c 20 {PLUGIN} | od -An -tx1").stdout.split()[4::14] == ["01", "28"], "ELF, 32 bits, ARM"
    assert pi.exec(["stat", "-c", "%s", PLUGIN]).stdout.strip() == str(compose.stat().st_size)
    assert pi.ssh("docker compose version", timeout=300).returncode == 0
    for image in PULLED:
        shape = pi.ssh(f"docker image inspect -f '{{{{.Architecture}}}}/{{{{.Variant}}}}' {image}", timeout=300)
        assert shape.stdout.strip() == "arm/v7", image
    assert pi.ssh("docker run --rm hello-world", timeout=300).stdout.count("Hello from Docker!") == 1


@pytest.mark.parametrize("image", ["example/arm64-only", "example/no-arm32"])
def test_images_for_64_bits(pi: EmulatedHost, project: Project, image: str) -> None:
    """An image that has nothing for the userland is refused in words, though the kernel is a 64-bit one; not a byte comes."""
    project.inventory([pi])
    project.recipe("wide", compose={"source": "release"}, images={"pull": [image]})
    before = len(project.lab.box.requests())
    why, _ = blocked(ask(project, "provision", "--recipe", "wide"), pi)
    assert f"{image} has no image for linux/arm/v7; it is made for " in why
    assert "linux/arm64" in why
    assert [line for line in project.lab.box.requests()[before:] if "/blobs/" in line] == []
