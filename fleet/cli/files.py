"""What the files say: the chosen hosts, and whether their recipes are right. Nothing here knows of SSH."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fleet.cli.options import Which
from fleet.errors import FileError
from fleet.facts import NAMES
from fleet.inventory import Inventory, locate, read
from fleet.inventory.selection import Selection, select
from fleet.model import Data, Host
from fleet.recipe import DEFAULT, Scope
from fleet.recipe.cookbook import Recipes


def chosen(which: Which) -> tuple[Inventory, Selection]:
    """The inventory and the hosts that the words name."""
    inventory = read(locate(which.inventory))
    return inventory, select(inventory, which.hosts or (), everything=which.all, exclude=which.exclude or ())


def by_recipe(hosts: Iterable[Host], given: str | None) -> dict[str, list[Host]]:
    """The hosts by the recipe that they use; ``given`` is the one of --recipe."""
    used: dict[str, list[Host]] = {}
    for host in hosts:
        used.setdefault(given or host.recipe or DEFAULT, []).append(host)
    return used


def problems_of(
    recipes: Recipes, name: str, hosts: Sequence[Host], extra: Mapping[str, Data], *, looks: bool = True
) -> Iterator[FileError]:
    """What is wrong with a recipe for these hosts, as far as it shows without facts; the same for several hosts once.

    With ``looks``, build contexts and archives that it names have to be there too.
    """
    try:
        recipe = recipes.load(name)
    except FileError as error:
        yield error
        return
    seen = set()
    for host in hosts:
        scope = Scope(vars={**host.vars, **extra}, facts=None, fact_names=NAMES)
        values = repr([scope.vars.get(var) for var in sorted(recipe.used_vars)])
        if values not in seen:
            seen.add(values)
            try:
                recipe.check(scope, looks=looks)
            except FileError as error:
                yield error
