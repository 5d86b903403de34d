"""`fleet recipes`: which there are, and what is in one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import complete
from fleet.cli.options import command
from fleet.cli.session import Session
from fleet.console import tell_data, tell_error, tell_json

if TYPE_CHECKING:
    from fleet.files.problems import Place
    from fleet.model import Data
    from fleet.recipe import Recipe
    from fleet.recipe.cookbook import Recipes

_VERSION = 1
"""Of the JSON."""


def recipes(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", show_default=False, help="Show this one.", autocompletion=complete.recipes)
    ] = None,
) -> int:
    """List the recipes, or show one with its includes merged in and where each value comes from."""
    from fleet.recipe.cookbook import Recipes

    return _show(session, Recipes().load(name)) if name else _list(session, Recipes())


def _list(session: Session, recipes: Recipes) -> int:
    from fleet.console.tables import tell_table

    found = recipes.listing()
    if session.screen.json:
        rows = [{"name": r.name, "path": str(r.path), "description": r.description, "problem": r.problem} for r in found]
        tell_json(session.screen, {"version": _VERSION, "recipes": rows})
    else:
        tell_table(
            session.screen.out, ("RECIPE", "DESCRIPTION", "FILE"), [(r.name, r.description or "-", str(r.path)) for r in found]
        )
        for row in found:
            if row.problem:
                tell_error(session.screen, row.problem)
    return 2 if any(row.problem for row in found) else 0


def _show(session: Session, recipe: Recipe) -> int:
    data: dict[str, Data] = {"vars": dict(recipe.vars), **{name: _section(recipe, name) for name in recipe.sections}}
    if session.screen.json:
        tell_json(session.screen, {"version": _VERSION, "name": recipe.name, "sources": recipe.sources, "recipe": data})
        return 0
    tell_data(session.screen, f"# {recipe.name}: {recipe.description}" if recipe.description else f"# {recipe.name}")
    lines = list(_lines(recipe, data, ()))
    width = max((len(text) for text, _ in lines), default=0)
    for text, source in lines:
        tell_data(session.screen, f"{text:<{min(width, 60)}}  # {source}")
    return 0


def _section(recipe: Recipe, name: str) -> dict[str, Data]:
    when = recipe.conditions.get(name)
    return {**({"when": dict(when)} if when else {}), **recipe.sections[name]}


def _lines(recipe: Recipe, data: Mapping[str, Data], place: Place) -> Iterator[tuple[str, str]]:
    """YAML, a line a value (JSON's plain values are YAML's), each with its file and line."""
    for name, value in data.items():
        here = (*place, name)
        path, line = recipe.locate(here)
        nested = isinstance(value, dict) and value
        text = f"{'  ' * len(place)}{name}:{'' if nested else ' ' + json.dumps(value, ensure_ascii=False)}"
        yield text, f"{path}:{line}" if line else path
        if isinstance(value, dict) and value:
            yield from _lines(recipe, value, here)


app = command(recipes)
