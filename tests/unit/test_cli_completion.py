"""The shell's completion: real names of hosts, groups, recipes and steps, and silence when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with an inventory and a recipe."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "recipes").mkdir()
    (tmp_path / "inventory" / "fleet.yml").write_text("groups: {pis: }\nhosts: {pi-1: {groups: [pis]}, pi-2: , desk: }\n")
    (tmp_path / "other.yml").write_text("hosts: {elsewhere: }\n")
    (tmp_path / "recipes" / "own.yml").write_text("description: mine\ninclude: [docker]\n")
    return tmp_path


def _completed(project: Path, line: str) -> list[str]:
    """What bash would offer at the end of the line."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "PYTHONPATH": str(CLONE),
        "_FLEET_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    environment.pop("FLEET_INVENTORY", None)
    done = subprocess.run(
        [sys.executable, "-m", "fleet"], cwd=project, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fleet prov", ["provision"]),
        ("fleet provision pi", ["pi-1", "pi-2", "pis"]),
        ("fleet provision desk d", ["desk"]),
        ("fleet plan --all -x d", ["desk"]),
        ("fleet hosts -i other.yml e", ["elsewhere"]),
        ("fleet plan fact:architecture", ["fact:architecture="]),
        ("fleet plan -r o", ["own"]),
        ("fleet recipes d", ["docker"]),
        ("fleet plan --step en", ["engine"]),
        ("fleet schema r", ["recipe"]),
    ],
)
def test_completion_knows_names(project: Path, line: str, offered: list[str]) -> None:
    """Of verbs, hosts, groups, facts, recipes and steps."""
    assert _completed(project, line) == offered


def test_completion_is_silent_when_files_are_wrong(project: Path) -> None:
    """A broken inventory offers nothing, and prints nothing into the line that is being typed."""
    (project / "inventory" / "fleet.yml").write_text("hosts: [")
    assert _completed(project, "fleet provision pi") == []
    (project / "inventory" / "fleet.yml").unlink()
    assert _completed(project, "fleet provision pi") == []
