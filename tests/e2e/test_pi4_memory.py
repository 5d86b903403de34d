"""From a bare Pi 4 with a wrong clock, whose firmware has the memory controller off, to all of the recipe `pi`, in one run.

The machine is emulated and obeys its cmdline.txt; ``make test-pi4`` runs this, other runs leave it out.
"""

from __future__ import annotations

import re
import time

import pytest

from tests.lab.fixtures import MakeMachine
from tests.lab.vm.host import EmulatedHost
from tests.support.ask import blocked, planned, step
from tests.support.pi import CMDLINE, IMAGES, PATIENT, PI, ask, check_images, with_images
from tests.support.project import Project, Said
from tests.support.timeserver import NAMES, time_server

pytestmark = [pytest.mark.pi4, pytest.mark.slow, pytest.mark.timeout(3600)]

CONTROLLERS = "/sys/fs/cgroup/cgroup.controllers"
TIMESYNCD = "systemd-timesyncd.service"


@pytest.fixture(scope="module")
def pi(fresh_machine: MakeMachine) -> EmulatedHost:
    """A bare Pi 4; the tests of this file follow each other on it."""
    return fresh_machine("pi4", name="pi-kitchen")


@pytest.fixture
def recipe(project: Project) -> str:
    """The recipe `pi`, with more patience, swap on the disk, and images."""
    sections = {"memory": {"reboot_timeout": PATIENT}, "swap": {"size_mb": 128}}
    return with_images(project, "patient", include=["pi"], **sections)


def _verdict(plan: Said, pi: EmulatedHost, name: str) -> tuple[str, str, str]:
    row = next(row for row in plan.hosts()[pi.name]["plan"]["steps"] if row["step"] == name)
    return row["verdict"], row["why"], row.get("hint") or ""


def _findings(project: Project, pi: EmulatedHost) -> dict[str, str]:
    """The remedies of the doctor by what it found."""
    return {found["check"]: found["remedy"] for found in ask(project, "doctor").hosts()[pi.name]["findings"]}


def _is_right(pi: EmulatedHost) -> bool:
    return abs(int(pi.exec("date +%s").stdout) - time.time()) < 60


def test_wrong_clock_and_memory_are_told(pi: EmulatedHost, project: Project) -> None:
    """A Pi that woke up in the past: doctor and plan say so, and how to set it; they touch nothing. Memory waits for leave."""
    project.inventory([pi])
    before, boot = pi.read(CMDLINE), pi.boot_id()
    pi.exec("date -s '-2 years'")
    found = _findings(project, pi)
    assert found["cgroups"] == f"fleet provision {pi.name} --recipe pi --step memory --allow-reboot"
    plan = ask(project, "plan", "--recipe", "pi")
    verdict, why, hint = _verdict(plan, pi, "clock")
    assert (verdict, "days) behind this machine's" in why) == ("blocked", True), plan
    assert planned(plan, pi) == ["journal"], "apt would refuse every signature"
    typed = re.search(r"fleet (run \S+ --sudo --) date -s @\$\(date \+%s\)", hint)
    assert typed, hint
    assert typed[0] in found["clock"]
    assert project.fleet(*typed[1].split(), "date", "-s", f"@{int(time.time())}", timeout=PATIENT).code == 0
    assert _is_right(pi)
    assert "clock" not in _findings(project, pi)

    plan = ask(project, "plan", "--recipe", "pi")
    assert planned(plan, pi) == ["clock", *PI], plan
    verdict, why, hint = _verdict(plan, pi, "memory")
    assert (verdict, CMDLINE in why, "--allow-reboot" in hint) == ("blocked", True, True)
    assert (pi.read(CMDLINE), pi.boot_id()) == (before, boot)


def test_one_run_does_it_all(pi: EmulatedHost, project: Project, recipe: str) -> None:
    """Once a reboot is allowed, memory limits, time service, swap, Docker, Compose, an image that is pulled and one that is built
    are there after one run, the plan goes on behind the reboot, and a second run does nothing."""
    project.inventory([pi])
    assert "memory" not in pi.read(CONTROLLERS).split()
    before, boot = pi.read(CMDLINE), pi.boot_id()
    done = ask(project, "provision", "--recipe", recipe, "--allow-reboot")
    assert done.code == 0, done
    assert done.changed(pi.name) == ["clock", "swap", "memory", *PI, *IMAGES], done
    assert done.hosts()[pi.name]["proven"], done
    assert step(done, pi, "modules")["why"] == "not Ubuntu's kernel for the Raspberry Pi"
    assert pi.boot_id() != boot
    assert "memory" in pi.read(CONTROLLERS).split()
    assert pi.read(CMDLINE) == before.rstrip() + " cgroup_enable=memory\n"
    assert pi.read(f"{CMDLINE}.fleet-backup") == before
    limited = "docker run --rm --memory 64m busybox cat /sys/fs/cgroup/memory.max"
    assert pi.ssh(limited, timeout=600).stdout.strip() == str(64 << 20)
    assert [line.split()[:2] for line in pi.read("/proc/swaps").splitlines()[1:]] == [["/swapfile", "file"]], "by fstab"
    check_images(pi)

    boot = pi.boot_id()
    again = ask(project, "provision", "--recipe", recipe, "--allow-reboot")
    assert (again.code, again.changed(pi.name)) == (0, []), again
    assert "has not reached a time server since the boot" in step(again, pi, "clock")["warnings"][0]
    assert ask(project, "verify", "--recipe", recipe).code == 0
    assert pi.boot_id() == boot


def test_clock_is_set_by_its_service(pi: EmulatedHost, project: Project, recipe: str) -> None:
    """With a time server in reach, a clock of the future is right when the step `clock` is done; with none, that is told."""
    project.inventory([pi])
    words = ("--recipe", recipe, "--step", "clock")
    server = pi.lab.network.address
    pi.exec(f"for name in {' '.join(NAMES)}; do echo {server} $name; done >> /etc/hosts")
    pi.exec(f"systemctl disable --now {TIMESYNCD}; date -s '+3 years'")
    with time_server(server):
        done = ask(project, "provision", *words)
        assert (done.code, done.changed(pi.name)) == (0, ["clock"]), done
        assert _is_right(pi)
        assert ask(project, "verify", *words).code == 0
    pi.exec("date -s '+2 days'")
    why, hint = blocked(ask(project, "provision", *words), pi)
    assert f"(2 days) ahead of this machine's, so apt would refuse every signature; {TIMESYNCD} runs and has not set it" in why
    assert "UDP port 123" in hint
