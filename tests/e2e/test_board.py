"""The small steps of a board, as far as a container can be one: it shares its clock and its swap with this machine."""

from __future__ import annotations

import pytest

from tests.lab.fixtures import MakeHost
from tests.support.ask import planned
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

UNIT = "systemd-timesyncd.service"
HARMLESS = {
    f"/etc/systemd/system/{UNIT}.d/lab.conf": (
        "[Unit]\nConditionVirtualization=\nConditionCapability=\n"
        "[Service]\nType=simple\nUser=root\nAmbientCapabilities=\nCapabilityBoundingSet=\n"
        "ExecStart=\nExecStart=/bin/sleep infinity\n"
    )
}
"""systemd's own time service refuses to start in a container, and would set this machine's clock: it sleeps instead."""
AS_A_MACHINE = "rm /run/systemd/container"
"""What systemd tells a container by; without it the host takes itself for a machine with a clock."""


def test_time_service_is_installed_and_what_is_not_for_a_host_is_left_out(fresh_host: MakeHost, project: Project) -> None:
    """From the distribution's own mirror, started and enabled; a section that is for Pis only is said to be left out; a
    second run changes nothing; a service that somebody stopped is started again."""
    host = fresh_host("debian-trixie", files=HARMLESS)
    host.exec(AS_A_MACHINE)
    project.inventory([host])
    project.recipe("board", clock={}, modules={}, memory={"when": {"raspberry_pi": True}})
    words = ("--all", "--recipe", "board", "--step", "clock,modules,memory")
    plan = project.fleet("plan", *words, "--json")
    assert planned(plan, host) == ["clock"]
    unmet = plan.hosts()[host.name]["plan"]["not_for_this_host"]
    assert unmet == [{"section": "memory", "why": "raspberry_pi is false, not true"}]
    assert "not for this host: memory: raspberry_pi is false" in project.fleet("plan", *words, "-v").out

    done = project.fleet("provision", *words, "--json")
    assert (done.code, done.changed(host.name)) == (0, ["clock"]), done
    assert host.exec(f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}").stdout.split() == ["active", "enabled"]
    again = project.fleet("provision", *words, "--json")
    assert (again.code, again.changed(host.name)) == (0, []), again

    host.exec(f"systemctl disable --now {UNIT}")
    assert project.fleet("verify", *words).code == 3
    assert project.fleet("provision", *words, "--json").changed(host.name) == ["clock"]


def test_container_is_left_alone(fresh_host: MakeHost, project: Project) -> None:
    """Its clock and its swap are those of the machine below."""
    host = fresh_host("ubuntu-noble")
    project.inventory([host])
    project.recipe("board", clock={}, swap={"size_mb": 512})
    plan = project.fleet("plan", "--all", "--recipe", "board", "--json")
    assert not {"clock", "swap"} & set(planned(plan, host))
    told = {row["step"]: row["why"] for row in plan.hosts()[host.name]["plan"]["steps"]}
    assert (told["clock"], told["swap"]) == ("a container has the clock of its host", "a container has the swap of its host")
