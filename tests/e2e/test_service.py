"""The units: started and enabled, left alone when masked, and a daemon that can't start is told with its own words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.host import Host
from tests.support.ask import one_line, step
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def states(host: Host) -> str:
    """Whether docker.service runs, and whether it will after a boot."""
    return host.exec("systemctl is-active docker.service; systemctl is-enabled docker.service", check=False).stdout


def test_stopped_and_disabled(converged: Callable[..., Host], project: Project) -> None:
    """Both units are started and enabled, and nothing else is changed."""
    host = converged()
    project.inventory([host])
    host.exec("systemctl disable --now docker.service docker.socket containerd.service")
    done = project.fleet("provision", "--all", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["service"]
    assert states(host) == "active\nenabled\n"
    assert host.exec("systemctl is-enabled containerd.service").stdout == "enabled\n"


def test_masked(converged: Callable[..., Host], project: Project) -> None:
    """Somebody meant that: blocked, with a remedy that works when it is typed."""
    host = converged()
    project.inventory([host])
    host.exec("systemctl mask --now docker.service docker.socket")
    said = project.fleet("provision", "--all")
    assert said.code == 1, said
    assert states(host) == "inactive\nmasked\n"
    remedy = re.search(r"(fleet run .* -- systemctl unmask( docker\.\w+)+)", one_line(said.out))
    assert remedy, said
    assert project.fleet(*shlex.split(remedy[1])[1:]).code == 0
    assert project.fleet("provision", "--all", "--json").changed(host.name) == ["service"]
    assert states(host) == "active\nenabled\n"


def test_a_daemon_that_does_not_start(converged: Callable[..., Host], project: Project) -> None:
    """A broken daemon.json: failed, dockerd's own words in reason and log, a hint; and mended, it starts at once."""
    host = converged()
    project.inventory([host])
    host.write("/etc/docker/daemon.json", '{"log-driver": "json-file",}\n')
    host.exec("systemctl restart docker.service", check=False)
    host.exec("for try in 1 2 3 4; do systemctl start docker.service; done", check=False)

    done = project.fleet("provision", "--all", "--json")
    assert done.code == 1, done
    failed = step(done, host, "service")
    assert failed["outcome"] == "failed"
    assert "daemon.json" in failed["why"], failed
    assert "daemon.json" in failed["hint"], failed
    assert "unable to configure the Docker daemon" in Path(done.hosts()[host.name]["log"]).read_text()

    host.exec("rm /etc/docker/daemon.json")
    done = project.fleet("provision", "--all", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["service"], "three failed starts don't stand in the way"
