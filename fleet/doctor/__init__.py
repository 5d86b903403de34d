"""The doctor: what is wrong with a host, whatever is to become of it. Pure: facts in, findings out.

A new check is a function here or in a new file, a line in `CHECKS` (one host) or `COMPARISONS` (all hosts at once), a row
in the README, and its tests. The probes that only the doctor asks stand beside the checks that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fleet.doctor.access import FAILURES, ROUND_TRIP, clock, latency, of_failure, sudo
from fleet.doctor.apt import CLOUD_INIT, apt_lock, cloud_init, dpkg
from fleet.doctor.board import THROTTLED, memory, power
from fleet.doctor.kernel import FIREWALL, KERNEL, cgroups, iptables, modules, reboot
from fleet.doctor.limits import limits
from fleet.doctor.network import NETWORK, dns, docker_hosts
from fleet.doctor.sources import APT_SOURCES, sources
from fleet.doctor.storage import KERNEL_LOG, MOUNTS, disk, read_only, storage
from fleet.doctor.system import TODAY, platform, release, userland
from fleet.doctor.together import HOST_KEYS, fleet_clock, machine_id, ssh_host_keys
from fleet.doctor.words import HOST
from fleet.facts.limits import LIMITS
from fleet.model import Facts, Finding, Probe, Severity

PROBES: tuple[Probe[Any], ...] = (
    CLOUD_INIT,
    KERNEL,
    MOUNTS,
    NETWORK,
    HOST_KEYS,
    APT_SOURCES,
    FIREWALL,
    KERNEL_LOG,
    THROTTLED,
    LIMITS,
)
"""What a host is asked beside the usual."""

Look = Callable[[Facts], Finding | tuple[Finding, ...] | None]

CHECKS: Mapping[str, Look] = {
    "platform": platform,
    "userland": userland,
    "release": release,
    "latency": latency,
    "sudo": sudo,
    "clock": clock,
    "disk": disk,
    "read-only": read_only,
    "storage": storage,
    "memory": memory,
    "power": power,
    "dpkg": dpkg,
    "apt-lock": apt_lock,
    "cloud-init": cloud_init,
    "sources": sources,
    "reboot": reboot,
    "modules": modules,
    "cgroups": cgroups,
    "limits": limits,
    "iptables": iptables,
    "dns": dns,
    "docker-hosts": docker_hosts,
}
"""Each check of one host, by the name that its findings have."""

Compare = Callable[[Mapping[str, Facts]], Iterator[tuple[str, Finding]]]

COMPARISONS: Mapping[str, Compare] = {
    "fleet-clock": fleet_clock,
    "machine-id": machine_id,
    "ssh-host-keys": ssh_host_keys,
}
"""Each check of all hosts at once, by the name that its findings have."""

NAMES = (*FAILURES.values(), "probe", *CHECKS, *COMPARISONS)
"""Every name that a finding can have; the first few are those of a host that could not be looked at."""


def examine(name: str, facts: Facts) -> tuple[Finding, ...]:
    """What is wrong with one host of that name, the worst first."""
    found: list[Finding] = []
    for look in CHECKS.values():
        seen = look(facts)
        found += seen if isinstance(seen, tuple) else [seen] if seen else []
    return sort(_named(name, finding) for finding in found)


def compare(seen: Mapping[str, Facts]) -> Mapping[str, tuple[Finding, ...]]:
    """What is wrong with hosts when they are seen beside each other, by the host's name."""
    found: dict[str, tuple[Finding, ...]] = {}
    for look in COMPARISONS.values():
        for name, finding in look(seen):
            found[name] = (*found.get(name, ()), _named(name, finding))
    return found


def sort(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first, otherwise as they come."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def _named(name: str, finding: Finding) -> Finding:
    return replace(finding, remedy=finding.remedy.replace(HOST, name))


__all__ = ["CHECKS", "COMPARISONS", "NAMES", "PROBES", "ROUND_TRIP", "TODAY", "compare", "examine", "of_failure", "sort"]
