"""`fleet validate`: are the files right? Nothing is connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleet.cli.options import What, Which, command
from fleet.cli.session import Session
from fleet.console import tell_data, tell_error, tell_json

_VERSION = 1
"""Of the JSON."""


def validate(session: Session, which: Which, what: What) -> int:
    """Check the inventory, and the recipes for the hosts that use them. Without HOSTS: all of them. Nothing is connected."""
    from fleet.cli.files import by_recipe, chosen, problems_of
    from fleet.lock.file import LockFile
    from fleet.recipe import parse_extra
    from fleet.recipe.cookbook import Recipes

    LockFile(what.lock)
    inventory, selection = chosen(replace(which, all=which.all or not which.hosts))
    recipes = Recipes()
    extra = parse_extra(what.extra or ())
    found: dict[str, dict[str, str]] = {}
    for name, hosts in by_recipe(selection.hosts, what.recipe).items():
        found[name] = {str(error): error.hint for error in problems_of(recipes, name, hosts, extra)}
    if not what.recipe and not which.hosts:
        found |= {row.name: {row.problem: ""} for row in recipes.listing() if row.problem and row.name not in found}
    _tell(session, inventory.path, len(selection.hosts), found)
    return 2 if any(found.values()) else 0


def _tell(session: Session, path: str, hosts: int, found: Mapping[str, Mapping[str, str]]) -> None:
    if session.screen.json:
        rows = [{"name": name, "problems": list(problems)} for name, problems in found.items()]
        tell_json(session.screen, {"version": _VERSION, "inventory": path, "hosts": hosts, "recipes": rows})
        return
    for problems in found.values():
        for text, hint in problems.items():
            tell_error(session.screen, text, hint)
    right = [name for name, problems in found.items() if not problems]
    tell_data(session.screen, f"inventory {path}: {hosts} host{'' if hosts == 1 else 's'}, all right")
    if right:
        tell_data(session.screen, f"recipe {', '.join(right)}: all right")


app = command(validate)
