"""Images that are built once and shared: by the best host of the fleet, by the laptop's buildx, and through a registry."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.host import Host
from tests.support import builds
from tests.support.ask import blocked
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

PROVISION = ("provision", "--all", "--recipe", "shop", "--json")


def test_one_host_builds_for_the_others(converged: Callable[..., Host], project: Project) -> None:
    """One build for three hosts; none the second time, nor for a host that lost it; when the best fails, the next builds."""
    hosts = first, second, third = [converged(name=f"pi-{letter}") for letter in "abc"]
    project.inventory(hosts)
    builds.write(project)
    builds.recipe(project, where="fleet")

    done = project.fleet(*PROVISION)
    assert done.code == 0, done
    assert {tuple(done.changed(host.name)) for host in hosts} == {("builds",)}, done
    assert "pi-a: builds shop/web:1 for linux/amd64" in done.err
    assert done.err.count(": builds shop/web:1") == 1, done
    one = {builds.build(host) for host in hosts}
    assert len(one) == 1
    again = project.fleet(*PROVISION)
    assert [again.changed(host.name) for host in hosts] == [[], [], []]

    first.exec("docker rmi shop/web:1")
    back = project.fleet(*PROVISION)
    assert "pi-a: took shop/web:1 from pi-b" in back.err, back
    assert {builds.build(first)} == one

    builds.write(project, "second")
    first.exec("mv /var/cache/fleet/contexts /var/cache/fleet/kept; touch /var/cache/fleet/contexts")
    failed = project.fleet(*PROVISION)
    assert failed.code == 1, failed
    assert "failed" in failed.steps("pi-a")["builds"], failed
    assert "pi-b: builds shop/web:1" in failed.err, failed
    assert builds.build(second) == builds.build(third) != builds.build(first)
    first.exec("rm /var/cache/fleet/contexts")
    mended = project.fleet(*PROVISION)
    assert mended.changed("pi-a") == ["builds"], mended
    assert builds.build(first) == builds.build(third)
    assert project.fleet("verify", "--all", "--recipe", "shop").code == 0


def test_the_laptop_builds_for_all(converged: Callable[..., Host], project: Project) -> None:
    """One build for both hosts, whether the laptop's Docker writes archives itself or not; and nothing is left there."""
    laptop, *hosts = [converged(name=name) for name in ("laptop", "pi-a", "pi-b")]
    project.inventory(hosts)
    builds.write(project)
    builds.recipe(project, where="laptop")

    why, hint = blocked(project.fleet("plan", "--all", "--recipe", "shop", "--json", PATH="/usr/bin:/bin"), hosts[0])
    assert why == "shop/web:1: there is no `docker` on this machine to build with"
    assert "where: fleet" in hint

    path = builds.docker_of(laptop, project)
    for word in ("classic", "containerd"):  # the store that the laptop's images are in
        builds.write(project, word)
        before = laptop.exec("docker images -q --no-trunc").stdout
        done = project.fleet(*PROVISION, PATH=path)
        assert [done.changed(host.name) for host in hosts] == [["builds"], ["builds"]], done
        assert done.err.count("builds shop/web:1 for linux/amd64 on this machine") == 1, done
        assert len({builds.build(host) for host in hosts}) == 1
        assert hosts[0].exec("docker run --rm shop/web:1 cat /word").stdout == f"{word}\n"
        assert laptop.exec("docker images -q --no-trunc").stdout == before
        assert list(Path("/tmp").glob("fleet-builds-*")) == []
        if word == "classic":
            laptop.write("/etc/docker/daemon.json", '{"features": {"containerd-snapshotter": true}}')
            laptop.exec("systemctl restart docker")
    assert project.fleet(*PROVISION, PATH="/usr/bin:/bin").changed("pi-a") == []


def platforms(host: Host, tag: str) -> set[str]:
    """What buildx says that a tag of the host's own registry has."""
    said = host.exec(["docker", "buildx", "imagetools", "inspect", f"localhost:5000/{tag}"]).stdout
    return set(re.findall(r"Platform: +(\S+)", said))


def test_a_registry_gets_each_platform_once(converged: Callable[..., Host], project: Project) -> None:
    """Built once, pushed once, joined with the platform that was made from the same; what the registry lost is pushed again."""
    first, second = [converged(name=f"pi-{letter}") for letter in "ab"]
    project.inventory([first, second])
    registry = "docker run -d --name registry --network host -e OTEL_TRACES_EXPORTER=none registry:3"
    first.exec(registry)
    place = f"{first.address}:5000"
    builds.write(project)
    image = {
        "tag": f"{place}/shop/web:1",
        "context": "context",
        "bases": {"BASE": "busybox:1.35"},
        "where": "fleet",
        "push": True,
    }
    project.recipe("shop/recipe", daemon={"insecure_registries": [place]}, builds={"images": [image]})

    planned = project.fleet("plan", "pi-a", "--recipe", "shop", "--json")
    actions = [a for step in planned.hosts()["pi-a"]["plan"]["steps"] for a in step.get("actions", ())]
    built = next(a["built"] for a in actions if a["action"] == "pushimage")
    made = f"printf 'FROM scratch\nLABEL io.github.fleet.built={built}\nCOPY hostname /\n' | docker buildx build -f - /etc"
    first.exec(f"cd /etc && {made} --platform linux/arm64 --provenance=false -t localhost:5000/shop/web:1-arm64 --load")
    first.exec("docker push -q localhost:5000/shop/web:1-arm64")

    done = project.fleet(*PROVISION)
    assert done.code == 0, done
    assert [done.changed(host.name) for host in (first, second)] == [["daemon", "builds"]] * 2
    assert platforms(first, "shop/web:1") == {"linux/amd64", "linux/arm64"}
    again = project.fleet(*PROVISION)
    assert [again.changed(host.name) for host in (first, second)] == [[], []]
    assert "web:1-amd64" not in first.exec("docker images").stdout

    first.exec(f"docker rm -f -v registry; {registry}")
    assert project.fleet("verify", "--all", "--recipe", "shop").code == 3
    lost = project.fleet(*PROVISION)
    assert [lost.changed(host.name) for host in (first, second)] == [["builds"]] * 2, lost
    assert ": builds " not in lost.err
    assert platforms(first, "shop/web:1") == {"linux/amd64"}
