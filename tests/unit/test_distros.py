"""Which repository a host needs, row by row of Docker's install pages and install.sh, and what each architecture is called."""

# ruff: noqa: E501 - a row of a table is a line
from __future__ import annotations

import pytest

from fleet.distros import FAMILIES, Platform, Unsupported, platform_of
from fleet.distros.base import COMPOSE_MACHINES, IMAGE_PLATFORMS, make
from fleet.facts import BOARD, MACHINE, OS
from fleet.facts.board import Board
from fleet.facts.system import Machine, OsRelease
from fleet.model import Facts


def facts(system: OsRelease, machine: str = "x86_64", architecture: str = "amd64", level: str = "") -> Facts:
    """Facts with no more in them than the decision needs."""
    board = Board(cpu_level=level)
    return Facts({OS.name: system, MACHINE.name: Machine(architecture=architecture, machine=machine), BOARD.name: board})


def like(*words: str) -> tuple[str, ...]:
    """ID_LIKE."""
    return words


ROWS = [
    # host, os-release, uname -m, dpkg, cpu, what to use
    ("Pi OS 64-bit", OsRelease("debian", codename="trixie", raspberry_pi_os=True), "aarch64", "arm64", "v8", "linux/debian trixie"),
    ("Pi OS 32-bit trixie", OsRelease("raspbian", like("debian"), codename="trixie"), "armv7l", "armhf", "v7", "linux/debian trixie"),
    ("Pi OS 32-bit bookworm", OsRelease("raspbian", like("debian"), codename="bookworm"), "armv7l", "armhf", "v7", "linux/debian bookworm"),
    ("Pi OS 32-bit, 64-bit kernel", OsRelease("raspbian", codename="bookworm"), "aarch64", "armhf", "v8", "linux/debian bookworm"),
    ("Ubuntu amd64", OsRelease("ubuntu", like("debian"), codename="noble", ubuntu_codename="noble"), "x86_64", "amd64", "", "linux/ubuntu noble"),
    ("Ubuntu arm64", OsRelease("ubuntu", codename="jammy", ubuntu_codename="jammy"), "aarch64", "arm64", "v8", "linux/ubuntu jammy"),
    ("Ubuntu armhf", OsRelease("ubuntu", codename="jammy"), "armv7l", "armhf", "v7", "linux/ubuntu jammy"),
    ("Mint", OsRelease("linuxmint", like("ubuntu", "debian"), codename="xia", ubuntu_codename="noble"), "x86_64", "amd64", "", "linux/ubuntu noble"),
    ("Pop!_OS", OsRelease("pop", like("ubuntu", "debian"), codename="jammy", ubuntu_codename="jammy"), "x86_64", "amd64", "", "linux/ubuntu jammy"),
    ("Zorin", OsRelease("zorin", like("ubuntu", "debian"), ubuntu_codename="jammy"), "x86_64", "amd64", "", "linux/ubuntu jammy"),
    ("elementary", OsRelease("elementary", like("ubuntu"), codename="circe", ubuntu_codename="noble"), "x86_64", "amd64", "", "linux/ubuntu noble"),
    ("LMDE", OsRelease("linuxmint", like("debian"), codename="faye", debian_codename="bookworm"), "x86_64", "amd64", "", "linux/debian bookworm"),
    ("child of Debian by number", OsRelease("parrot", like("debian"), codename="lory", debian_version="12.5"), "x86_64", "amd64", "", "linux/debian bookworm"),
    ("child of Debian by name", OsRelease("devuan", like("debian"), codename="excalibur", debian_version="trixie/sid"), "x86_64", "amd64", "", "linux/debian trixie"),
    ("Debian without a codename", OsRelease("debian", debian_version="13.2"), "x86_64", "amd64", "", "linux/debian trixie"),
    ("DietPi 64-bit", OsRelease("debian", codename="bookworm"), "aarch64", "arm64", "v8", "linux/debian bookworm"),
    ("DietPi 32-bit", OsRelease("raspbian", like("debian"), codename="bookworm"), "armv7l", "armhf", "v7", "linux/debian bookworm"),
    ("OSMC", OsRelease("osmc", like("debian"), debian_version="12.11"), "armv7l", "armhf", "v7", "linux/debian bookworm"),
]  # fmt: skip

REFUSED = [
    ("Pi OS 32-bit on ARMv6", OsRelease("raspbian", codename="bookworm"), "armv6l", "armhf", "v6", "ARMv6"),
    ("Debian armel on ARMv6", OsRelease("debian", codename="bookworm"), "armv6l", "armel", "v6", "ARMv6"),
    ("armel", OsRelease("debian", codename="bookworm"), "armv5tel", "armel", "", "no packages for armel"),
    ("riscv64", OsRelease("debian", codename="trixie"), "riscv64", "riscv64", "", "no packages for riscv64"),
    ("ppc64el", OsRelease("ubuntu", codename="noble"), "ppc64le", "ppc64el", "", "no packages for ppc64el"),
    ("s390x", OsRelease("ubuntu", codename="noble"), "s390x", "s390x", "", "no packages for s390x"),
    ("i386", OsRelease("debian", codename="bookworm"), "i686", "i386", "", "no packages for i386"),
    ("no dpkg", OsRelease("debian", codename="bookworm"), "x86_64", "", "", "an unknown architecture"),
    ("Kali", OsRelease("kali", like("debian"), codename="kali-rolling", debian_version="kali-rolling"), "x86_64", "amd64", "", "moves every day"),
    ("testing", OsRelease("debian", codename="forky", debian_version="forky/sid"), "x86_64", "amd64", "", "forky"),
    ("child of testing", OsRelease("siduction", like("debian"), debian_version="forky/sid"), "x86_64", "amd64", "", "forky"),
    ("Debian 11", OsRelease("debian", codename="bullseye"), "x86_64", "amd64", "", "Debian 11 (bullseye)"),
    ("Raspbian 10", OsRelease("raspbian", codename="buster"), "armv7l", "armhf", "v7", "Debian 10 (buster)"),
    ("child of Debian that says nothing", OsRelease("x", like("debian")), "x86_64", "amd64", "", "does not say which Debian"),
    ("child of Ubuntu that says nothing", OsRelease("x", like("ubuntu"), codename="y"), "x86_64", "amd64", "", "does not say which Ubuntu"),
    ("Ubuntu 20.04", OsRelease("ubuntu", codename="focal"), "x86_64", "amd64", "", "Ubuntu 20.04 (focal)"),
    ("Mint 20", OsRelease("linuxmint", like("ubuntu"), codename="una", ubuntu_codename="focal"), "x86_64", "amd64", "", "Ubuntu 20.04 (focal)"),
    ("Fedora", OsRelease("fedora", codename=""), "x86_64", "amd64", "", "neither Debian, Ubuntu"),
    ("nothing known", OsRelease(), "", "", "", "this system is neither"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("system", "machine", "architecture", "level", "use"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_repository_and_codename(system: OsRelease, machine: str, architecture: str, level: str, use: str) -> None:
    """One row of the table: what os-release says, and what to use."""
    found = platform_of(facts(system, machine, architecture, level))
    assert isinstance(found, Platform), found
    assert f"{found.repository} {found.codename}" == use
    assert found.architecture == architecture


@pytest.mark.parametrize(
    ("system", "machine", "architecture", "level", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refusals_have_a_reason_and_a_way_out(system: OsRelease, machine: str, architecture: str, level: str, words: str) -> None:
    """What can't work is refused with its name, and with something to do."""
    found = platform_of(facts(system, machine, architecture, level))
    assert isinstance(found, Unsupported), found
    assert words in found.why
    assert len(found.hint) > 20


ARCHITECTURES = [
    # dpkg, OCI platform, word in Compose's file names (docker/compose, Dockerfile)
    ("amd64", "linux/amd64", "x86_64"),
    ("arm64", "linux/arm64", "aarch64"),
    ("armhf", "linux/arm/v7", "armv7"),
    ("riscv64", "linux/riscv64", "riscv64"),
    ("ppc64el", "linux/ppc64le", "ppc64le"),
    ("s390x", "linux/s390x", "s390x"),
    ("i386", "linux/386", ""),
]


@pytest.mark.parametrize(("architecture", "image", "compose"), ARCHITECTURES)
def test_words_for_an_architecture(architecture: str, image: str, compose: str) -> None:
    """dpkg's word decides on the image platform and on Compose's file, whatever the kernel is."""
    for kernel in ("x86_64", "aarch64"):
        found = make("linux/debian", "trixie", Machine(architecture=architecture, machine=kernel), ())
        assert (found.image_platform, found.compose_machine) == (image, compose)


def test_every_known_architecture_has_a_row() -> None:
    """A new one gets a row with its source."""
    assert {row[0] for row in ARCHITECTURES} == set(IMAGE_PLATFORMS) >= set(COMPOSE_MACHINES)


def test_families_are_asked_from_the_special_to_the_general() -> None:
    """A child of Ubuntu also says debian, so Ubuntu comes before Debian, and Raspbian before both."""
    mint = OsRelease("linuxmint", like("ubuntu", "debian"), ubuntu_codename="noble")
    assert [family.claims(mint) for family in FAMILIES] == [False, True, True]


def test_conflicts_are_those_of_the_distribution() -> None:
    """docker-compose-v2 exists on Ubuntu alone, docker-cli on Debian: apt fails on names that it has never heard of."""
    ubuntu = platform_of(facts(OsRelease("ubuntu", codename="noble")))
    debian = platform_of(facts(OsRelease("debian", codename="trixie")))
    assert isinstance(ubuntu, Platform)
    assert isinstance(debian, Platform)
    assert "docker-compose-v2" in ubuntu.conflicts
    assert "docker-compose-v2" not in debian.conflicts
    assert "docker-cli" in debian.conflicts
