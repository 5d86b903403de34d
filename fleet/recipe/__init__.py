"""Recipes to a Recipe: what is to be true of a host, one section per step. `recipes/docker.yml` is the one to read.

A recipe may include others; they are merged below it, key by key. Sections stay data until a host is known, since they
may refer to its vars and facts; then each becomes the options of its step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet.errors import RecipeError, UsageError
from fleet.files import fields, named
from fleet.files.problems import Place, Problem, explain, placed, raise_all, show
from fleet.model import Data, Options, Step
from fleet.recipe import conditions
from fleet.recipe.substitution import Scope, fill, lookup, references

DEFAULT = "docker"
Steps = Sequence[Step[Any]]
O = TypeVar("O", bound=Options)  # noqa: E741


class Given(str):
    """The value of a var from the command line. It is text until an option wants something else."""

    __slots__ = ()


class Head(BaseModel):
    """What a recipe has besides its sections."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    description: str | None = Field(None, description="One line for `fleet recipes`.")
    include: list[str] | None = Field(
        None,
        description="Names of recipes that this one builds upon; a later one wins over an earlier one, and this one over all.",
    )
    vars: dict[fields.VarName, Any] | None = Field(
        None, description="Values for ${vars.NAME}, which the inventory and -e NAME=VALUE may override."
    )


@dataclass(frozen=True)
class Recipe:
    """Sections by step, vars, and where all of it was written. ``sources`` are the files, the including one last.

    ``conditions`` are the `when` of the sections that have one.
    """

    name: str
    description: str
    sections: Mapping[str, Mapping[str, Data]]
    vars: Mapping[str, Data]
    sources: tuple[str, ...]
    places: Mapping[Place, tuple[str, int | None]] = field(repr=False, compare=False, default_factory=dict)
    steps: Steps = field(repr=False, compare=False, default=())
    conditions: Mapping[str, Mapping[str, Data]] = field(default_factory=dict)
    _made: dict[object, Options] = field(repr=False, compare=False, default_factory=dict)
    _without: dict[frozenset[str], Recipe] = field(repr=False, compare=False, default_factory=dict)

    @cached_property
    def _references(self) -> Mapping[str, tuple[str, ...]]:
        return {step: tuple(sorted(references(dict(data)))) for step, data in self.sections.items()}

    @property
    def used_vars(self) -> frozenset[str]:
        """The vars that the sections refer to."""
        names = [name for every in self._references.values() for name in every]
        names += [name for when in self.conditions.values() for name in references(dict(when))]
        return frozenset(name.removeprefix("vars.") for name in names if name.startswith("vars."))

    def unmet(self, scope: Scope) -> Mapping[str, str]:
        """The sections that don't count on the host that the scope describes, each with the reason."""
        scope = self._with_own_vars(scope)
        found = {name: conditions.unmet(when, scope) for name, when in self.conditions.items()}
        return {name: why for name, why in found.items() if why}

    def without(self, names: frozenset[str]) -> Recipe:
        """The recipe as if these sections were not written; one and the same for equal names."""
        if names not in self._without:
            kept = {name: data for name, data in self.sections.items() if name not in names}
            self._without[names] = replace(self, sections=kept, conditions={}, _made={}, _without={})
        return self._without[names]

    def options(self, step: Step[O], scope: Scope) -> O:
        """The options of a step on the host that the scope describes; a step without a section gets its defaults.

        Made once for all hosts whose vars and facts say the same. Raises RecipeError with all that is wrong.
        """
        scope = self._with_own_vars(scope)
        values = [(name, lookup(scope, name)) for name in self._references.get(step.name, ())]
        key = (step.options, tuple((name, type(value), repr(value)) for name, value in values))
        if key not in self._made:
            made, problems = _Reading(self, step, scope).result()
            if made is None:
                raise_all(placed(problems, self.locate), RecipeError)
            self._made[key] = made
        return self._made[key]  # type: ignore[return-value]

    def options_without_facts(self, step: Step[O], scope: Scope) -> O | None:
        """The options of a step before any host was asked; None where they depend on a fact, or are wrong."""
        made, _ = _Reading(self, step, self._with_own_vars(scope)).result()
        return made  # type: ignore[return-value]

    def check(self, scope: Scope, *, looks: bool = True) -> None:
        """Raise one RecipeError with the problems of all sections, as far as they show without facts.

        With ``looks``, build contexts and archives that the sections name have to be there too.
        """
        scope = self._with_own_vars(scope)
        readings = [_Reading(self, step, scope, looks=looks) for step in self.steps if step.name in self._wanted()]
        problems = [problem for reading in readings for problem in reading.result()[1]]
        for name, when in self.conditions.items():
            problems += conditions.problems(when, scope, (name, conditions.KEY))
        if problems:
            raise_all(placed(problems, self.locate), RecipeError)

    def locate(self, place: Place) -> tuple[str, int | None]:
        """The file and line of a place, or of the nearest one around it."""
        while place and place not in self.places:
            place = place[:-1]
        return self.places.get(place, (self.sources[-1], None))

    def _with_own_vars(self, scope: Scope) -> Scope:
        return Scope({**self.vars, **scope.vars}, scope.facts, scope.fact_names)

    def _wanted(self) -> set[str]:
        """The steps of the sections, and all that they require."""
        wanted = set(self.sections)
        for step in reversed(self.steps):
            if step.name in wanted:
                wanted.update(step.requires)
        return wanted


# ── a section to options ─────────────────────────────────────────────────────────────────────────────────────────────


class _Reading:
    """One step's section, read for one host; with ``looks``, what it names of the laptop has to be there."""

    def __init__(self, recipe: Recipe, step: Step[Any], scope: Scope, *, looks: bool = False) -> None:
        self.step = step
        self.context = named.LOOK if looks else None
        self.filled = fill(dict(recipe.sections.get(step.name, {})), scope, (step.name,))

    def result(self) -> tuple[Options | None, list[Problem]]:
        """The options, if all is right and all facts are known; and the problems."""
        data = _without_nothing(self.filled.data)
        problems = list(self.filled.problems)
        for _ in range(3):  # a word given for a list of numbers is read twice: as a list, then each item
            try:
                made = self.step.options.model_validate_json(json.dumps(data), context=self.context)
            except ValidationError as found:
                if (better := _reread(data, found)) == data:
                    return None, problems + self._relevant(explain(found, self.step.options, data, (self.step.name,)))
                data = better
            else:
                return (None if problems or self.filled.pending else made), problems
        return None, problems

    def _relevant(self, problems: list[Problem]) -> list[Problem]:
        """Without those that come of values which are not known yet; with a note where a value came from."""
        known = [p for p in problems if not any(self._depends(p.place, place) for place in self.filled.pending)]
        return [self._with_origin(p) for p in known]

    def _depends(self, place: Place, pending: Place) -> bool:
        """A problem at a pending place, in it, or about the keys around it together."""
        return place[: len(pending)] == pending or pending[: len(place)] == place

    def _with_origin(self, problem: Problem) -> Problem:
        origin = self.filled.origins.get(problem.place)
        return Problem(f"{problem.text}, from {origin}", problem.hint, problem.place) if origin else problem


def _without_nothing(data: Data) -> Data:
    """The data without keys that have no value: they count as not said."""
    if isinstance(data, dict):
        return {key: _without_nothing(value) for key, value in data.items() if value is not None}
    return [_without_nothing(value) for value in data] if isinstance(data, list) else data


def _reread(data: Data, found: ValidationError) -> Data:
    """The data with words of the command line read as what the options want there."""
    for error in found.errors(include_url=False):
        data = _reread_at(data, error["loc"], error["type"])
    return data


def _reread_at(data: Data, place: Place, wanted: str) -> Data:
    if isinstance(data, Given):
        return _read_as(data, wanted)
    if place and isinstance(data, dict) and place[0] in data:
        key = str(place[0])
        return {**data, key: _reread_at(data[key], place[1:], wanted)}
    if place and isinstance(data, list) and isinstance(place[0], int) and place[0] < len(data):
        items = list(data)
        items[place[0]] = _reread_at(items[place[0]], place[1:], wanted)
        return items
    return data


def _read_as(word: Given, wanted: str) -> Data:
    if wanted == "bool_type" and word in ("true", "false"):
        return word == "true"
    if wanted == "int_type" and word.isascii() and word.isdecimal() and len(word) < len(str(2**63)):
        return int(word)
    if wanted in ("list_type", "tuple_type", "set_type", "frozen_set_type"):
        return [Given(part.strip()) for part in word.split(",") if part.strip()]
    return word


def parse_extra(words: Sequence[str]) -> dict[str, Data]:
    """``NAME=VALUE`` of the command line to vars. Where an option wants a number, true or false, or a list (items with
    commas between), the value is read as such; anything else is text. The last one of a name wins."""
    return dict(_extra(word) for word in words)


def _extra(word: str) -> tuple[str, Data]:
    name, equals, value = word.partition("=")
    try:
        fields.var_name(name)
        fields.line(value)
    except ValueError as problem:
        raise UsageError(f"-e {show(word)}: {problem}", "write -e NAME=VALUE") from None
    if not equals:
        raise UsageError(f"-e {show(word)} gives no value", f"write -e {name}=VALUE")
    return name, Given(value)


__all__ = ["DEFAULT", "Given", "Head", "Recipe", "Scope", "Steps", "parse_extra"]
