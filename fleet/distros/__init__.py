"""Which repository, codename and packages a host needs: one file per family of distributions.

The table that these files encode is that of Docker's own install pages (docs.docker.com/engine/install/ubuntu,
/debian, /raspberry-pi-os) and of docker/docker-install install.sh, with the 32-bit Raspberry Pi cases of the Engine 29
release notes.
"""

from __future__ import annotations

from fleet.distros import debian, raspbian, ubuntu
from fleet.distros.base import Family, Platform, Unsupported, refuse_processor
from fleet.facts.board import BOARD
from fleet.facts.system import MACHINE, OS
from fleet.model import Facts

FAMILIES: tuple[Family, ...] = (raspbian.FAMILY, ubuntu.FAMILY, debian.FAMILY)
"""Asked in this order: a derivative of Ubuntu also says that it is like Debian."""


def platform_of(facts: Facts) -> Platform | Unsupported:
    """The repository, codename and image platform for this host, or why there is none."""
    system, machine, board = facts[OS], facts[MACHINE], facts[BOARD]
    family = next((f for f in FAMILIES if f.claims(system)), None)
    if family is None:
        return Unsupported(
            f"{system.pretty_name or system.id or 'this system'} is neither Debian, Ubuntu nor a child of theirs",
            "Install Raspberry Pi OS, Debian or Ubuntu on it, or leave it out with --exclude.",
        )
    refused = refuse_processor(system, machine, board)
    return refused or family.platform(system, machine, board)


__all__ = ["FAMILIES", "Platform", "Unsupported", "platform_of"]
