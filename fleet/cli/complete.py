"""Words for the shell's completion. Whatever is wrong with the files, a completion only offers nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any


def hosts(ctx: Any, incomplete: str) -> Iterator[tuple[str, str]]:
    """Names of hosts and groups, and facts after `fact:`."""
    if incomplete.startswith("fact:"):
        yield from _facts(incomplete)
        return
    with suppress(Exception):
        from fleet import inventory

        found = inventory.read(inventory.locate(ctx.params.get("inventory")))
        words = [(host.name, host.address) for host in found] + [(group, "group") for group in found.groups]
        yield from (word for word in words if word[0].startswith(incomplete))


def _facts(incomplete: str) -> Iterator[tuple[str, str]]:
    from fleet.facts import NAMES

    for name, meaning in NAMES.items():
        if f"fact:{name}=".startswith(incomplete):
            yield f"fact:{name}=", meaning


def recipes(incomplete: str) -> Iterator[tuple[str, str]]:
    """Names of recipes."""
    with suppress(Exception):
        from fleet.recipe.cookbook import Recipes

        for listed in Recipes().listing():
            if listed.name.startswith(incomplete):
                yield listed.name, listed.description


def steps(incomplete: str) -> Iterator[tuple[str, str]]:
    """Names of steps."""
    from fleet.steps import STEPS

    for step in STEPS:
        if step.name.startswith(incomplete):
            yield step.name, step.title
