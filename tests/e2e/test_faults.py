"""What goes wrong in the middle of the work, done on purpose to real hosts: each ends in words, and the next run heals it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.lab.faults import DPKG_LOCK, LISTS_LOCK
from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.lab.machine import wait_until
from tests.support.project import Project, interrupt

pytestmark = [pytest.mark.lab, pytest.mark.slow]

STARTED = "/run/lab-dpkg-started"
SLOW = {
    "/usr/local/sbin/lab-slow-dpkg": f"#!/bin/sh\necho >> {STARTED}\nsleep 4\n",
    "/etc/dpkg/dpkg.cfg.d/lab-slow": "pre-invoke=/usr/local/sbin/lab-slow-dpkg\n",
}
"""Makes every run of dpkg take long enough to be caught in the middle."""


@pytest.fixture
def unfinished(converged: Callable[..., Host], project: Project) -> Host:
    """A converged host of which two packages were taken away again: two steps have to use apt, and are soon done."""
    host = converged()
    host.exec("dpkg --force-depends -P docker-buildx-plugin docker-compose-plugin")
    project.inventory([host])
    return host


@contextmanager
def _caught_unpacked(host: Host, project: Project) -> Iterator[subprocess.Popen[str]]:
    """`fleet provision` at the moment at which packages are unpacked and not configured: the worst for a cut."""
    for path, text in SLOW.items():
        host.write(path, text, 0o755)
    process = project.start("provision", "--all", "--no-color")
    try:
        lines = f"wc -l < {STARTED} || echo 0"
        assert wait_until(lambda: int(host.exec(lines).stdout or 0) >= 2, 60, 0.2), "dpkg was not run twice"
        host.exec(["rm", *SLOW])
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _heals(project: Project, host: Host) -> None:
    """The next run does what is left, and the one after it nothing."""
    healed = project.fleet("provision", "--all", "--json")
    assert healed.code == 0, healed
    assert project.fleet("plan", "--all", "--check").code == 0
    assert host.exec("dpkg --audit").stdout == ""
    assert _leftovers(host) == ""


def _leftovers(host: Host) -> str:
    """Half-written files of ours."""
    return host.exec(r"find / -xdev \( -name '.fleet.*' -o -path '/tmp/fleet.*' \) -not -path '/proc/*'").stdout


# ── locks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("lock", "seconds"), [(DPKG_LOCK, 20), (LISTS_LOCK, 6)], ids=["dpkg", "lists"])
def test_a_lock_is_waited_for(lock: str, seconds: int, unfinished: Host, project: Project) -> None:
    """While another program holds one of apt's locks, it is said which, and the work is done when it lets go."""
    with unfinished.faults.hold_lock(seconds, lock) as holder:
        process = project.start("provision", "--all", "--no-color")
        assert wait_until(lambda: holder.poll() is not None, seconds + 5)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "(unattended-upgr) holds apt's lock" in err, err
    assert "engine: changed" in err
    assert project.fleet("plan", "--all", "--check").code == 0


# ── cuts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_that_is_cut(unfinished: Host, project: Project) -> None:
    """The step fails with a hint, the host is not unreachable, and the next run heals what was left half-way."""
    with _caught_unpacked(unfinished, project) as process:
        unfinished.exec("pkill -KILL -f '^sshd.*: pi'")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    assert "engine: connection lost (install docker-buildx-plugin" in " ".join(out.split()), out + err
    assert "hint: When the host is up, run the same command again" in out
    assert "not done: compose" in out
    _heals(project, unfinished)


def test_a_power_cut(unfinished: Host, project: Project) -> None:
    """A host that loses its power in mid-install is healed by the next run, which says so."""
    with _caught_unpacked(unfinished, project) as process:
        unfinished.faults.pull_plug()
        unfinished.start()
        out, err = process.communicate(timeout=90)
    assert process.returncode == 1, out + err
    assert "engine: connection lost (install docker-buildx-plugin" in " ".join(out.split()), out + err
    unfinished.exec("systemctl is-system-running --wait", check=False)
    plan = project.fleet("plan", "--all")
    assert "dpkg was interrupted" in plan.out, plan
    _heals(project, unfinished)


# ── Ctrl-C ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ctrl_c(unfinished: Host, project: Project) -> None:
    """The running action is finished, nothing new begun, the report printed; the exit code is 130."""
    with _caught_unpacked(unfinished, project) as process:
        interrupt(process)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert f"finishing the running actions on {unfinished.name}" in err, err
    assert "Traceback" not in err
    assert "interrupted: stopped by Ctrl-C" in out, out
    assert "not done: compose" in out
    assert "1 step changed; interrupted." in out.splitlines()[-1]
    assert unfinished.exec("dpkg --audit").stdout == "", "apt was not cut off"
    assert _leftovers(unfinished) == ""
    _heals(project, unfinished)


def test_ctrl_c_twice(unfinished: Host, project: Project) -> None:
    """At the second Ctrl-C nothing is waited for, and the report is printed all the same."""
    with _caught_unpacked(unfinished, project) as process:
        interrupt(process)
        time.sleep(1)
        interrupt(process)
        started = time.monotonic()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert time.monotonic() - started < 3, "nothing is waited for"
    assert "Traceback" not in err, err
    assert f"{unfinished.name}: failed (interrupted)" in out, out
    assert "abandoned by the second Ctrl-C" in out, out
    assert "interrupted." in out.splitlines()[-1]
    _heals(project, unfinished)


# ── hosts that hang ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hung_host_holds_nobody_up(converged: Callable[..., Host], fresh_host: MakeHost, project: Project) -> None:
    """Of eight hosts one accepts connections and says nothing: the others are finished and reported long before it."""
    good, hung = converged(), fresh_host()
    names = {f"pi-{number}": project.entry(good) for number in range(1, 8)}
    project.write_inventory({"pi-0": project.entry(hung), **names})
    hung.faults.hang()
    try:
        said = project.fleet("provision", "--all", "--json")
    finally:
        hung.faults.resume()
    assert said.code == 4, said
    hosts = said.hosts()
    assert hosts["pi-0"]["result"] == "unreachable"
    assert "did not answer" in hosts["pi-0"]["failure"]["why"], said
    assert {hosts[name]["result"] for name in names} == {"ok"}
    assert max(hosts[name]["seconds"] for name in names) < hosts["pi-0"]["seconds"] / 2, said
    finished = [line.partition(":")[0] for line in said.err.splitlines() if ": ok in" in line or ": unreachable" in line]
    assert finished[-1] == "pi-0", said


# ── places that are full or gone ─────────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk(unfinished: Host, project: Project) -> None:
    """No space left: the step fails with apt's own words and with what makes room."""
    unfinished.faults.fill("/var")
    try:
        said = project.fleet("provision", "--all")
    finally:
        unfinished.faults.unfill("/var")
    assert said.code == 1, said
    assert "space" in said.out, said
    assert "apt-get clean" in said.out, said
    _heals(project, unfinished)


def test_a_bare_host_with_a_full_disk(fresh_host: MakeHost, project: Project) -> None:
    """Where Docker would not fit, it is refused before anything is changed."""
    host = fresh_host()
    project.inventory([host])
    host.faults.fill("/var", spare_kib=50_000)
    said = project.fleet("provision", "--all", "--json")
    assert said.code == 1, said
    steps = said.hosts()[host.name]["steps"]
    assert [step["step"] for step in steps if step["outcome"] == "changed"] == [], said
    assert any(step["outcome"] == "blocked" and "MiB are free" in step["why"] for step in steps), said


def test_a_source_that_is_gone(unfinished: Host, project: Project) -> None:
    """The distribution's mirror is down, and Docker's is not: what can be had is had, and a warning names the other."""
    box = project.lab.box
    mirror = next(name for name in box.names if name not in box.NAMES)
    box.take_down(mirror)
    try:
        said = project.fleet("provision", "--all", "--json")
    finally:
        box.bring_back(mirror)
    assert said.code == 0, said
    warnings = {warning for step in said.hosts()[unfinished.name]["steps"] for warning in step["warnings"]}
    assert warnings, said
    assert all(mirror in warning for warning in warnings), said
    _heals(project, unfinished)


def test_docker_s_repository_is_out_of_the_host_s_reach(fresh_host: MakeHost, project: Project) -> None:
    """The failure is told in apt's words, and nothing that needs the repository is tried, by way of other steps either."""
    host = fresh_host()
    host.exec("sed -i s/.*download.docker.com/127.0.0.1\\ download.docker.com/ /etc/hosts")
    project.inventory([host])
    said = project.fleet("provision", "--all", "--json")
    assert said.code == 1, said
    steps = {step["step"]: step for step in said.hosts()[host.name]["steps"]}
    assert "refresh the package index: exit code 100: E: Failed to fetch https://download.docker.com" in steps["source"]["why"]
    assert steps["source"]["hint"], said
    outcomes = [(name, steps[name]["outcome"]) for name in ("keyring", "source", "engine", "group", "compose")]
    assert [outcome for _, outcome in outcomes] == ["changed", "failed", "skipped", "skipped", "skipped"], said
    assert steps["engine"]["why"] == "source failed"


def test_docker_s_repository_is_down(fresh_host: MakeHost, project: Project) -> None:
    """What the laptop can't look up is told in words, and nothing is changed on the host."""
    host = fresh_host()
    project.inventory([host])
    before = host.snapshot()
    project.lab.box.take_down("download.docker.com")
    try:
        said = project.fleet("provision", "--all")
    finally:
        project.lab.box.bring_back("download.docker.com")
    assert said.code == 1, said
    assert "download.docker.com" in said.out, said
    assert "503" in said.out, said
    assert "hint: " in said.out, said
    touched = [change.path for change in host.upper_changes(before)]
    assert [path for path in touched if path.startswith(("etc/apt", "usr/", "var/lib/apt", "var/lib/dpkg"))] == []
