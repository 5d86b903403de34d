"""`fleet images lock`: lock the images of the recipes that are not locked yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fleet.cli.options import What, Which, command
from fleet.cli.session import Session
from fleet.console import tell_warning


def lock(session: Session, which: Which, what: What) -> int:
    """Lock the images of the hosts' recipes that are not locked yet. Without HOSTS: of all. No host is connected.

    What each tag names is looked up, and recorded by digest; `fleet provision` does the same for what it meets unlocked.
    """
    from fleet.cli.locking import Told, look_up, tell
    from fleet.lock import name_of
    from fleet.lock.file import LockFile
    from fleet.queries import ImageQuery, RemoteImage

    file = LockFile(what.lock, writes=True)
    wanted = dict.fromkeys(name for reference in _images(session, which, what) if (name := name_of(reference)))
    new = [name for name in wanted if name not in file.lock.pins]

    def told(name: str, image: RemoteImage) -> Told:
        return Told(name, "locked", "", image.digest)

    found, rows = look_up(new, ImageQuery, told, "not locked")
    if found:
        file.change(lambda lock: lock.with_new(found))
    kept = {name: file.lock.pins[name].digest for name in wanted if name not in new}
    old = [Told(name, "as it was", digest, digest) for name, digest in kept.items()]
    return tell(session, file, [*old, *rows], f"{len(found)} locked, {len(old)} as they were")


def _images(session: Session, which: Which, what: What) -> Iterator[str]:
    """The images that the recipes of the hosts name."""
    from fleet.cli.files import by_recipe, chosen, problems_of
    from fleet.facts import NAMES
    from fleet.recipe import Scope, parse_extra
    from fleet.recipe.cookbook import Recipes
    from fleet.steps import STEPS, names_images

    _, selection = chosen(replace(which, all=which.all or not which.hosts))
    recipes, extra = Recipes(), parse_extra(what.extra or ())
    for name, hosts in by_recipe(selection.hosts, what.recipe).items():
        for error in problems_of(recipes, name, hosts, extra):
            raise error
        recipe, unknown = recipes.load(name), set()
        scopes = [Scope(vars={**host.vars, **extra}, facts=None, fact_names=NAMES) for host in hosts]
        for step in (step for step in STEPS if step.name in recipe.sections and names_images(step)):
            for options in (recipe.options_without_facts(step, scope) for scope in scopes):
                yield from step.images(options) if options else ()
                unknown |= set() if options else {step.name}
        if unknown:
            said = f"{', '.join(sorted(unknown))} of the recipe {name} depends on facts of the hosts"
            tell_warning(session.screen, f"{said}: `fleet provision` locks its images")


app = command(lock)
