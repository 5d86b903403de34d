"""What is only seen by looking at all hosts at once: copies of one card, and clocks that differ from the others'."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median_low

from fleet.doctor.access import CLOCK_SLACK, set_clock
from fleet.doctor.words import as_root, error, lines, warning
from fleet.facts import MACHINE
from fleet.model import Facts, Finding, Probe

Seen = Mapping[str, Facts]
"""The facts of every host that was reached, by its name."""


@dataclass(frozen=True, slots=True)
class HostKeys:
    """Fingerprints of sshd's keys as `ssh-keygen -l` shows them, each after its type."""

    fingerprints: tuple[str, ...] = ()


def read_host_keys(text: str) -> HostKeys:
    """Read lines of public keys: type, base64, comment."""
    found = []
    for fields in (line.split() for line in text.splitlines()):
        try:
            digest = hashlib.sha256(base64.b64decode(fields[1], validate=True)).digest()
        except (IndexError, binascii.Error, ValueError):
            continue
        found.append(f"{fields[0]} SHA256:{base64.b64encode(digest).decode().rstrip('=')}")
    return HostKeys(tuple(sorted(found)))


HOST_KEYS = Probe(name="host_keys", script="cat /etc/ssh/ssh_host_*_key.pub", parse=read_host_keys, unknown=HostKeys())


def machine_id(seen: Seen) -> Iterator[tuple[str, Finding]]:
    """The same /etc/machine-id on several hosts: a copied card. DHCP and the journal take them for one."""
    for value, names in _shared({name: (facts[MACHINE].machine_id,) for name, facts in seen.items()}):
        for name in names:
            others = [other for other in names if other != name]
            twins = [other for other in others if _is_one(seen[name], seen[other])]
            if twins:
                yield name, _listed_twice(twins, value)
            elif others:
                yield name, _cloned(others, value)


def _is_one(one: Facts, other: Facts) -> bool:
    """A copy has another boot behind it, or at least another name."""
    return (one[MACHINE].boot_id, one[MACHINE].hostname) == (other[MACHINE].boot_id, other[MACHINE].hostname)


def _listed_twice(names: list[str], value: str) -> Finding:
    return warning(
        "machine-id",
        f"this is the same machine as {', '.join(names)}: the inventory has it twice",
        f"machine-id {value}, the same boot and the same hostname",
        "Take one of them out of the inventory, or correct its address.",
    )


def _cloned(names: list[str], value: str) -> Finding:
    renew = "rm -f /etc/machine-id /var/lib/dbus/machine-id && systemd-machine-id-setup && systemctl reboot"
    return error(
        "machine-id",
        f"its machine-id is also that of {', '.join(names)}: one is a copy of the other's card, and DHCP may take them for one",
        f"/etc/machine-id is {value} on each",
        as_root(renew),
    )


def ssh_host_keys(seen: Seen) -> Iterator[tuple[str, Finding]]:
    """The same SSH host keys on several hosts: whoever has one card can pass for all of them."""
    found = {name: facts[HOST_KEYS].fingerprints for name, facts in seen.items()}
    told: dict[str, tuple[set[str], list[str]]] = {}
    for key, names in _shared(found):
        for name in names:
            others, keys = told.setdefault(name, (set(), []))
            others.update(o for o in names if o != name and not _is_one(seen[name], seen[o]))
            keys.append(key)
    for name, (others, keys) in told.items():
        if others:
            yield (
                name,
                error(
                    "ssh-host-keys",
                    f"its SSH host keys are also those of {', '.join(sorted(others))}: each can pass for the other",
                    "; ".join(keys),
                    lines(
                        as_root("rm -f /etc/ssh/ssh_host_*_key* && ssh-keygen -A && systemctl restart ssh"),
                        "Its key has changed then: the next fleet command says how to accept the new one.",
                    ),
                ),
            )


def fleet_clock(seen: Seen) -> Iterator[tuple[str, Finding]]:
    """A clock that agrees with the laptop's and not with the fleet's median, or the other way round; needs three hosts."""
    skews = {name: facts[MACHINE].clock_skew for name, facts in seen.items()}
    if len(skews) < 3:
        return
    median = median_low(skews.values())
    for name, skew in skews.items():
        off_fleet, off_laptop = abs(skew - median) > CLOCK_SLACK, abs(skew) > CLOCK_SLACK
        told = f"the median of {len(skews)} hosts is {median:+d} s from this machine's clock, this host {skew:+d} s"
        if off_fleet and not off_laptop:
            why = f"the clock is {abs(skew - median)} s off the fleet's median, though not off this machine's"
            yield (
                name,
                warning("fleet-clock", why, told, lines(*([f"{_OURS} Then:"] if abs(median) > CLOCK_SLACK else []), set_clock())),
            )
        elif off_laptop and not off_fleet:
            why = "most of the fleet agree on the time, and this machine's clock differs from theirs: it is the wrong one"
            yield name, warning("fleet-clock", why, told, _OURS)


_OURS = "Set the clock of the machine that you type on (`timedatectl` tells whether a time service keeps it right)."


def _shared(values: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, list[str]]]:
    """Each value that several have, with their names."""
    by_value: dict[str, list[str]] = {}
    for name, several in values.items():
        for value in several:
            by_value.setdefault(value, []).append(name)
    return ((value, names) for value, names in by_value.items() if value and len(names) > 1)
