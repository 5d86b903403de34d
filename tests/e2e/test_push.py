"""`fleet images push`: images to real hosts without a registry, into both kinds of image store."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.host import Host
from tests.support.archives import Image, hello, layout, noise, old_save, unpack
from tests.support.project import Project, Said

pytestmark = [pytest.mark.lab, pytest.mark.slow]

NO_FORWARDING = "AllowTcpForwarding no\nDisableForwarding yes"
LOWEST, HIGHEST = noise(1, 4), noise(2, 3)


def why(said: Said, host: Host) -> str:
    """What the push did on a host."""
    return str(said.hosts()[host.name]["steps"][0]["why"])


def sent(said: Said, host: Host) -> int:
    """Bytes that went to a host."""
    return int(said.hosts()[host.name]["sent"])


def runs(host: Host, image: str) -> bool:
    """Whether a container of the image says hello."""
    return "fleet" in host.exec(["docker", "run", "--rm", "--network", "none", image]).stdout


def use_containerd_s_store(host: Host) -> None:
    """What Docker 29 does of itself."""
    host.write("/etc/docker/daemon.json", '{"features": {"containerd-snapshotter": true}}')
    host.exec("systemctl restart docker")


def test_push(converged: Callable[..., Host], project: Project) -> None:
    """Only missing layers go to a host, whatever its image store and its sshd's forwarding; again, and nothing does."""
    classic, modern = converged(sshd=NO_FORWARDING), converged()
    use_containerd_s_store(modern)
    project.inventory([classic, modern])
    archive = project.folder / "app.tar"

    archive.write_bytes(old_save({"app:1": Image([LOWEST, hello(), HIGHEST])}))
    said = project.fleet("images", "push", "app:1", "--all", "--from", "app.tar", "--json")
    assert said.code == 0, said
    for host in (classic, modern):
        assert why(said, host).startswith("sent 3 of 3 layers, 7.0 MB"), said
        assert runs(host, "app:1")
    said = project.fleet("images", "push", "app:1", "--all", "--from", "app.tar", "--json")
    assert [(h["result"], h["sent"]) for h in said.hosts().values()] == [("ok", 0)] * 2, said

    archive.write_bytes(old_save({"app:1": Image([LOWEST, hello(), noise(3, 1)])}))
    said = project.fleet("images", "push", "app:1", "--all", "--from", "app.tar", "--json")
    for host in (classic, modern):
        assert why(said, host).startswith("sent 1 of 3 layers, 1.0 MB"), said
        assert 1_000_000 < sent(said, host) < 1_010_000
        assert "fleet-push" not in host.exec("docker images").stdout

    unpack(layout([Image([hello()], "linux/arm64"), Image([hello()], "linux/arm/v7")]), project.folder / "arm")
    before = sorted(classic.exec("docker images -q").stdout.split())
    said = project.fleet("images", "push", "app:arm", "--all", "--from", "arm", "--json")
    assert said.code == 1, said
    assert why(said, classic) == "app:arm is not made for linux/amd64, but for linux/arm/v7, linux/arm64"
    assert (sent(said, classic), sorted(classic.exec("docker images -q").stdout.split())) == (0, before)

    project.recipe("app", archives={"images": {"app:2": "../app2.tar"}})
    (project.folder / "app2.tar").write_bytes(old_save({"app:2": Image([LOWEST, hello()])}))
    said = project.fleet("provision", "--all", "--recipe", "app", "--json")
    assert (said.changed(classic.name), said.changed(modern.name)) == (["archives"], ["archives"]), said
    assert runs(modern, "app:2")
    said = project.fleet("provision", "--all", "--recipe", "app", "--json")
    assert (said.changed(classic.name), said.changed(modern.name)) == ([], []), said

    unpack(layout([Image([hello()], "linux/arm64"), Image([LOWEST, hello()])]), project.folder / "both")
    said = project.fleet("images", "push", "registry.example:5000/app", "--all", "--from", "both", "--json")
    assert why(said, classic) == "all its layers were there; it has its name now", said
    assert why(said, modern).startswith("sent 2 of 2 layers"), said  # there they are known by their compressed form
    assert all(runs(host, "registry.example:5000/app:latest") for host in (classic, modern))
    said = project.fleet("images", "push", "registry.example:5000/app", "--all", "--from", "both", "--json")
    assert [(h["result"], h["sent"]) for h in said.hosts().values()] == [("ok", 0)] * 2, said


def test_going_on_after_a_break(converged: Callable[..., Host], project: Project) -> None:
    """Layers that came are not sent again: neither when the connection breaks nor when `fleet` is run again later."""
    host = converged()
    project.inventory([host])
    large = [noise(11, 34), noise(12, 34), noise(13, 20)]
    (project.folder / "big.tar").write_bytes(old_save({"big:1": Image([*large, hello()])}))
    words = ("images", "push", "big:1", "--all", "--from", "big.tar")

    first = project.start(*words)
    assert _comes(host, 1)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()

    second = project.start(*words, "--json", "-v")
    assert _comes(host, 2)
    host.exec("pkill -KILL -f '[p]i@notty'")
    out, err = second.communicate(timeout=300)
    said = Said(words, second.returncode, out, err)
    assert said.code == 0, said
    assert "Going on where it broke off." in err
    assert why(said, host).startswith("sent 3 of 4 layers"), said
    assert 54_000_000 < sent(said, host) < 34_000_000 + 2 * 20_100_000, said
    assert runs(host, "big:1")
    assert "fleet-push" not in host.exec("docker images").stdout


def _comes(host: Host, count: int) -> bool:
    """Wait until so many checkpoints are there."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if len(host.exec("docker images -q fleet-push").stdout.split()) >= count:
            return True
        time.sleep(0.1)
    return False


def test_from_docker_on_the_laptop(converged: Callable[..., Host], project: Project) -> None:
    """Without an archive the image is the one of this machine's own Docker; the same ID there means nothing to do."""
    laptop, host = converged(), converged()
    project.inventory([host])
    laptop.exec("docker pull -q busybox")
    docker = project.folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\nexec {" ".join(laptop._inside(["docker"]))} "$@"\n')
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"

    said = project.fleet("images", "push", "busybox", "--all", "--json", PATH=path)
    assert why(said, host).startswith("sent 1 of 1 layers"), said
    assert host.exec("docker run --rm --network none busybox echo yes").stdout == "yes\n"
    said = project.fleet("images", "push", "busybox", "--all", "--json", PATH=path)
    assert (said.code, why(said, host), sent(said, host)) == (0, "there already", 0), said
    said = project.fleet("images", "push", "busybux", "--all", PATH=path)
    assert said.code == 2, said
    assert "has no image busybux:latest" in said.err
    assert list(Path("/tmp").glob("fleet-*.tar")) == []
