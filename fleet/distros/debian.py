"""Debian, 64-bit Raspberry Pi OS (which calls itself Debian), and the other children of Debian."""

from __future__ import annotations

from fleet.distros.base import Family, Platform, Unsupported, make
from fleet.facts.board import Board
from fleet.facts.system import Machine, OsRelease

CONFLICTS = ("docker.io", "docker-doc", "docker-compose", "docker-cli", "podman-docker", "containerd", "runc")
"""docs.docker.com/engine/install/debian, and docker-cli, which Debian 13 split from docker.io (docker/docker-ce-packaging,
deb/common/control)."""

CODENAMES = {"13": "trixie", "12": "bookworm", "11": "bullseye", "10": "buster", "9": "stretch"}
"""By the major number in /etc/debian_version, as docker/docker-install install.sh has it."""

DROPPED = {"bullseye": "11", "buster": "10", "stretch": "9", "jessie": "8"}
"""Served but no longer built (docker/packaging, history of docker-bake.hcl; bullseye since September 2026)."""

UNPUBLISHED = {"forky": "14", "sid": "unstable", "duke": "15"}
"""No suite of Docker's: testing and unstable."""


def _claims(system: OsRelease) -> bool:
    return system.id == "debian" or "debian" in system.id_like or bool(system.debian_codename)


def codename_of(system: OsRelease) -> str:
    """Debian's codename: said outright, or by the number in /etc/debian_version for a child with its own codenames."""
    if system.debian_codename:
        return system.debian_codename
    major = system.debian_version.split(".")[0]
    if system.id in ("debian", "raspbian"):
        return system.codename or CODENAMES.get(major, major.partition("/")[0])
    return CODENAMES.get(major, major.partition("/")[0])


def refuse_codename(codename: str, system: OsRelease) -> Unsupported | None:
    """Refuse what Docker has dropped or does not publish yet."""
    name = system.pretty_name or system.id
    if codename in DROPPED:
        return Unsupported(
            f"Docker no longer builds packages for Debian {DROPPED[codename]} ({codename});"
            " what is still served is old and gets no security fixes",
            "Upgrade the host to Debian 12 or 13, or write a newer image to its card.",
        )
    if codename in UNPUBLISHED or "kali" in (system.id, codename):
        return Unsupported(
            f"{name}: Docker publishes nothing for Debian {codename or 'testing'}, which moves every day",
            "Install a stable release (Debian 13 trixie); or take the stable one's packages at your own risk, with"
            " platform: {distribution: debian, codename: trixie} in the recipe; or sudo apt-get install docker.io.",
        )
    if not codename:
        return Unsupported(
            f"{name} does not say which Debian it is built on",
            "Say it in the recipe, for example platform: {distribution: debian, codename: trixie};"
            " or leave the host out with --exclude.",
        )
    return None


def _platform(system: OsRelease, machine: Machine, board: Board) -> Platform | Unsupported:
    codename = codename_of(system)
    return refuse_codename(codename, system) or make("linux/debian", codename, machine, CONFLICTS)


FAMILY = Family(_claims, _platform)
