"""Ubuntu, and the systems built on it: their own codename means nothing to Docker, Ubuntu's does."""

from __future__ import annotations

from fleet.distros.base import Family, Platform, Unsupported, make
from fleet.facts.board import Board
from fleet.facts.system import Machine, OsRelease

CONFLICTS = (
    "docker.io",
    "docker-compose",
    "docker-compose-v2",
    "docker-doc",
    "podman-docker",
    "containerd",
    "runc",
)
"""docs.docker.com/engine/install/ubuntu, "Uninstall old versions"."""

DROPPED = {
    "questing": "25.10",
    "plucky": "25.04",
    "oracular": "24.10",
    "mantic": "23.10",
    "lunar": "23.04",
    "kinetic": "22.10",
    "impish": "21.10",
    "hirsute": "21.04",
    "groovy": "20.10",
    "focal": "20.04",
    "bionic": "18.04",
    "xenial": "16.04",
}
"""Suites that are still served but get nothing new, so that a look at the server does not tell (docker/packaging, history of
docker-bake.hcl)."""


def _claims(system: OsRelease) -> bool:
    return system.id == "ubuntu" or bool(system.ubuntu_codename) or "ubuntu" in system.id_like


def _platform(system: OsRelease, machine: Machine, board: Board) -> Platform | Unsupported:
    codename = system.ubuntu_codename or (system.codename if system.id == "ubuntu" else "")
    if not codename:
        return Unsupported(
            f"{system.pretty_name or system.id} does not say which Ubuntu it is built on (no UBUNTU_CODENAME)",
            "Say it in the recipe, for example platform: {distribution: ubuntu, codename: noble};"
            " or leave the host out with --exclude.",
        )
    if codename in DROPPED:
        return Unsupported(
            f"Docker no longer builds packages for Ubuntu {DROPPED[codename]} ({codename});"
            " what is still served is old and gets no security fixes",
            "Upgrade the host to a supported release (sudo do-release-upgrade), for example Ubuntu 24.04.",
        )
    return make("linux/ubuntu", codename, machine, CONFLICTS)


FAMILY = Family(_claims, _platform)
