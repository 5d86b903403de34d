"""When releases end: the last day of security updates that cost nothing.

Source: distro-info-data, debian.csv (its column eol-lts) and ubuntu.csv (eol), as on www.debian.org/releases and
ubuntu.com/about/release-cycle. Raspberry Pi OS is built on Debian's releases and ends with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

ENDS: Mapping[tuple[str, str], date] = {
    ("debian", "stretch"): date(2022, 6, 30),
    ("debian", "buster"): date(2024, 6, 30),
    ("debian", "bullseye"): date(2026, 8, 31),
    ("debian", "bookworm"): date(2028, 6, 30),
    ("debian", "trixie"): date(2030, 6, 30),
    ("ubuntu", "bionic"): date(2023, 5, 31),
    ("ubuntu", "focal"): date(2025, 5, 29),
    ("ubuntu", "jammy"): date(2027, 6, 1),
    ("ubuntu", "kinetic"): date(2023, 7, 20),
    ("ubuntu", "lunar"): date(2024, 1, 25),
    ("ubuntu", "mantic"): date(2024, 7, 11),
    ("ubuntu", "noble"): date(2029, 5, 31),
    ("ubuntu", "oracular"): date(2025, 7, 10),
    ("ubuntu", "plucky"): date(2026, 1, 15),
    ("ubuntu", "questing"): date(2026, 7, 9),
    ("ubuntu", "resolute"): date(2031, 5, 29),
    ("ubuntu", "stonking"): date(2027, 7, 15),
}
"""By distribution and codename."""

INTERIM = frozenset({"kinetic", "lunar", "mantic", "oracular", "plucky", "questing", "stonking"})
"""Ubuntu releases whose packages move to old-releases.ubuntu.com after their end (help.ubuntu.com, EOLUpgrades)."""

ARCHIVED = frozenset({"jessie", "stretch", "buster"})
"""Debian releases that are on archive.debian.org only, and Raspbian's on legacy.raspbian.org."""
