"""What the tests on emulated Raspberry Pis have in common."""

from __future__ import annotations

from tests.support.project import Project, Said

BARE = ["keyring", "source", "engine", "group", "compose"]
"""What the recipe `docker` changes on a bare host."""
PI = ["journal", "keyring", "source", "engine", "daemon", "group", "compose"]
"""What the recipe `pi` changes beside clock and memory controller, which come first."""
PATIENT = 1800
"""Seconds for a run; some 200 on a quiet machine, a reboot included."""
CMDLINE = "/boot/firmware/cmdline.txt"


def ask(project: Project, verb: str, *words: str, timeout: float = PATIENT) -> Said:
    """Run a verb for the whole inventory, with the patience that an emulated machine needs."""
    return project.fleet(verb, "--all", *words, "--json", timeout=timeout)
