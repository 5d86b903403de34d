"""Plans without a host and without a network: from facts, a recipe as a plain dictionary, and the fixed world of `network`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fleet.model import Catalog, Change, Facts, Host, Options, Plan, Query, Satisfied, Step, Verdict
from fleet.plan import Missing, build, chosen
from fleet.steps import STEPS
from tests.support.network import answer

DEFAULT: Mapping[str, Any] = {"engine": {}, "service": {}, "group": {}, "compose": {}}
"""The sections of the recipe `docker`, with the defaults of each step."""

HOST = Host("pi-kitchen", "192.0.2.7")


def options_of(recipe: Mapping[str, Any]) -> Callable[[Step[Any]], Options]:
    """How a step's options are found in this recipe; strict as in a file, where JSON's arrays are tuples."""

    def find(step: Step[Any]) -> Options:
        options: Options = step.options.model_validate_json(json.dumps(recipe.get(step.name, {})))
        return options

    return find


def attempt(facts: Facts, recipe: Mapping[str, Any] = DEFAULT, left_out: Sequence[str] = ()) -> Plan | Missing:
    """What the plan is before anything has been asked of the network."""
    return build(HOST, "test", chosen(STEPS, tuple(recipe)), facts, options_of(recipe), Catalog(), left_out)


def plan(
    facts: Facts,
    recipe: Mapping[str, Any] = DEFAULT,
    left_out: Sequence[str] = (),
    told: Mapping[Query[Any], object] | None = None,
) -> Plan:
    """The plan, with every look-up that it takes; ``told`` are answers that are others than the fixed world's."""
    catalog = Catalog(told)
    while True:
        found = build(HOST, "test", chosen(STEPS, tuple(recipe)), facts, options_of(recipe), catalog, left_out)
        if isinstance(found, Plan):
            return found
        assert not [q for q in found.queries if q in catalog], "a query was asked twice"
        catalog = Catalog({**catalog.answers, **{q: answer(q) for q in found.queries}})


def verdict(found: Plan, step: str) -> Verdict:
    """One step's verdict."""
    return next(p.verdict for p in found.steps if p.step == step)


def changed(found: Plan) -> list[str]:
    """The names of the steps that change something."""
    return [p.step for p in found.changes]


def effects(facts: Facts, found: Plan) -> Facts:
    """The facts as the plan says that they will be, without what steps only told each other."""
    later = facts
    for planned in found.steps:
        if isinstance(planned.verdict, Satisfied | Change):
            later = planned.verdict.after(later)
    return Facts({name: value for name, value in later.answers.items() if name in facts.answers})
