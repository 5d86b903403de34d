"""One environment on a PC and on a Raspberry Pi 4: the same images by digest, builds, archives and stacks, and the same numbers.

The Pi is emulated; ``make test-pi4`` runs this, other runs leave it out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.fixtures import MakeMachine
from tests.lab.host import Host
from tests.lab.vm.host import EmulatedHost
from tests.lab.vm.models import kind
from tests.lab.vm.snapshot import boot_files
from tests.support.archives import Image, layout, noise, unpack
from tests.support.pi import BARE, CMDLINE, PATIENT, ask
from tests.support.project import Project, Said

pytestmark = [pytest.mark.pi4, pytest.mark.slow, pytest.mark.timeout(7200)]

PULLED = "example/moving:stable"
DOCKERFILE = """\
ARG BASE=scratch
FROM ${BASE}
RUN uname -m > /machine
COPY index.html /srv/
"""
COMPOSE = """\
services:
  web:
    image: shop/web:1
    command: [busybox, httpd, -f, -p, "8000", -h, /srv]
    init: true
    mem_limit: 32m
    cpus: 0.5
    pids_limit: 50
    healthcheck:
      test: [CMD, busybox, wget, -q, -O-, "http://127.0.0.1:8000/index.html"]
      interval: 20s
      timeout: 60s
      retries: 5
"""
ML_PATIENCE = 5400


@pytest.fixture(scope="module")
def pi(fresh_machine: MakeMachine) -> EmulatedHost:
    """A bare Pi 4 whose cmdline.txt has the memory controller on; the tests of this file follow each other on it."""
    off = boot_files(kind("pi4"))["cmdline.txt"].strip()
    return fresh_machine("pi4", name="pi-shelf", files={CMDLINE: f"{off} cgroup_enable=memory\n"})


@pytest.fixture
def fleet(pi: EmulatedHost, converged: Callable[..., Host], project: Project) -> tuple[Host, EmulatedHost]:
    """A PC that has Docker, and the Pi."""
    pc = converged(name="pc")
    project.inventory([pc, pi])
    return pc, pi


def _recipe(project: Project) -> None:
    """An image that is pulled, one that is built, one out of an archive, and a stack of what was built."""
    build = {"tag": "shop/web:1", "context": "context", "bases": {"BASE": "busybox:1.35"}, "timeout": PATIENT}
    project.recipe(
        "shop",
        images={"pull": [PULLED]},
        builds={"images": [build]},
        archives={"images": {"shop/data:1": "../data"}},
        stacks={"shop": {"file": "compose.yml", "timeout": 900}},
    )
    folder = project.folder / "recipes"
    (folder / "context").mkdir()
    (folder / "context" / "Dockerfile").write_text(DOCKERFILE)
    (folder / "context" / "index.html").write_text("hello\n")
    (folder / "compose.yml").write_text(COMPOSE)
    _archive(project.folder / "data")


def _archive(folder: Path) -> None:
    """Two platforms that share a layer."""
    shared = noise(1, 2)
    unpack(layout([Image([shared, noise(2, 1), noise(3, 1)], p) for p in ("linux/amd64", "linux/arm64")]), folder)


def _said(host: Host, command: str) -> list[str]:
    return host.ssh(command, timeout=600).stdout.split()


def test_one_run(fleet: tuple[Host, EmulatedHost], project: Project) -> None:
    """Pulled by one digest, built and sent for each processor, deployed within limits that are real; again 0 changed."""
    pc, pi = fleet
    _recipe(project)
    done = ask(project, "provision", "--recipe", "shop")
    assert done.code == 0, done
    ours = ["images", "archives", "builds", "stacks"]
    assert (sorted(done.changed(pc.name)), sorted(done.changed(pi.name))) == (sorted(ours), sorted([*BARE, *ours])), done
    assert done.hosts()[pi.name]["proven"], done

    pulled = f"docker image inspect -f '{{{{index .RepoDigests 0}}}}' {PULLED}"
    assert _said(pc, pulled) == _said(pi, pulled)
    assert _said(pi, pulled)[0].partition("@")[2] in (project.folder / "fleet.lock.yml").read_text()
    made = "docker image inspect -f '{{.Architecture}}' shop/web:1 shop/data:1 " + PULLED
    assert (_said(pc, made), _said(pi, made)) == (["amd64"] * 3, ["arm64"] * 3)
    assert _said(pi, "docker run --rm shop/web:1 cat /machine") == ["aarch64"]

    group = "/sys/fs/cgroup/system.slice/docker-$(docker ps --no-trunc -q --filter name=shop-web).scope"
    assert _said(pi, f"cd {group} && cat memory.max pids.max cpu.max") == [str(32 << 20), "50", "50000", "100000"]

    again = ask(project, "provision", "--recipe", "shop")
    assert again.code == 0, again
    assert (again.changed(pc.name), again.changed(pi.name)) == ([], []), again
    assert ask(project, "verify", "--recipe", "shop").code == 0
    states = {name: [c["state"] for c in host["containers"]] for name, host in ask(project, "ps").hosts().items()}
    assert states == {pc.name: ["running"], pi.name: ["running"]}


def test_push(fleet: tuple[Host, EmulatedHost], project: Project) -> None:
    """Each host is sent the image of its processor, without the layers that it has; again, and nothing is sent."""
    pc, pi = fleet
    _archive(project.folder / "data")
    push = ("images", "push", "shop/data:2", "--all", "--from", "data", "--json")
    said = project.fleet(*push, timeout=PATIENT)
    assert said.code == 0, said
    assert 4_000_000 < _sent(said, pc) < 4_100_000, said
    assert _sent(said, pi) < 10_000, "its layers came with shop/data:1"
    assert _said(pi, "docker image inspect -f '{{.Architecture}}' shop/data:2") == ["arm64"]
    again = project.fleet(*push, timeout=PATIENT)
    assert [(host["result"], host["sent"]) for host in again.hosts().values()] == [("ok", 0)] * 2, again


def _sent(said: Said, host: Host) -> int:
    return int(said.hosts()[host.name]["sent"])


def test_the_same_numbers(fleet: tuple[Host, EmulatedHost], project: Project) -> None:
    """The recipe `ml`: built for each processor, proven by what the libraries compute; again 0 changed."""
    hosts = fleet
    for host in hosts:
        host.exec("docker rm -f $(docker ps -aq --filter name=shop-web) || true")  # a health check costs an emulated Pi much
    index = ("-e", f"pip_index={project.lab.box.pip_index}", "-e", f"pip_trusted_host={project.lab.box.address}")
    provision = ("provision", "--all", "--recipe", "ml", "--json", *index)
    done = project.fleet(*provision, timeout=ML_PATIENCE)
    assert done.code == 0, done
    assert {tuple(done.changed(host.name)) for host in hosts} == {("builds", "stacks")}, done

    said = [json.loads(host.ssh("docker logs ml-smoke-1", timeout=600).stdout) for host in hosts]
    assert [s["agrees"] for s in said] == [True, True]
    assert said[0]["versions"] == said[1]["versions"]
    for library in ("numpy", "scikit-learn", "onnxruntime"):
        assert said[0]["found"][library] == pytest.approx(said[1]["found"][library], abs=1e-4)

    again = project.fleet(*provision, timeout=PATIENT)
    assert again.code == 0, again
    assert [again.changed(host.name) for host in hosts] == [[], []], again
