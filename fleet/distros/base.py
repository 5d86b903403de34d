"""What every family of distributions has to say, and the processors that none of them serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.facts.board import Board
from fleet.facts.system import Machine, OsRelease

IMAGE_PLATFORMS = {
    "amd64": "linux/amd64",
    "arm64": "linux/arm64",
    "armhf": "linux/arm/v7",
    "riscv64": "linux/riscv64",
    "ppc64el": "linux/ppc64le",
    "s390x": "linux/s390x",
    "i386": "linux/386",
}
"""OCI platform by dpkg architecture (containerd/platforms, database.go and cpuinfo_linux.go)."""

COMPOSE_MACHINES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armhf": "armv7",
    "riscv64": "riscv64",
    "ppc64el": "ppc64le",
    "s390x": "s390x",
}
"""The word for a dpkg architecture in the names of Compose's release files (docker/compose, Dockerfile)."""

PUBLISHED = ("amd64", "arm64", "armhf")
"""Architectures that Docker builds packages for (docker/packaging, docker-bake.hcl)."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Where a host's packages come from and what its images must be made for.

    ``repository`` is the folder under the mirror (``linux/debian``); ``distribution`` its last word.
    """

    repository: str
    codename: str
    architecture: str
    image_platform: str
    compose_machine: str
    conflicts: tuple[str, ...]
    note: str = ""

    @property
    def distribution(self) -> str:
        """ubuntu, debian or raspbian."""
        return self.repository.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Docker has no packages for this host; ``hint`` is the way out."""

    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class Family:
    """One family: does it claim a system, and what does it need?"""

    claims: Callable[[OsRelease], bool]
    platform: Callable[[OsRelease, Machine, Board], Platform | Unsupported]


def make(repository: str, codename: str, machine: Machine, conflicts: tuple[str, ...], note: str = "") -> Platform:
    """A platform with what follows from the architecture."""
    architecture = machine.architecture
    return Platform(
        repository=repository,
        codename=codename,
        architecture=architecture,
        image_platform=IMAGE_PLATFORMS.get(architecture, f"linux/{architecture}"),
        compose_machine=COMPOSE_MACHINES.get(architecture, ""),
        conflicts=conflicts,
        note=note,
    )


def refuse_processor(system: OsRelease, machine: Machine, board: Board) -> Unsupported | None:
    """Refuse, before anything is touched, the processors that Docker's packages don't run on."""
    if machine.architecture in ("armhf", "armel") and board.cpu_level == "v6":
        return _refuse_armv6(system, board)
    if machine.architecture not in PUBLISHED:
        return Unsupported(
            f"Docker publishes no packages for {machine.architecture or 'an unknown architecture'} ({', '.join(PUBLISHED)} only)",
            "Use the distribution's own package: sudo apt-get install docker.io; and leave the host out of this recipe.",
        )
    return None


def _refuse_armv6(system: OsRelease, board: Board) -> Unsupported:
    """Packages for armhf are built for ARMv7 and die with SIGILL here (Engine 29.0.0 release notes; moby/moby#47540)."""
    what = board.model or board.cpu or "this board"
    return Unsupported(
        f"{what} has an ARMv6 processor: Docker's packages need ARMv7 and would stop with 'Illegal instruction'",
        "Use the distribution's own engine (sudo apt-get install docker.io), or a Pi 2, 3, 4, 5 or Zero 2 W;"
        f" leave this host out with --exclude. ({system.pretty_name or system.id})",
    )
