"""Which repository, codename and packages a host needs: one file per family of distributions.

The table that these files encode is that of Docker's own install pages (docs.docker.com/engine/install/ubuntu,
/debian, /raspberry-pi-os) and of docker/docker-install install.sh, with the 32-bit Raspberry Pi cases of the Engine 29
release notes.
"""

from __future__ import annotations

import re

from fleet.distros import debian, raspbian, ubuntu
from fleet.distros.base import Family, Platform, Unsupported, refuse_processor
from fleet.facts.board import BOARD
from fleet.facts.system import MACHINE, OS
from fleet.model import Facts

_CODENAME = re.compile(r"[a-z0-9._-]+")

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
    return refused or _checked(family.platform(system, machine, board))


def _checked(found: Platform | Unsupported) -> Platform | Unsupported:
    """What a host says becomes part of addresses and files; os-release(5) allows only such words for a codename."""
    if isinstance(found, Unsupported) or _CODENAME.fullmatch(found.codename):
        return found
    return Unsupported(
        f"its os-release gives {found.codename!r} as codename, which can't be one",
        "Correct /etc/os-release on the host, or say it in the recipe: platform: {distribution: debian, codename: trixie}.",
    )


__all__ = ["FAMILIES", "Platform", "Unsupported", "platform_of"]
