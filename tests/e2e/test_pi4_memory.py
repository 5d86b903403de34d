"""From a bare Pi 4 whose firmware has the memory controller off to a verified Docker that keeps memory limits, in one run.

The machine is emulated and obeys its cmdline.txt; ``make test-pi4`` runs this, other runs leave it out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.lab import Lab
from tests.lab.vm import emulation
from tests.lab.vm.host import EmulatedHost
from tests.support.ask import planned
from tests.support.project import Project, Said

pytestmark = [pytest.mark.pi4, pytest.mark.slow, pytest.mark.timeout(3600)]

CMDLINE = "/boot/firmware/cmdline.txt"
BARE = ["journal", "keyring", "source", "engine", "daemon", "group", "compose"]
PATIENT = 1800
"""Seconds for a run; some 200 on a quiet machine, the boot included."""


@pytest.fixture(scope="module")
def pi(lab: Lab) -> Iterator[EmulatedHost]:
    """A bare Pi 4."""
    if reasons := emulation.impossible():
        refuse = pytest.fail if os.environ.get("FLEET_LAB_REQUIRED") == "1" else pytest.skip
        refuse("no emulated Pi here: " + "; ".join(reasons))
    host = lab.up("pi4-memory", "raspios-trixie", machine="pi4")
    assert isinstance(host, EmulatedHost)
    yield host
    host.destroy()


def _all(project: Project, *words: str) -> Said:
    verb, *more = words
    return project.fleet(verb, "--all", *more, "--json", timeout=PATIENT)


def test_off_told_switched_on_and_kept(pi: EmulatedHost, project: Project) -> None:
    """The doctor finds it, the plan is blocked until a reboot is allowed, and then one run does it all, for good."""
    project.inventory([pi])
    project.recipe("patient", include=["pi"], memory={"reboot_timeout": PATIENT})
    assert "memory" not in pi.read("/sys/fs/cgroup/cgroup.controllers").split()
    before, boot = pi.read(CMDLINE), pi.boot_id()

    found = {f["check"]: f for f in _all(project, "doctor").hosts()[pi.name]["findings"]}
    assert found["cgroups"]["remedy"] == f"fleet provision {pi.name} --recipe pi --step memory --allow-reboot"
    plan = _all(project, "plan", "--recipe", "pi")
    assert planned(plan, pi) == ["clock", *BARE], plan
    memory = next(row for row in plan.hosts()[pi.name]["plan"]["steps"] if row["step"] == "memory")
    assert (memory["verdict"], CMDLINE in memory["why"], "--allow-reboot" in memory["hint"]) == ("blocked", True, True)
    assert (pi.read(CMDLINE), pi.boot_id()) == (before, boot)

    done = _all(project, "provision", "--recipe", "patient", "--allow-reboot")
    assert done.code == 0, done
    assert done.changed(pi.name) == ["clock", "memory", *BARE], done
    assert done.hosts()[pi.name]["proven"], done
    assert pi.boot_id() != boot
    assert "memory" in pi.read("/sys/fs/cgroup/cgroup.controllers").split()
    assert pi.read(CMDLINE) == before.rstrip() + " cgroup_enable=memory\n"
    assert pi.read(f"{CMDLINE}.fleet-backup") == before
    limited = "docker run --rm --memory 64m busybox cat /sys/fs/cgroup/memory.max"
    assert pi.ssh(limited, timeout=600).stdout.strip() == str(64 << 20)

    boot = pi.boot_id()
    again = _all(project, "provision", "--recipe", "pi", "--allow-reboot")
    assert (again.code, again.changed(pi.name)) == (0, []), again
    assert _all(project, "verify", "--recipe", "pi").code == 0
    assert pi.boot_id() == boot
