"""Images that are built once and shared: by the best host of the fleet, by the laptop's buildx, and through a registry."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest

from tests.lab.box.tokens import PASSWORD, USER
from tests.lab.host import Host
from tests.support import builds
from tests.support.ask import blocked, step
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

REGISTRY = "docker run -d --name registry --network host -e OTEL_TRACES_EXPORTER=none registry:3"
WANTS_LOGIN = "-e REGISTRY_AUTH=htpasswd -e REGISTRY_AUTH_HTPASSWD_REALM=lab -e REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd"
PROVISION = ("provision", "--all", "--recipe", "shop", "--json")


def platforms(host: Host, tag: str) -> set[str]:
    """What buildx says that a tag of the host's own registry has."""
    said = host.exec(["docker", "buildx", "imagetools", "inspect", f"localhost:5000/{tag}"]).stdout
    return set(re.findall(r"Platform: +(\S+)", said))


def push_another_platform(host: Host, built: str) -> None:
    """Put an arm64 image with this label into the host's own registry, as an arm64 host would."""
    image = "localhost:5000/shop/web:1-arm64"
    dockerfile = f"FROM scratch\nLABEL io.github.fleet.built={built}\nCOPY hostname /\n"
    build = ["docker", "buildx", "build", "--platform=linux/arm64", "--provenance=false", "--load", "-t", image, "-f-", "/etc"]
    host.exec(build, stdin=dockerfile)
    host.exec(["docker", "push", "-q", image])


def test_one_host_builds_for_the_others(converged: Callable[..., Host], project: Project) -> None:
    """One build for three hosts, pushed once and joined with the other platform's; none the second time, nor for a host and
    a registry that have lost it; when the best host fails, the next one builds."""
    hosts = first, second, third = [converged(name=f"pi-{letter}") for letter in "abc"]
    project.inventory(hosts)
    first.exec(REGISTRY)
    place = f"{first.address}:5000"
    tag = f"{place}/shop/web:1"
    builds.write(project)
    builds.recipe(project, tag=tag, where="fleet", push=True, beside={"daemon": {"insecure_registries": [place]}})

    plan = project.fleet("plan", "pi-a", "--recipe", "shop", "--json").hosts()["pi-a"]["plan"]
    push_another_platform(first, next(a["built"] for step in plan["steps"] for a in step.get("actions", ()) if "built" in a))
    done = project.fleet(*PROVISION)
    assert done.code == 0, done
    assert {tuple(done.changed(host.name)) for host in hosts} == {("daemon", "builds")}, done
    assert f"pi-a: builds {tag} for linux/amd64" in done.err
    assert done.err.count(f": builds {tag}") == 1, done
    [one] = {builds.build(host, tag) for host in hosts}
    assert platforms(first, "shop/web:1") == {"linux/amd64", "linux/arm64"}
    assert "web:1-amd64" not in first.exec("docker images").stdout
    again = project.fleet(*PROVISION)
    assert [again.changed(host.name) for host in hosts] == [[], [], []]

    third.exec(f"docker rmi {tag}")
    pulled = project.fleet("provision", "pi-c", "--recipe", "shop", "--json")
    assert step(pulled, third, "builds")["why"] == f"pull {tag}, which is built and pushed"
    assert builds.build(third, tag) == one
    first.exec(f"docker rmi {tag}; docker rm -f -v registry; {REGISTRY}")
    back = project.fleet(*PROVISION)
    assert f"pi-a: took {tag} from pi-b" in back.err, back
    assert f": builds {tag}" not in back.err
    assert builds.build(first, tag) == one
    assert platforms(first, "shop/web:1") == {"linux/amd64"}

    builds.write(project, "second")
    first.exec("mv /var/cache/fleet/contexts /var/cache/fleet/kept; touch /var/cache/fleet/contexts")
    failed = project.fleet(*PROVISION)
    assert failed.code == 1, failed
    assert step(failed, first, "builds")["outcome"] == "failed", failed
    assert f"pi-b: builds {tag}" in failed.err, failed
    assert builds.build(second, tag) == builds.build(third, tag) != one == builds.build(first, tag)
    first.exec("rm /var/cache/fleet/contexts")
    mended = project.fleet(*PROVISION)
    assert [mended.changed(host.name) for host in hosts] == [["builds"], [], []], mended
    assert builds.build(first, tag) == builds.build(third, tag)


def test_a_registry_that_wants_a_login(converged: Callable[..., Host], project: Project) -> None:
    """What is built is pushed and joined by whom the step `login` has logged in, and pulled by another; again 0 changed."""
    first, second = hosts = [converged(name=name) for name in ("pi-a", "pi-b")]
    project.inventory(hosts)
    first.write("/root/htpasswd", f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    first.exec(REGISTRY.replace("registry:3", f"{WANTS_LOGIN} -v /root/htpasswd:/htpasswd registry:3"))
    place = f"{first.address}:5000"
    tag = f"{place}/shop/web:1"
    builds.write(project)
    login = {"registries": [{"registry": place, "user": USER, "password_from": "REGISTRY_TOKEN"}]}
    builds.recipe(project, tag=tag, where="fleet", push=True, beside={"daemon": {"insecure_registries": [place]}, "login": login})

    plan = project.fleet("plan", "pi-a", "--recipe", "shop", "--json")
    assert "REGISTRY_TOKEN" in blocked(plan, first)[0], plan
    done = project.fleet(*PROVISION, REGISTRY_TOKEN=PASSWORD)
    assert done.code == 0, done
    assert {tuple(done.changed(host.name)) for host in hosts} == {("daemon", "login", "builds")}, done
    assert builds.build(first, tag) == builds.build(second, tag)
    again = project.fleet(*PROVISION, REGISTRY_TOKEN=PASSWORD)
    assert (again.code, [again.changed(host.name) for host in hosts]) == (0, [[], []]), again
    second.exec(f"docker rmi {tag}")
    pulled = project.fleet("provision", "pi-b", "--recipe", "shop", "--json", REGISTRY_TOKEN=PASSWORD)
    assert step(pulled, second, "builds")["why"] == f"pull {tag}, which is built and pushed", pulled
    assert builds.build(first, tag) == builds.build(second, tag)
    assert not any(PASSWORD in str(said) for said in (plan, done, again, pulled))


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
