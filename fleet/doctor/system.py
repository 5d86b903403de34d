"""What the host is: a system and a processor that Docker serves, and for how long."""

from __future__ import annotations

from datetime import date

from fleet.distros import Platform, Unsupported, platform_of
from fleet.doctor.releases import ENDS
from fleet.doctor.words import HOST, as_root, error, lines, note, warning
from fleet.facts import BOARD, MACHINE, OS
from fleet.model import Facts, Finding, Probe

TODAY: Probe[date | None] = Probe(name="today", script="", parse=lambda _: None, unknown=None)
"""The day, by the laptop's calendar; no host is asked."""

NEAR = 180
"""Days before a release's end at which one should think of the next."""


def platform(facts: Facts) -> Finding | None:
    """A system, release or processor (ARMv6!) that Docker publishes no packages for."""
    found = platform_of(facts)
    if not isinstance(found, Unsupported):
        return None
    system, machine = facts[OS], facts[MACHINE]
    return error(
        "platform",
        found.why,
        f"{system.pretty_name or 'no os-release'}, {machine.architecture or '?'} on {machine.machine or '?'}"
        f"{f', {facts[BOARD].model}' if facts[BOARD].model else ''}",
        lines(found.hint, "To go on without it:", f"fleet provision --all --exclude {HOST}"),
    )


def userland(facts: Facts) -> Finding | None:
    """A 32-bit userland on a 64-bit kernel: it looks like arm64 and is not."""
    machine = facts[MACHINE]
    if machine.machine not in ("aarch64", "x86_64") or machine.bits != 32:
        return None
    return note(
        "userland",
        "32-bit userland on a 64-bit kernel: only images for 32 bits run here, whatever uname says",
        f"uname -m: {machine.machine}; dpkg: {machine.architecture}; getconf LONG_BIT: {machine.bits}",
        lines(
            "To run 64-bit images, write the 64-bit system to its card. Which images of a recipe fit it now:",
            f"fleet plan {HOST}",
        ),
    )


def release(facts: Facts) -> Finding | None:
    """A release without security updates, or soon without; or one that is newer than this program."""
    found, today = platform_of(facts), facts[TODAY]
    if not isinstance(found, Platform) or today is None:
        return None
    name = f"{found.distribution.capitalize()} {found.codename}"
    ends = ENDS.get((found.distribution, found.codename))
    if ends is None:
        why = f"this version of fleet does not know {name} yet, nor whether Docker publishes packages for it"
        return note(
            "release", why, f"{facts[OS].pretty_name or facts[OS].id}", lines("The plan asks Docker:", f"fleet plan {HOST}")
        )
    left = (ends - today).days
    if left > NEAR:
        return None
    upgrade = as_root("apt-get update && apt-get -y full-upgrade")
    remedy = lines("Plan the upgrade to the next release, or a newer image; first bring this one up to date:", upgrade)
    if left < 0:
        return warning("release", f"{name} gets no security updates any more", f"ended on {ends}", remedy)
    return note("release", f"{name} gets security updates for {left} more days only", f"ends on {ends}", remedy)
