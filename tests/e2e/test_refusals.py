"""What can't or must not be done is refused in words, with a way out that works, before anything is changed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.lab.fixtures import MakeHost
from tests.lab.host import Host, Spec
from tests.lab.lab import Lab
from tests.support.ask import blocked, one_line
from tests.support.project import Project
from tests.support.untouched import untouched

pytestmark = [pytest.mark.lab, pytest.mark.slow]

REFUSED = {
    "unsupported": ("Fedora Linux 42 (Server Edition) is neither Debian, Ubuntu", "--exclude"),
    "ubuntu-oracular": ("no longer builds packages for Ubuntu 24.10 (oracular)", "Upgrade the host"),
    "ubuntu-future": ("does not publish packages for unborn", "Wait until Docker supports this release"),
}
"""By hand: the words that tell the reason, and those of the way out."""


def test_systems_that_docker_does_not_serve(lab: Lab, project: Project) -> None:
    """No relative of Debian, a dropped codename, a future one: plan and provision refuse and leave no trace."""
    hosts = lab.up_many({f"no-{identity}": Spec(identity) for identity in REFUSED})
    try:
        project.inventory(hosts.values())
        with ExitStack() as stack:
            for host in hosts.values():
                stack.enter_context(untouched(host))
            plan = project.fleet("plan", "--all", "--json")
            done = project.fleet("provision", "--all")
        for identity, (why, hint) in REFUSED.items():
            host = hosts[f"no-{identity}"]
            assert why in blocked(plan, host)[0]
            assert hint in blocked(plan, host)[1]
            assert why in one_line(done.out)
            assert hint in one_line(done.out)
        assert done.code == 1, done
        assert "3 blocked; 0 steps changed" in done.out
    finally:
        for host in hosts.values():
            host.destroy()


def test_debians_own_docker(fresh_host: MakeHost, project: Project) -> None:
    """docker.io is left alone until its removal is allowed; then its containers and volumes are still there."""
    host = fresh_host("debian-trixie")
    project.inventory([host])
    quiet = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends"
    host.exec(f"apt-get -qq update && {quiet} install docker.io docker-cli", timeout=300)
    host.exec("docker run -d --name kitchen -v pantry:/data busybox sh -c 'echo kept >/data/jar; sleep 1000'")

    with_docker_io = host.exec("dpkg-query -W").stdout
    why, hint = blocked(project.fleet("provision", "--all", "--json"), host)
    assert "docker.io" in why
    assert "--allow-removal" in hint
    assert host.exec("dpkg-query -W").stdout == with_docker_io
    assert host.exec("docker inspect -f '{{.State.Running}}' kitchen").stdout == "true\n", "its container runs on"

    done = project.fleet("provision", "--all", "--allow-removal", "--json")
    assert done.code == 0, done
    assert {"conflicts", "engine"} <= set(done.changed(host.name))
    assert host.exec("dpkg-query -W -f '${db:Status-Status}' docker.io", check=False).stdout != "installed"
    assert host.exec("docker start kitchen && docker exec kitchen cat /data/jar").stdout == "kitchen\nkept\n"
    assert project.fleet("provision", "--all", "--json").changed(host.name) == []


def test_a_source_of_somebody_else(fresh_host: MakeHost, project: Project) -> None:
    """An older docker.list blocks with a remedy that can be typed as it stands, and then it goes on."""
    host = fresh_host("ubuntu-noble")
    project.inventory([host])
    host.write(
        "/etc/apt/sources.list.d/docker.list",
        "deb [arch=amd64 signed-by=/usr/share/keyrings/docker.gpg] https://download.docker.com/linux/ubuntu noble stable\n",
    )
    with untouched(host):
        said = project.fleet("provision", "--all")
    assert said.code == 1, said
    assert "/etc/apt/sources.list.d/docker.list" in said.out

    remedy = re.search(r"(fleet run .* -- rm \S+)", one_line(said.out))
    assert remedy, said
    words = shlex.split(remedy[1])[1:]
    assert project.fleet(*words).code == 0, words
    plan = project.fleet("plan", "--all", "--json")
    assert plan.code == 0, plan


def test_another_key(fresh_host: MakeHost, project: Project) -> None:
    """A key other than the pinned one never reaches the host, and both fingerprints are named."""
    host = fresh_host()
    project.inventory([host])
    other = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
    with untouched(host):
        why, hint = blocked(project.fleet("provision", "--all", "--json", "-e", f"docker_key_fingerprint={other}"), host)
    assert other in why
    assert project.lab.box.key_fingerprint in why
    assert "between you and Docker" in hint


def test_a_version_that_does_not_exist(fresh_host: MakeHost, project: Project) -> None:
    """The refusal lists the versions that there are; key and source are not brought for nothing."""
    host = fresh_host()
    project.inventory([host])
    project.recipe("old", engine={"version": "19.3"})
    with untouched(host):
        why, hint = blocked(project.fleet("provision", "--all", "--json", "--recipe", "old"), host)
    assert re.search(r"no docker-ce 19\.3 .*; there are \d+\.\d+\.\d+, 26\.1\.5", why), why
    assert 'Set engine: {version: "' in hint


SLOW_PACKAGE = r"""
set -eu
mkdir -p /root/slow/DEBIAN; cd /root
cat > slow/DEBIAN/control <<END
Package: slow
Version: 1
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: takes its time
END
printf '#!/bin/sh\n[ -e /root/again ] || { touch /root/again; sleep 1000; }\n' > slow/DEBIAN/postinst
chmod 755 slow/DEBIAN/postinst
dpkg-deb --build slow >/dev/null
setsid dpkg -i slow.deb >/dev/null 2>&1 & pid=$!
while [ ! -e again ]; do sleep 0.1; done
kill -KILL -$pid
"""
"""dpkg is killed while it configures a package, as by a power cut; the second time it would succeed."""


def test_an_interrupted_dpkg_is_healed(converged: Callable[..., Host], project: Project) -> None:
    """What dpkg left half-configured is finished by the step apt, and nothing else is changed."""
    host = converged()
    project.inventory([host])
    host.exec(SLOW_PACKAGE)
    assert "slow" in host.exec("dpkg --audit").stdout
    done = project.fleet("provision", "--all", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["apt"]
    assert host.exec("dpkg --audit; dpkg-query -W -f '${db:Status-Status}' slow").stdout == "installed"
