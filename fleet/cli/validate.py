"""`fleet validate`: are the files right? Nothing is connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fleet.cli.options import What, Which, command
from fleet.cli.session import Session
from fleet.console import tell_data, tell_error, tell_json
from fleet.errors import FileError

if TYPE_CHECKING:
    from fleet.cookbook import Recipes
    from fleet.model import Data, Host

_VERSION = 1
"""Of the JSON."""


def validate(session: Session, which: Which, what: What) -> int:
    """Check the inventory, and the recipes for the hosts that use them. Without HOSTS: all of them. Nothing is connected."""
    from fleet.cli.prepare import chosen
    from fleet.cookbook import Recipes
    from fleet.recipe import DEFAULT, parse_extra

    inventory, selection = chosen(replace(which, all=which.all or not which.hosts))
    recipes = Recipes()
    extra = parse_extra(what.extra or ())
    used: dict[str, list[Host]] = {}
    for host in selection.hosts:
        used.setdefault(what.recipe or host.recipe or DEFAULT, []).append(host)
    found = {name: dict(_problems(recipes, name, hosts, extra)) for name, hosts in used.items()}
    if not what.recipe and not which.hosts:
        found |= {row.name: {row.problem: ""} for row in recipes.listing() if row.problem and row.name not in found}
    _tell(session, inventory.path, len(selection.hosts), found)
    return 2 if any(found.values()) else 0


def _problems(recipes: Recipes, name: str, hosts: list[Host], extra: Mapping[str, Data]) -> Iterator[tuple[str, str]]:
    """What is wrong with a recipe for these hosts, with remedies; what is the same for several comes once."""
    from fleet.facts import NAMES
    from fleet.recipe import Scope

    try:
        recipe = recipes.load(name)
    except FileError as error:
        yield str(error), error.hint
        return
    seen = set()
    for host in hosts:
        scope = Scope(vars={**host.vars, **extra}, facts=None, fact_names=NAMES)
        values = repr(sorted((var, repr(scope.vars.get(var))) for var in recipe.used_vars))
        if values in seen:
            continue
        seen.add(values)
        try:
            recipe.check(scope)
        except FileError as error:
            yield str(error), error.hint


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
