"""32-bit Raspberry Pi OS: served from Debian's repository, since Docker's own one for it has ended.

`linux/raspbian` stays at Engine 28.5 for ever and has no trixie (Engine 29.0.0 release notes; docker/docker-install#542).
Debian's armhf packages run on every Pi with an ARMv7 processor or newer; ARMv6 is refused before we come here.
"""

from __future__ import annotations

from fleet.distros.base import Family, Platform, Unsupported, make
from fleet.distros.debian import CONFLICTS, codename_of, refuse_codename
from fleet.facts.board import Board
from fleet.facts.system import Machine, OsRelease


def _claims(system: OsRelease) -> bool:
    return system.id in ("raspbian", "osmc")


def _platform(system: OsRelease, machine: Machine, board: Board) -> Platform | Unsupported:
    codename = codename_of(system)
    note = ""
    if machine.machine == "aarch64":
        note = "32-bit userland on a 64-bit kernel: images for linux/arm/v7 run here, those for arm64 never do"
    return refuse_codename(codename, system) or make("linux/debian", codename, machine, CONFLICTS, note)


FAMILY = Family(_claims, _platform)
