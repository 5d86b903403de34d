"""Golden hosts: what a host answered, and what a person expects of it, written by hand from the source that is named there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fleet.facts import SUDO, read
from fleet.job import PROBES
from fleet.model import Facts
from fleet.remote import way_of
from tests.support.planning import DEFAULT

FOLDER = Path(__file__).parents[1] / "golden"
NONCE = "golden"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/expected.yml"))


@dataclass(frozen=True)
class Golden:
    """One golden host; ``expected`` is its expected.yml as it stands there."""

    name: str
    expected: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The raw answer of the host, or of another golden host of which only the recipe differs."""
        name: str = self.expected.get("probe", self.name)
        return (FOLDER / name / "probe.txt").read_text(encoding="utf-8")

    @property
    def facts(self) -> Facts:
        """The answer, read as the product reads it."""
        return read(PROBES, NONCE, self.text).but(SUDO, str(way_of(self.text)))

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The default recipe with what the expectation sets."""
        return {**DEFAULT, **self.expected.get("recipe", {})}

    @property
    def sees_root(self) -> bool:
        """False where the login has no way to root, so that no plan can be made."""
        return "unknown" not in self.expected


@cache
def golden(name: str) -> Golden:
    """The golden host of that name."""
    return Golden(name, yaml.safe_load((FOLDER / name / "expected.yml").read_text(encoding="utf-8")))
