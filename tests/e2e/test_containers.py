"""Docker over the fleet: `fleet ps`, `logs`, `exec`, `top`, `docker` and `context` on two real hosts that run containers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import laptop, users
from tests.lab.host import Host
from tests.support.project import Project, interrupt

pytestmark = [pytest.mark.lab, pytest.mark.slow]

COMPOSE = """\
name: shop
services:
  web:
    image: busybox
    command: [sh, -c, "i=0; while :; do i=$$((i+1)); echo line $$i of $$HOSTNAME; sleep 0.5; done"]
    healthcheck: {test: [CMD, "true"], interval: 1s}
    stop_grace_period: 0s
    hostname: HOST
    ports: ["8080:80"]
  quiet:
    image: busybox
    command: [sh, -c, "echo once >&2; exec sleep 100000"]
    stop_grace_period: 0s
"""
LEFT = "pgrep -fa '^docker (logs|exec|events|stats)'"


def _runs(host: Host) -> None:
    host.write("/root/compose.yml", COMPOSE.replace("HOST", host.name))
    host.exec("docker compose -f /root/compose.yml up -d --wait --quiet-pull")
    host.exec("docker run -d --name lone busybox sleep 100000")


@pytest.fixture
def pair(converged: Callable[..., Host], project: Project) -> tuple[Host, Host]:
    """Two hosts with a Compose project and another container each."""
    hosts = converged(name="pi-a"), converged(name="pi-b")
    for host in hosts:
        _runs(host)
    project.inventory(hosts)
    return hosts


def test_docker_over_the_fleet(pair: tuple[Host, Host], project: Project) -> None:
    """One after the other on the same hosts, since these take longer to make than to ask."""
    _what_runs(project)
    _logs_in_the_order_of_time(project)
    _inside(project)
    _any_command(project)
    _usage(project)
    _who_may_not(project, pair[0])
    for words, silent in ((("logs", "-f", "--all", "-s", "quiet"), False), (("docker", "--all", "--", "events"), True)):
        for ending in (interrupt, _kill):
            _ended_over_there(project, pair, words, ending, silent=silent)
    _contexts(project, pair)


def _what_runs(project: Project) -> None:
    """A table of all hosts; what is stopped only when asked for; the same as JSON."""
    said = project.fleet("ps", "--all")
    assert said.code == 0, said
    assert "first time" in said.err  # the host keys, and nothing else
    assert len(said.err.splitlines()) == 2, said
    rows = [re.split(r"\s{2,}", line) for line in said.out.splitlines()]
    assert rows[0] == ["HOST", "PROJECT", "SERVICE", "STATE", "IMAGE", "PORTS"]
    assert [row[:3] for row in rows[1:4]] == [["pi-a", "shop", "quiet"], ["pi-a", "shop", "web"], ["pi-a", "-", "lone"]], said
    assert re.fullmatch(r"up \d+[sm], healthy", rows[2][3]), said
    assert rows[2][5] == "8080->80"

    project.fleet("docker", "pi-b", "--", "stop", "-t", "0", "lone")
    assert "lone" not in project.fleet("ps", "pi-b").out
    stopped = project.fleet("ps", "pi-b", "--stopped", "-s", "lone", "--json")
    (container,) = stopped.hosts()["pi-b"]["containers"]
    assert (container["name"], container["state"], container["code"]) == ("lone", "exited", 137), stopped
    nothing = project.fleet("ps", "--all", "-s", "nope")
    assert (nothing.code, nothing.out) == (0, ""), nothing


def _logs_in_the_order_of_time(project: Project) -> None:
    """Lines of both hosts in the order of their times; what no host has is an error, what one lacks is not."""
    said = project.fleet("logs", "--all", "-t", "-n", "5")
    assert said.code == 0, said
    lines = [re.fullmatch(r"(pi-[ab])/(\w+) +\| (20\S+Z) (.*)", line) for line in said.out.splitlines()]
    assert all(lines), said
    times = [line[3] for line in lines if line]
    assert times == sorted(times)
    assert {line[1] for line in lines if line and line[4].startswith("line ")} == {"pi-a", "pi-b"}
    assert sum(line[4] == "once" for line in lines if line) == 2, said

    assert len(project.fleet("logs", "pi-a", "-s", "web", "-n", "2").out.splitlines()) == 2
    assert project.fleet("logs", "pi-a", "-s", "web", "--since", "0s").out.count("\n") <= 2
    some = project.fleet("logs", "--all", "-s", "lone")
    assert some.code == 0, some
    missing = project.fleet("logs", "--all", "-s", "wbe")
    assert missing.code == 1, missing
    assert "did you mean 'web'?" in missing.err
    assert "hint: On pi-a there run: lone, quiet, web." in missing.err


def _inside(project: Project) -> None:
    """In the service's container, word by word, or as a line for its shell; the exit code is the command's."""
    said = project.fleet("exec", "--all", "web", "--", "echo", "a  b", "$HOME")
    assert sorted(said.out.splitlines()) == ["pi-a | a  b $HOME", "pi-b | a  b $HOME"], said
    assert project.fleet("exec", "pi-a", "shop/web", "--as", "65534", "--", "id -u; echo $HOSTNAME").out == "65534\npi-a\n"
    failed = project.fleet("exec", "--all", "web", "--json", "--", 'test "$HOSTNAME" = pi-a')
    assert failed.code == 1, failed
    assert {name: host["result"] for name, host in failed.hosts().items()} == {"pi-a": "ok", "pi-b": "failed"}
    stopped = project.fleet("exec", "pi-b", "lone", "--", "true")
    assert stopped.code == 1, stopped
    assert "there is no container or service 'lone'" in stopped.err
    assert "On pi-b there run: quiet, web." in stopped.err


def _any_command(project: Project) -> None:
    """Any docker command; equal answers once with --merge; exit codes combined as in `fleet run`."""
    said = project.fleet("docker", "--all", "--", "image", "ls", "--format", "{{.Repository}}")
    assert sorted(said.out.splitlines()) == ["pi-a | busybox", "pi-b | busybox"], said
    merged = project.fleet("docker", "--all", "--merge", "--", "image", "ls", "--format", "{{.Repository}}")
    assert merged.out == "pi-a, pi-b:\n  busybox\n", merged
    apart = project.fleet("docker", "--all", "--merge", "--", "inspect", "-f", "{{.State.Status}}", "lone")
    assert apart.out == "pi-a:\n  running\npi-b:\n  exited\n", apart
    failed = project.fleet("docker", "--all", "--", "exec", "lone", "true")
    assert failed.code == 1, failed
    assert "1 ok, 1 failed" in failed.err


def _usage(project: Project) -> None:
    """One look when stdout is no terminal, the busiest first; the same as JSON with plain numbers."""
    said = project.fleet("top", "--all")
    assert said.code == 0, said
    rows = said.out.splitlines()
    assert rows[0].split()[:3] == ["HOST", "CONTAINER", "CPU"]
    assert {tuple(row.split()[:2]) for row in rows[1:]} >= {("pi-a", "shop-web-1"), ("pi-b", "shop-quiet-1")}, said
    usage = project.fleet("top", "pi-a", "--json").hosts()["pi-a"]["usage"]
    (lone,) = [each for each in usage if each["name"] == "lone"]
    assert lone["memory"] > 0
    assert lone["processes"] == 1


def _who_may_not(project: Project, pi: Host) -> None:
    """A user outside the group goes by sudo, with its password; without rights it is said what to do."""
    entries = {"carol": {"user": "carol"}, "nosudo": {"user": "nosudo"}}
    host = project.entry(pi)
    other = project.folder / "inventory" / "others.yml"
    other.write_text(json.dumps({"hosts": {name: host | entry for name, entry in entries.items()}}))
    asked = ("-i", str(other), "--", "version", "--format", "{{.Server.Os}}")
    password = users.user("carol").password or ""
    assert project.fleet("docker", "carol", *asked, FLEET_SUDO_PASSWORD=password).out == "linux\n"
    followed = project.fleet("logs", "carol", "-i", str(other), "-s", "quiet", FLEET_SUDO_PASSWORD=password)
    assert followed.out == "quiet | once\n", followed
    refused = project.fleet("docker", "nosudo", *asked)
    assert refused.code == 1, refused
    assert "may not use Docker" in refused.err
    assert "Traceback" not in refused.err


def _kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _ended_over_there(
    project: Project,
    pair: tuple[Host, Host],
    words: tuple[str, ...],
    end: Callable[[subprocess.Popen[str]], None],
    *,
    silent: bool,
) -> None:
    """However `fleet` ends, its docker commands on the hosts end too, even those that print nothing."""
    process = project.start(*words)
    _until(lambda: all(host.exec(LEFT, check=False).stdout for host in pair))
    if not silent:
        assert process.stdout
        assert sorted(process.stdout.readline() for _ in pair) == ["pi-a/quiet | once\n", "pi-b/quiet | once\n"]
    end(process)
    _, err = process.communicate(timeout=20)
    _until(lambda: not any(host.exec(LEFT, check=False).stdout for host in pair))
    if end is interrupt:
        assert process.returncode == 130
        assert "Traceback" not in err
        assert silent or err == ""


def _until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.2)


# ── contexts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _contexts(project: Project, pair: tuple[Host, Host]) -> None:
    """The stock docker command speaks with each host by its context; written once; taken out without a trace."""
    home = project.folder / "home"
    ssh_config = home / ".ssh" / "config"
    ssh_config.parent.mkdir(mode=0o700, exist_ok=True)
    ssh_config.write_text("Host other\n  User me\n")
    docker = _docker_command(project, pair[0])
    own = docker("context", "create", "mine", "--docker", "host=ssh://me@elsewhere")
    assert own.returncode == 0, own

    first = project.fleet("context", "--all", "--json")
    assert {each["outcome"] for each in first.json["contexts"]} == {"written"}, first
    before = _files(home)
    assert {each["outcome"] for each in project.fleet("context", "--all", "--json").json["contexts"]} == {"ok"}
    assert _files(home) == before
    for host in pair:
        said = docker("--context", host.name, "ps", "--format", "{{.Names}}")
        assert "shop-web-1" in said.stdout.split(), said
        assert docker("--context", host.name, "info", "--format", "{{.Name}}").stdout.strip() == host.name
    assert "pi-a, by fleet" in docker("context", "ls").stdout

    docker("context", "use", "pi-a")
    in_use = project.fleet("context", "--all", "--remove")
    assert in_use.code == 2, in_use
    assert "docker context use default" in in_use.err
    docker("context", "use", "default")
    taken = project.fleet("context", "pi-a", "--prefix", "", "--remove")
    assert taken.code == 0, taken
    assert docker("--context", "pi-b", "version").returncode == 0
    assert project.fleet("context", "--all", "--remove").code == 0
    assert ssh_config.read_text() == "Host other\n  User me\n"
    assert sorted(path.name for path in ssh_config.parent.iterdir()) == ["config"]
    assert docker("context", "ls", "-q").stdout.split() == ["default", "mine"]

    project.write_inventory({"mine": project.entry(pair[0])})
    foreign = project.fleet("context", "mine")
    assert foreign.code == 2, foreign
    assert "which fleet has not made" in foreign.err
    assert "ssh://me@elsewhere" in docker("context", "inspect", "mine").stdout


def _docker_command(project: Project, host: Host) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The stock docker command as the laptop's. `ssh` takes a user's home from the system, not from $HOME: hence the -F."""
    folder = project.folder / "bin"
    folder.mkdir()
    shutil.copy(host.root / "usr/bin/docker", folder / "docker")
    ssh = folder / "ssh"
    ssh.write_text('#!/bin/sh\nexec /usr/bin/ssh -F "$HOME/.ssh/config" "$@"\n')
    ssh.chmod(0o755)
    environment = project.environment(PATH=f"{folder}:{os.environ['PATH']}")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(folder / "docker"), *words]
        return laptop.run(command, box=project.lab.box, env=environment, capture_output=True, text=True, timeout=60)

    return run


def _files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}
