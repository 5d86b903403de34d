"""`address: local`: this very machine, without SSH. Only looked at: the tests must not provision the machine they run on."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from tests.support.project import Project

pytestmark = pytest.mark.lab

LOOKED_AT = ("/etc", "/usr/local/bin", "/usr/local/lib/docker", "/usr/share/keyrings", "/var/lib/dpkg", "/root/.ssh")


def state() -> dict[str, str]:
    """Every file that a provisioning could touch, with a checksum."""
    found = {}
    for top in LOOKED_AT:
        for folder, _, files in os.walk(top):
            for name in files:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_this_machine_is_looked_at(project: Project) -> None:
    """Facts and a plan of this machine need no SSH, tell the truth, and change nothing."""
    if not shutil.which("dpkg"):
        pytest.skip("this machine is no Debian or Ubuntu")
    project.write_inventory({"here": {"address": "local"}})
    before = state()
    facts = project.fleet("facts", "here", "--json")
    plan = project.fleet("plan", "here", "--json")
    assert state() == before
    assert facts.code == 0, facts
    known = facts.hosts()["here"]["facts"]
    assert (known["kernel"], known["user"], known["sudo"]) == (os.uname().release, "root", "root")
    assert plan.code in (0, 1), plan
    verdicts = {row["step"]: row["verdict"] for row in plan.hosts()["here"]["plan"]["steps"]}
    assert verdicts["platform"] == "satisfied", plan


def test_a_command_here(project: Project) -> None:
    """`fleet run` on this machine gives output and exit code of the command."""
    project.write_inventory({"here": {"address": "local"}})
    said = project.fleet("run", "here", "--", "printf '%s\\n' \"$((6 * 7))\"; exit 3")
    assert said.code == 1, said
    assert "42" in said.out.splitlines()[0]
    assert "3" in said.out + said.err
