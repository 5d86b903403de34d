"""A wanted version of the engine is installed, kept, changed and let go."""

from __future__ import annotations

import pytest

from tests.lab.box.programs import programs
from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.support.ask import blocked
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

PIN = "/etc/apt/preferences.d/fleet-docker.pref"


def upstream(engine: str) -> str:
    """The version of the box's "older" or "newer" engine."""
    return programs("amd64").versions(engine)["docker.io"]


def minor(version: str) -> str:
    """Its first two components."""
    return ".".join(version.split(".")[:2])


def installed(host: Host) -> str:
    """The version of docker-ce, without the epoch and Debian's suffix."""
    return host.exec("dpkg-query -W -f '${Version}' docker-ce").stdout.removeprefix("5:").partition("-")[0]


def test_from_the_older_engine_to_the_newer_and_back(fresh_host: MakeHost, project: Project) -> None:
    """The older one stays through `apt-get dist-upgrade`; moving stops containers only when that is allowed."""
    old, new = upstream("older"), upstream("newer")
    host = fresh_host("debian-bookworm")
    project.inventory([host])
    project.recipe("old", engine={"version": minor(old)})
    project.recipe("new", engine={"version": minor(new)})

    done = project.fleet("provision", "--all", "--recipe", "old", "--json")
    assert done.code == 0, done
    assert installed(host) == old
    assert any(old in line for line in done.hosts()[host.name]["proven"]), "the proof saw the older one run"
    host.exec("DEBIAN_FRONTEND=noninteractive apt-get -qq -y dist-upgrade", timeout=300)
    assert installed(host) == old, "an upgrade leaves it"
    assert project.fleet("provision", "--all", "--recipe", "old", "--json").changed(host.name) == []

    host.exec("docker run -d --name kitchen --restart unless-stopped busybox sleep 1000")
    why, hint = blocked(project.fleet("provision", "--all", "--recipe", "new", "--json"), host)
    assert f"going from {old} to {new} restarts Docker and stops 1 running container" in why
    assert "--allow-restart" in hint
    assert installed(host) == old
    done = project.fleet("provision", "--all", "--recipe", "new", "--allow-restart", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["engine"]
    assert installed(host) == new
    assert host.exec("docker inspect -f '{{.State.Running}}' kitchen").stdout == "true\n", "its policy brought it back"

    host.exec("docker rm -f kitchen")
    done = project.fleet("provision", "--all", "--recipe", "old", "--json")
    assert done.code == 0, done
    assert installed(host) == old, "down again"


def test_whole_components_and_the_pin(converged: MakeHost, project: Project) -> None:
    """28.5 is 28.5.2 and never 28.50; a version that is there already is only pinned, and one left out is let go."""
    host = converged()
    project.inventory([host])
    new = installed(host)
    project.recipe("near", engine={"version": f"{minor(new)}0"})
    project.recipe("major", engine={"version": new.split(".")[0]})

    why, _ = blocked(project.fleet("plan", "--all", "--recipe", "near", "--json"), host)
    assert f"no docker-ce {minor(new)}0 " in why
    assert new in why

    done = project.fleet("provision", "--all", "--recipe", "major", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["engine"]
    assert installed(host) == new
    assert f"Pin: version 5:{new.split('.')[0]}.*" in host.read(PIN)

    done = project.fleet("provision", "--all")
    assert done.code == 0, done
    assert "let docker-ce move again" in done.out + done.err
    assert host.exec(f"test -e {PIN}", check=False).returncode == 1
    assert project.fleet("provision", "--all", "--json").changed(host.name) == []
