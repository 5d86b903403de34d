"""The README is true: every step, option, verb, inventory key, exit code and variable is in it, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet.cli.app import VERBS
from fleet.inventory.schema import Entry
from fleet.report import EXIT_CODES
from fleet.steps import STEPS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "fleet").rglob("*.py"))


def _rows(title: str) -> dict[str, str]:
    """The rows of the tables in one section of the README, by the word in the first column."""
    section = re.split(r"(?m)^## ", README.partition(f"\n## {title}\n")[2])[0]
    rows = re.findall(r"(?m)^\| `([^`]+)`(?:[^|]*)\|(.*)\|$", section)
    return dict(rows)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_and_option_is_documented(step: object) -> None:
    """The table of steps has a row for the step, with all its options and no others."""
    row = _rows("Recipes")[step.name]  # type: ignore[attr-defined]
    documented = set(re.findall(r"`(\w+)`", row.rpartition("|")[2]))
    assert documented == set(step.options.model_fields)  # type: ignore[attr-defined]


def test_no_step_is_documented_that_is_not_there() -> None:
    """The table has the steps in their order, and the proof."""
    assert [*_rows("Recipes")] == [*(step.name for step in STEPS), "proof"]


def test_every_verb_is_documented() -> None:
    """The table of verbs names each verb, and no other."""
    documented = {re.match(r"fleet (\w+)", name)[1] for name in _rows("Verbs")}  # type: ignore[index]
    assert documented == set(VERBS) == {path.stem for path in (ROOT / "fleet" / "cli").glob("*.py")} & documented


@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_exit_code_is_documented(code: int) -> None:
    """The paragraph on exit codes tells each."""
    paragraph = README.partition("Exit codes:")[2].partition("\n\n")[0]
    assert re.search(rf"\b{code} [a-z]", paragraph)


@pytest.mark.parametrize("key", Entry.model_fields)
def test_every_inventory_key_is_documented(key: str) -> None:
    """The table of the inventory names each key of a host, and example.yml shows it."""
    section = README.partition("\n## Inventory\n")[2].partition("\n## ")[0]
    assert f"`{key}`" in section
    assert re.search(rf"(?m)^ +{key}:", (ROOT / "inventory" / "example.yml").read_text(encoding="utf-8"))


def test_every_variable_is_documented() -> None:
    """Each FLEET_… environment variable that the code reads is in the README."""
    assert {name for name in re.findall(r"\bFLEET_[A-Z_]+[A-Z]\b", SOURCES) if name not in README} - _INSIDE == set()


_INSIDE = {"FLEET_DEBIAN_VERSION", "FLEET_RPI_ISSUE"}
"""Words in a probe's answer, not variables of the environment."""


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", README))))
def test_no_option_is_documented_that_is_not_there(option: str) -> None:
    """Each --option in the README is one of fleet's."""
    assert f'"{option}"' in SOURCES or option in ("--install-completion", "--help", "--print-architecture"), option


def test_a_changelog_entry_for_this_version() -> None:
    """CHANGELOG.md keeps to its format."""
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
