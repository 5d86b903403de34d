"""The Compose plugin, from Docker's package and from a release: for everybody, for one user, and never a wrong one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tests.lab.box.programs import programs
from tests.lab.box.releases import WRONG
from tests.lab.host import Host
from tests.support.ask import blocked, one_line, step
from tests.support.project import Project
from tests.support.untouched import touched

pytestmark = [pytest.mark.lab, pytest.mark.slow]

FOR_ALL = "/usr/local/lib/docker/cli-plugins/docker-compose"
FOR_CAROL = "/home/carol/.docker/cli-plugins/docker-compose"
PACKAGED = "/usr/libexec/docker/cli-plugins/docker-compose"
"""docs.docker.com/compose/install/linux: where a binary goes for everybody, for one user, and the package's."""


def version(engine: str) -> str:
    """Compose's version that came with the "older" or "newer" engine of the box."""
    return programs("amd64").versions(engine)["docker-compose"]


def sha256(engine: str) -> str:
    """The checksum of the program that the box serves."""
    path = programs("amd64").compose(engine)
    assert path
    return hashlib.sha256(path.read_bytes()).hexdigest()


def runs(host: Host, user: str) -> str:
    """What `docker compose version --short` says to a user."""
    return host.ssh("docker compose version --short", user=user).stdout.partition("-")[0].strip()


def test_the_release_binary(converged: Callable[..., Host], project: Project) -> None:
    """One asset, this machine's, checked, brought by the laptop: an older one for everybody, a newer one for carol."""
    host = converged()
    project.inventory([host])
    project.recipe("all", compose={"source": "release", "version": version("older")})
    project.recipe("carol", compose={"source": "release", "user": "carol"})

    before = len(project.lab.box.requests("github.com"))
    done = project.fleet("provision", "--all", "--recipe", "all", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["compose"]
    assert host.exec(f"stat -c '%a %U:%G' {FOR_ALL}").stdout == "755 root:root\n"
    assert host.exec(["sha256sum", FOR_ALL]).stdout.startswith(sha256("older"))
    assert runs(host, "pi") == runs(host, "carol") == version("older")
    asked = [line for line in project.lab.box.requests("github.com")[before:] if "docker-compose-" in line]
    assert len(asked) == 1, asked
    assert "docker-compose-linux-x86_64 " in asked[0]
    assert project.fleet("provision", "--all", "--recipe", "all", "--json").changed(host.name) == []

    done = project.fleet("provision", "--all", "--recipe", "carol", "--json")
    assert done.code == 0, done
    owners = host.exec(f"stat -c '%a %U:%G' {FOR_CAROL} /home/carol/.docker/cli-plugins /home/carol/.docker").stdout
    assert owners.splitlines() == ["755 carol:carol"] * 3, owners
    assert host.exec(["sha256sum", FOR_CAROL]).stdout.startswith(sha256("newer")), "no version means the latest"
    assert (runs(host, "carol"), runs(host, "pi")) == (version("newer"), version("older"))
    assert project.fleet("provision", "--all", "--recipe", "carol", "--json").changed(host.name) == []


def test_a_wrong_checksum(converged: Callable[..., Host], project: Project) -> None:
    """A program that is not the one its release promises never reaches the host."""
    host = converged()
    project.inventory([host])
    project.recipe("wrong", compose={"source": "release", "version": WRONG})
    before = host.snapshot()
    done = project.fleet("provision", "--all", "--recipe", "wrong", "--json")
    assert done.code == 1, done
    assert "is not what it should be" in step(done, host, "compose")["why"], done
    assert step(done, host, "compose")["hint"]
    assert [path for path in touched(host, before) if "compose" in path or "/tmp/" in path] == []
    assert runs(host, "pi") == version("newer"), "what was there still is"


def test_a_copy_that_hides_it(converged: Callable[..., Host], project: Project) -> None:
    """An old copy in a home folder is named in the plan and in the summary, and left alone."""
    host = converged()
    project.inventory([host])
    stale = "/home/pi/.docker/cli-plugins/docker-compose"
    host.exec(f"install -d -o pi -g pi /home/pi/.docker /home/pi/.docker/cli-plugins; cp {PACKAGED} {stale}; chown pi {stale}")
    host.exec(f"sed -i s/{version('newer')}/9.9.9/g {stale}; true")
    for verb in ("plan", "provision"):
        said = project.fleet(verb, "--all")
        assert said.code == 0, said
        text = one_line(said.out)
        assert f"{stale} (" in text, said
        assert f"hides {PACKAGED}" in text, said
    assert host.exec(f"test -x {stale}", check=False).returncode == 0


def test_the_package_in_a_wanted_version(converged: Callable[..., Host], project: Project) -> None:
    """Whole components choose among the packages; a version that is not there is refused with those that are."""
    host = converged()
    project.inventory([host])
    project.recipe("old", compose={"version": ".".join(version("older").split(".")[:2])})
    project.recipe("none", compose={"version": "1.2"})
    project.recipe("no-release", compose={"source": "release", "version": "1.2.3"})

    why, hint = blocked(project.fleet("provision", "--all", "--recipe", "none", "--json"), host)
    assert f"no docker-compose-plugin 1.2 in Docker's repository for this host; there are {version('newer')}" in why
    assert "compose: {version: …}" in hint
    why, hint = blocked(project.fleet("provision", "--all", "--recipe", "no-release", "--json"), host)
    assert "there is no Compose release 1.2.3" in why
    assert "leave it out for the latest" in hint

    done = project.fleet("provision", "--all", "--recipe", "old", "--json")
    assert done.code == 0, done
    assert runs(host, "pi") == version("older")
