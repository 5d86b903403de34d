"""Can packages be installed? dpkg's state, whoever holds its lock, and cloud-init, which installs too."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleet.doctor.words import as_root, as_user, error, lines, note, warning
from fleet.facts.packages import PACKAGES
from fleet.model import Facts, Finding, Probe


def dpkg(facts: Facts) -> Finding | None:
    """dpkg was interrupted: nothing can be installed until that is finished."""
    packages = facts[PACKAGES]
    if not packages.interrupted or packages.lock_holders:  # while somebody holds the lock, dpkg is at work
        return None
    return error(
        "dpkg",
        "dpkg was interrupted and left packages half-way, so that apt refuses to work",
        "packages are unpacked or half-configured in /var/lib/dpkg",
        lines(as_root("dpkg --configure -a && apt-get -y --fix-broken install"), "fleet provision does the same by itself."),
    )


def apt_lock(facts: Facts) -> Finding | None:
    """Another program is installing something right now."""
    holders = facts[PACKAGES].lock_holders
    if not holders:
        return None
    pids = ",".join(sorted(set(re.findall(r" (\d+)\)", " ".join(holders))))) or "1"
    return warning(
        "apt-lock",
        "another program holds the lock of apt or dpkg",
        ", ".join(holders),
        lines("Wait for it (fleet provision does so by itself), or see what it is doing:", as_user(f"ps -f -p {pids}")),
    )


# ── cloud-init ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CloudInit:
    """`cloud-init status --long`; ``status`` is empty where there is no cloud-init, or where it says nothing.

    ``extended`` is the status with more to it ("degraded done"; since cloud-init 23.4).
    """

    status: str = ""
    extended: str = ""
    errors: tuple[str, ...] = ()


def read_cloud_init(text: str) -> CloudInit:
    """Read ``key: value`` lines, and the dashed lists of errors below them (docs.cloud-init.io, "Failure states")."""
    said: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and not line[:1].isspace():
            said.setdefault(key.strip(), value.strip().lower())
    status = said.get("status", "")
    return CloudInit(status, said.get("extended_status", status), tuple(re.findall(r"(?m)^\s*- (.+)$", text)))


CLOUD_INIT = Probe(
    name="cloud_init",
    script="command -v cloud-init >/dev/null && timeout -k 1 20 cloud-init status --long",
    parse=read_cloud_init,
    unknown=CloudInit(),
)


def cloud_init(facts: Facts) -> Finding | None:
    """The first boot is not over, or went wrong; "degraded" means errors from which it recovered."""
    found = facts[CLOUD_INIT]
    told = "; ".join((f"cloud-init status: {found.extended}", *found.errors[:3]))
    if found.status in ("running", "not run", "not started"):
        why = "cloud-init has not finished the first boot, and may hold apt's lock or change users yet"
        return warning("cloud-init", why, told, as_user("timeout 900 cloud-init status --wait"))
    look = as_root("cloud-init status --long; tail -n 30 /var/log/cloud-init-output.log")
    if found.status == "error":
        return warning("cloud-init", "cloud-init failed, so that the host may be set up by half", told, look)
    if found.extended.startswith("degraded"):
        return note("cloud-init", "cloud-init had errors from which it recovered", told, look)
    return None
