"""Limits of containers: what Docker says that it has set, and what the kernel really holds them to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.doctor.limits import limits
from fleet.facts.daemon import DAEMON
from fleet.facts.docker_info import Info
from fleet.facts.limits import LIMITS, Limited, read_limits
from fleet.facts.system import MACHINE
from fleet.formats.limits import Limits, not_held
from fleet.model import Severity
from tests.support.doctor import patient
from tests.support.golden import golden

V1 = (
    "held_cpu=50000 100000\theld_memory=67108864\theld_pids=40\tmemory=67108864\tname=lim\tnano=500000000\tperiod=0\tpids=40"
    "\tproject=\tquota=0\tservice=\n"
    "held_cpu=-1 100000\theld_memory=9223372036854771712\theld_pids=max\tmemory=0\tname=c1\tnano=0\tperiod=0\tpids=null"
    "\tproject=\tquota=0\tservice=\n"
)
"""Recorded on a lab host with version 1 control groups."""
V2 = "held_cpu=max 100000\theld_memory=max\theld_pids=max\tmemory=0\tname=w-db-1\tpids=0\tproject=w\tquota=150000\tservice=db\n"
"""By hand, in the words of cgroup-v2.rst: memory.max, cpu.max, pids.max."""
HELD = Limits(64 << 20, 0.5, 40)


def test_read() -> None:
    """Version 1's largest number, 0, -1, max and null are no limit; nanoseconds and quotas are processors."""
    assert read_limits(V1) == (Limited("lim", HELD, HELD), Limited("c1", Limits(), Limits()))
    (stack,) = read_limits(V2)
    assert (stack.project, stack.service, stack.asked, stack.held) == ("w", "db", Limits(cpus=1.5), Limits())
    assert read_limits("") == ()


def test_not_held() -> None:
    """Dropped, or another value; memory is rounded to pages, and what is not wanted is of no interest."""
    assert not_held(HELD, HELD) == ()
    assert not_held(Limits(memory=(64 << 20) + 5000), HELD) == ()
    assert not_held(Limits(), HELD) == ()
    assert not_held(HELD, Limits()) == (
        "memory: 64 MiB wanted, none in force",
        "cpus: 0.5 wanted, none in force",
        "pids: 40 wanted, none in force",
    )
    assert not_held(Limits(memory=2 << 30, pids=10), HELD) == (
        "memory: 2 GiB wanted, 64 MiB in force",
        "pids: 10 wanted, 40 in force",
    )


def test_the_doctor_finds_a_container_that_is_not_held() -> None:
    """One finding for all of them, with what differs and a command that mends it."""
    assert limits(patient()) == ()
    assert limits(patient(limits=V1)) == ()
    (finding,) = limits(patient(limits=V1 + V2))
    assert finding.severity is Severity.ERROR
    assert "does not hold w-db-1" in finding.why
    assert finding.evidence == "w-db-1: cpus: 1.5 wanted, none in force"
    assert "docker restart w-db-1" in finding.remedy


@pytest.mark.parametrize(("unkept", "told"), [(("swap",), 0), (("pids", "cpu"), 1), ((), 0)])
def test_the_doctor_finds_a_daemon_that_drops_limits(unkept: tuple[str, ...], told: int) -> None:
    """As the daemon admits it. Swap is not counted: Debian's kernels leave it out, and nobody asked for it."""
    facts = patient("daemon-settings")
    warnings = ("WARNING: No cpu cfs quota support",)
    found = limits(facts.but(DAEMON, replace(facts[DAEMON], info=Info(unkept=unkept, warnings=warnings))))
    assert len(found) == told
    assert all("pids and cpu" in f.why and warnings[0] in f.evidence for f in found)


def test_a_missing_memory_controller_is_told_once() -> None:
    """The check of control groups has the cure for it."""
    facts = patient("daemon-settings")
    facts = facts.but(DAEMON, replace(facts[DAEMON], info=Info(unkept=("memory",))))
    off = facts.but(MACHINE, replace(facts[MACHINE], cgroup_controllers=("cpu", "pids")))
    on = facts.but(MACHINE, replace(facts[MACHINE], cgroup_controllers=("cpu", "memory", "pids")))
    assert (len(limits(off)), len(limits(on))) == (0, 1)


def test_a_recorded_daemon_keeps_all() -> None:
    """GET /info of a real daemon (docs.docker.com/reference/api/engine) admits nothing."""
    info = golden("daemon-settings").facts[DAEMON].info
    assert info
    assert (info.unkept, info.log_driver, info.live_restore) == ((), "local", True)
    assert LIMITS.as_root
