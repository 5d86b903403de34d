"""Hosts that reboot for real in the middle of a plan: only when they may, and the plan goes on where it was."""

from __future__ import annotations

import re
import time

import pytest

from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.lab.machine import wait_until
from tests.lab.users import user
from tests.support.ask import blocked, planned, step
from tests.support.project import Project, interrupt

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BARE = ["keyring", "source", "engine", "group", "compose"]
OLD_KERNEL = "mkdir -p /lib/modules/1.0-old/kernel"
"""Modules of a kernel, and none of the one that runs: as after an upgrade that was not booted."""
GONE_AT_BOOT = {"/etc/tmpfiles.d/old-kernel.conf": "R! /lib/modules/1.0-old\n"}
"""systemd-tmpfiles does lines with ! at boot only (tmpfiles.d(5)): what a boot into the installed kernel would mend."""


def _log(project: Project, host: Host) -> str:
    return (project.folder / "state" / "fleet" / "logs" / "latest" / f"{host.name}.log").read_text()


def test_kernel_that_was_upgraded_and_not_booted(fresh_host: MakeHost, project: Project) -> None:
    """Blocked with a way out; when it is allowed the host reboots first, Docker is installed and proven, and all is well."""
    host = fresh_host("debian-trixie", files=GONE_AT_BOOT)
    host.exec(OLD_KERNEL)
    project.inventory([host])
    leader = host.machine.leader()
    why, hint = blocked(project.fleet("provision", "--all", "--json"), host)
    assert "are gone: Docker could not start" in why
    assert "--allow-reboot" in hint
    assert host.machine.leader() == leader, "nobody asked for a reboot"

    done = project.fleet("provision", "--all", "--allow-reboot", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["kernel", *BARE], done
    assert done.hosts()[host.name]["proven"], done
    assert host.machine.leader() != leader
    assert re.search(r"rebooting\n(?s:.*)back \d+ s after the order", _log(project, host))

    again = project.fleet("provision", "--all", "--allow-reboot", "--json")
    assert (again.code, again.changed(host.name)) == (0, []), again
    assert project.fleet("verify", "--all").code == 0


def test_update_that_waits_for_a_reboot(fresh_host: MakeHost, project: Project) -> None:
    """It is only told of where a reboot is not allowed; sudo may ask for a password on both sides of it."""
    host = fresh_host("ubuntu-noble", user="carol")
    host.exec("touch /run/reboot-required")
    project.inventory([host])
    project.recipe("kernel", kernel={"allow_reboot": True})
    secret = {"FLEET_SUDO_PASSWORD": user("carol").password or ""}
    plan = project.fleet("plan", "--all", "--json", **secret)
    assert planned(plan, host) == BARE
    told = next(row for row in plan.hosts()[host.name]["plan"]["steps"] if row["step"] == "kernel")
    assert "/run/reboot-required" in told["warnings"][0]
    done = project.fleet("provision", "--all", "--recipe", "kernel", "--step", "kernel", "--json", **secret)
    assert done.code == 0, done
    assert done.changed(host.name) == ["kernel"], done
    assert host.exec("test -e /run/reboot-required", check=False).returncode == 1


def test_reboot_that_mends_nothing(fresh_host: MakeHost, project: Project) -> None:
    """A kernel that still has no modules after the boot is told in words, and no engine is put on top of it."""
    host = fresh_host("debian-bookworm")
    host.exec(OLD_KERNEL)
    project.inventory([host])
    done = project.fleet("provision", "--all", "--allow-reboot", "--json")
    assert done.code == 1, done
    assert "still has no modules" in step(done, host, "kernel")["why"]
    assert done.steps(host.name)["engine"] == "skipped"
    assert host.exec("dpkg-query -W docker-ce", check=False).returncode != 0


def test_ctrl_c_while_the_host_reboots(fresh_host: MakeHost, project: Project) -> None:
    """The wait ends at once with a report, the host comes back by itself, and the next run goes on."""
    host = fresh_host("debian-trixie")
    host.exec("touch /run/reboot-required; systemctl disable --now ssh.service ssh.socket 2>/dev/null; systemctl start ssh")
    project.inventory([host])
    leader = host.machine.leader()
    run = project.start("provision", "--all", "--allow-reboot", "-v")
    assert wait_until(lambda: host.machine.leader() not in (None, leader), 60)
    began = time.monotonic()
    interrupt(run)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, (out, err)
    assert time.monotonic() - began < 30
    assert "while the host rebooted" in " ".join((out + err).split())
    assert wait_until(lambda: host.exec("systemctl enable --now ssh.service", check=False).returncode == 0, 60)
    host.wait_for_ssh()
    done = project.fleet("provision", "--all", "--step", "apt", "--json")
    assert done.code == 0, done
