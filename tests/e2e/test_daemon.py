"""The daemon's settings and the journal's limits on real hosts: merged, in force, and taken back when Docker can't start."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.support.ask import step
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

FILE = "/etc/docker/daemon.json"
LOCAL = {"log_driver": "local", "log_opts": {"max-size": "10m", "max-file": 3}}
MIRROR = "http://192.0.2.9:5000"


def starts(host: Host, container: str) -> str:
    """When the container was started, and whether it runs."""
    return host.exec(["docker", "inspect", "-f", "{{.State.StartedAt}} {{.State.Running}}", container]).stdout


def says(host: Host, template: str) -> str:
    """What the running daemon says of itself."""
    return host.exec(["docker", "info", "-f", template]).stdout.strip()


def provision(project: Project, host: Host, *words: str, **daemon: Any) -> Any:
    """Provision with these settings: code, changed steps, and the step `daemon` of the report."""
    project.recipe("set", daemon=daemon, journal={"system_max_use": "64M"})
    said = project.fleet("provision", "--all", "--recipe", "set", "--json", *words)
    return said.code, said.changed(host.name), step(said, host, "daemon")


def test_a_bare_host(fresh_host: MakeHost, project: Project) -> None:
    """One run: one restart beside the package's own start; a file from before is merged; the next run changes nothing."""
    host = fresh_host(files={"etc/docker/daemon.json": '{"max-concurrent-downloads": 2}'})
    project.inventory([host])
    code, changed, said = provision(project, host, **LOCAL)
    assert code == 0, said
    assert changed == ["journal", "keyring", "source", "engine", "daemon", "group", "compose"]
    assert json.loads(host.read(FILE)) == {
        "max-concurrent-downloads": 2,
        "log-driver": "local",
        "log-opts": {"max-size": "10m", "max-file": "3"},
    }
    assert says(host, "{{.LoggingDriver}}") == "local"
    assert host.exec("journalctl -q -o cat _PID=1 -u docker.service | grep -c ^Started").stdout == "2\n"
    assert provision(project, host, **LOCAL)[:2] == (0, [])
    assert project.fleet("verify", "--all", "--recipe", "set").code == 0


def test_containers_go_on(converged: Callable[..., Host], project: Project) -> None:
    """Blocked while a restart would stop one; with live-restore in the same change it goes on; what fails is taken back."""
    host = converged()
    project.inventory([host])
    host.exec("docker run -d --name kept busybox sleep 100000")
    before = starts(host, "kept")

    code, changed, said = provision(project, host, **LOCAL)
    assert (code, changed, said["outcome"]) == (1, ["journal"], "blocked"), said
    assert "stops 1 running container" in said["why"]
    assert host.exec(["test", "-e", FILE], check=False).returncode == 1

    settings = {**LOCAL, "live_restore": True, "registry_mirrors": [MIRROR], "insecure_registries": ["192.0.2.9:5000"]}
    code, changed, said = provision(project, host, **settings)
    assert (code, changed) == (0, ["daemon"]), said
    assert "keep the log settings" in said["warnings"][0]
    assert says(host, "{{.LoggingDriver}} {{.LiveRestoreEnabled}} {{.RegistryConfig.Mirrors}}") == f"local true [{MIRROR}/]"
    assert provision(project, host, **settings)[:2] == (0, []), "a second run changes nothing"

    good = host.read(FILE)
    reloaded = {**settings, "config": {"max-concurrent-downloads": 2}}
    assert provision(project, host, **reloaded)[:2] == (0, ["daemon"])
    assert provision(project, host, **reloaded)[:2] == (0, [])
    host.write(FILE, good)  # by hand: the file is right for the first recipe, though not read since
    assert provision(project, host, **settings)[:2] == (0, ["daemon"]), "a file that was not read since it was changed"

    code, changed, said = provision(project, host, "--allow-restart", **settings, config={"storage-driver": "nosuch"})
    assert (code, changed, said["outcome"]) == (1, [], "failed"), said
    assert "so the old one is back" in said["why"]
    assert "driver not supported: nosuch" in said["why"]
    code, _, said = provision(project, host, "--allow-restart", **settings, config={"nosuch": 1})
    assert "nosuch" in said["why"], said
    assert "the file on the host is as it was" in said["hint"]
    assert (host.read(FILE), starts(host, "kept")) == (good, before), "the container has gone on through all of it"
    assert [name for name in host.exec("ls -A /etc/docker").stdout.split() if name.startswith(".fleet")] == []

    host.write(FILE, good.replace('"local",', '"local"'))
    code, _, said = provision(project, host, **settings)
    assert (code, said["outcome"]) == (1, "blocked")
    assert "line 3, column 3" in said["why"], said


def test_a_flag_of_the_unit(converged: Callable[..., Host], project: Project) -> None:
    """A key that a drop-in of docker.service sets is blocked with the flag: dockerd would not start with both."""
    host = converged()
    project.inventory([host])
    line = "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock --log-driver=journald"
    host.write("/etc/systemd/system/docker.service.d/own.conf", f"[Service]\nExecStart=\nExecStart={line}\n")
    host.exec("systemctl daemon-reload; systemctl restart docker.service")
    code, _, said = provision(project, host, **LOCAL)
    assert (code, said["outcome"]) == (1, "blocked"), said
    assert "log-driver (--log-driver=journald)" in said["why"]
    assert provision(project, host, live_restore=True)[:2] == (0, ["daemon"])


def test_limits_are_real(converged: Callable[..., Host], project: Project) -> None:
    """Limits that the kernel keeps are no finding; one that was taken away behind Docker's back is, and the remedy mends it."""
    host = converged()
    project.inventory([host])
    made = host.exec("docker run -d --name kept -m 64m --cpus 0.5 --pids-limit 40 busybox sleep 100000").stdout.strip()

    def found() -> list[dict[str, Any]]:
        said = project.fleet("doctor", "--all", "--json")
        return [f for f in said.hosts()[host.name]["findings"] if f["check"] == "limits"]

    assert found() == []
    (limit,) = host.exec(f"find /sys/fs/cgroup/ -name pids.max -path '*{made}*' | sort | tail -n 1").stdout.split()
    host.exec(f"echo max > {limit}")
    (finding,) = found()
    assert finding["evidence"] == "kept: pids: 40 wanted, none in force"
    remedy = next(line for line in finding["remedy"].splitlines() if line.startswith("fleet run "))
    assert project.fleet(*shlex.split(remedy)[1:]).code == 0
    assert found() == []
