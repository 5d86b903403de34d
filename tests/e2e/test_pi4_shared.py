"""What a PC and a Raspberry Pi 4 share: a tag built by each for its processor, a cache, a Swarm, and images from Pi to Pi.

The Pi is emulated; ``make test-pi4`` runs this, other runs leave it out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.test_builds_shared import REGISTRY, platforms
from tests.e2e.test_push import sent
from tests.e2e.test_relay import left, via
from tests.lab.box import names
from tests.lab.fixtures import MakeMachine
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.vm.host import EmulatedHost
from tests.support import builds
from tests.support.archives import Image, noise, old_save
from tests.support.ask import step
from tests.support.pi import BARE, PATIENT, ask
from tests.support.project import Project

pytestmark = [pytest.mark.pi4, pytest.mark.slow, pytest.mark.timeout(3600)]

SWARM = str(Path(__file__).parents[2] / "recipes" / "swarm.yml")


@pytest.fixture(scope="module")
def pi(fresh_machine: MakeMachine) -> EmulatedHost:
    """A bare Pi 4; the tests of this file follow each other on it."""
    return fresh_machine("pi4", name="pi-shelf")


@pytest.fixture
def pc(converged: Callable[..., Host], pi: EmulatedHost, project: Project) -> Host:
    """A PC that has Docker and a registry, in an inventory with the Pi and in one fleet with it."""
    host = converged(name="pc")
    host.exec(REGISTRY)
    project.inventory([host, pi])
    return host


def _share(project: Project, pc: Host) -> str:
    """Write the recipe `shop`, of a tag in the PC's registry that each platform builds once; return the tag."""
    place = f"{pc.address}:5000"
    tag = f"{place}/shop/web:1"
    builds.write(project)
    builds.recipe(
        project, tag=tag, where="fleet", push=True, timeout=PATIENT, beside={"daemon": {"insecure_registries": [place]}}
    )
    return tag


def test_one_tag_for_both(pi: EmulatedHost, pc: Host, project: Project) -> None:
    """Each builds for its processor, and both are joined under one tag; who has lost it pulls; again 0 changed."""
    tag = _share(project, pc)
    done = ask(project, "provision", "--recipe", "shop")
    assert done.code == 0, done
    assert sorted(done.changed(pi.name)) == sorted([*BARE, "daemon", "builds"]), done
    assert done.changed(pc.name) == ["daemon", "builds"], done
    assert f"pc: builds {tag} for linux/amd64" in done.err, done
    assert f"{pi.name}: builds {tag} for linux/arm64" in done.err, done
    assert platforms(pc, "shop/web:1") == {"linux/amd64", "linux/arm64"}
    built = {host.name: builds.build(host, tag) for host in (pc, pi)}
    assert built["pc"] != built[pi.name]

    again = ask(project, "provision", "--recipe", "shop")
    assert again.code == 0, again
    assert (again.changed(pc.name), again.changed(pi.name)) == ([], []), again
    for host in (pc, pi):
        host.exec(f"docker rmi {tag}")
    pulled = ask(project, "provision", "--recipe", "shop")
    assert [step(pulled, host, "builds")["why"] for host in (pc, pi)] == [f"pull {tag}, which is built and pushed"] * 2, pulled
    assert {host.name: builds.build(host, tag) for host in (pc, pi)} == built
    assert ask(project, "verify", "--recipe", "shop").code == 0

    _in_one_swarm(project, pc, pi, tag)


def _in_one_swarm(project: Project, pc: Host, pi: EmulatedHost, tag: str) -> None:
    """The PC and the Pi as nodes: a service of the tag runs on both, another only where the label says arm64."""
    words = ("--recipe", SWARM, "-e", "swarm_manager=pc")
    joined = ask(project, "provision", *words)
    assert joined.code == 0, joined
    assert (joined.changed("pc"), joined.changed(pi.name)) == (["swarm"], ["swarm"]), joined
    again = ask(project, "provision", *words)
    assert again.code == 0, again
    assert (again.changed("pc"), again.changed(pi.name)) == ([], []), again

    create = ("docker", "pc", "--", "service", "create", "-q", "--detach", "--init")
    sleep = (tag, "sh", "-c", "uname -m; sleep 100000")
    arm64 = ("--constraint", "node.labels.architecture==arm64", "--replicas", "2")
    for name, where in (("everywhere", ("--mode", "global")), ("narrow", arm64)):
        assert project.fleet(*create, "--name", name, *where, *sleep, timeout=PATIENT).code == 0
    wanted = {"everywhere": ["aarch64", "x86_64"], "narrow": ["aarch64", "aarch64"]}
    ends = time.monotonic() + 600
    while (said := {name: sorted(_said(pc, name)) for name in wanted}) != wanted:
        assert time.monotonic() < ends, (said, pc.exec("docker service ps --no-trunc everywhere narrow").stdout)
        time.sleep(5)

    left_it = project.fleet("swarm", "leave", pi.name, "--yes", "--json", timeout=PATIENT)
    assert (left_it.code, left_it.changed(pi.name)) == (0, ["swarm"]), left_it
    assert pc.exec("docker node ls --format '{{.Hostname}}'").stdout.split() == ["pc"]


def _said(pc: Host, service: str) -> list[str]:
    """What the running tasks of a service say of their machines, whatever node they are on."""
    running = pc.exec(f"docker service ps -q --filter desired-state=running {service}").stdout.split()
    return [line.split()[-1] for task in running if (line := pc.exec(f"docker service logs --raw {task}", check=False).stdout)]


def test_one_cache_for_both(pi: EmulatedHost, pc: Host, project: Project) -> None:
    """What the Pi pulls for its processor comes by way of the PC, which asked Docker Hub once; again 0 changed."""
    pc.exec("docker rm -f -v registry")  # the cache wants its port
    serve = ("provision", "pc", "--recipe", "cache", "--json")
    use = ("provision", pi.name, "--recipe", "cached", "-e", f"cache={pc.address}:5000", "--json")
    for words in (serve, use):
        done = project.fleet(*words, timeout=PATIENT)
        assert done.code == 0, done
    assert done.changed(pi.name) == ["daemon"], done

    before, fetched = len(project.lab.box.requests()), len(project.lab.box.requests(names.HUB_BLOBS))
    pi.exec("docker pull -q busybox:1.35")
    assert pi.exec("docker image inspect -f '{{.Architecture}}' busybox:1.35").stdout.strip() == "arm64"
    assert [line for line in project.lab.box.requests()[before:] if line.startswith(pi.address)] == []
    assert len(project.lab.box.requests(names.HUB_BLOBS)) > fetched
    for words in (serve, use):
        again = project.fleet(*words, timeout=PATIENT)
        assert (again.code, [host["changes"] for host in again.hosts().values()]) == (0, [0]), again


def test_from_pi_to_pi(pi: EmulatedHost, lab: Lab, project: Project) -> None:
    """The laptop sends an image for arm64 once, and one Pi gives it to the other; again, and nothing is sent."""
    layer = pi.freeze(lab.folder / "layers" / "shelf")
    spec = replace(pi.spec, layer=str(layer))
    clones = lab.up_many({"pi-a": spec, "pi-b": spec})
    try:
        project.inventory(clones.values())
        image = Image([noise(1, 4), noise(2, 3)], "linux/arm64")
        (project.folder / "app.tar").write_bytes(old_save({"app:1": image}))
        push = ("images", "push", "app:1", "--all", "--from", "app.tar", "--relay", "--json")
        said = project.fleet(*push, timeout=PATIENT)
        assert said.code == 0, said
        first, second = sorted(clones.values(), key=lambda host: sent(said, host))
        assert (sent(said, first), via(said, first)) == (0, second.name), said
        assert 7_000_000 < sent(said, second) < 7_010_000, said
        for host in clones.values():
            assert host.exec("docker image inspect -f '{{.Architecture}}' app:1").stdout.strip() == "arm64"
        again = project.fleet(*push, timeout=PATIENT)
        assert [(host["result"], host["sent"]) for host in again.hosts().values()] == [("ok", 0)] * 2, again
        assert [left(host) for host in clones.values()] == ["", ""]
    finally:
        for host in clones.values():
            host.destroy()
