"""Docker Engine stays in the wanted version, whoever runs `apt upgrade`: apt's preferences, written by the step `engine`."""

from __future__ import annotations

from dataclasses import replace

from fleet.facts.sources import KEYRING, PIN_PATH, sha256_of
from fleet.model import Action, Facts, Remove, Write
from fleet.shell import diff_lines

PINNED = ("docker-ce", "docker-ce-cli", "docker-ce-rootless-extras")
"""Released together, under one version."""


def wanted_pin(version: str | None) -> str:
    """The text of the pin file: an upgrade then stays within the wanted version, or goes down to it (apt_preferences(5)).

    Docker's packages have the epoch 5 (docker/docker-ce-packaging, deb/gen-deb-ver).
    """
    if version is None:
        return ""
    pattern = f"5:{version}-*" if version.count(".") == 2 else f"5:{version}.*"
    return (
        "# Written by fleet: the wanted version of Docker Engine, so that an upgrade does not leave it.\n"
        f"Package: {' '.join(PINNED)}\nPin: version {pattern}\nPin-Priority: 1001\n"
    )


def pin_action(facts: Facts, version: str | None) -> Action | None:
    """Write, correct or remove the pin file; None when it is right."""
    wanted, there = wanted_pin(version), facts[KEYRING]
    if wanted == there.pin and bool(wanted) == bool(there.pin_sha256):
        return None
    return Write(PIN_PATH, wanted, was=there.pin_sha256) if wanted else Remove(PIN_PATH, there.pin_sha256)


def pin_diff(facts: Facts, version: str | None) -> str:
    """What changes in the pin file, for people."""
    return diff_lines(facts[KEYRING].pin.splitlines(), wanted_pin(version).splitlines(), PIN_PATH)


def with_pin(facts: Facts, version: str | None) -> Facts:
    """The facts when the pin file is right."""
    pin = wanted_pin(version)
    return facts.but(KEYRING, replace(facts[KEYRING], pin=pin, pin_sha256=sha256_of(pin) if pin else ""))
