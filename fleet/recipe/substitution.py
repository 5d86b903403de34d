"""``${vars.x}`` and ``${facts.x}`` in the strings of a recipe: looked up and put in as data. Nothing is evaluated.

A string that is one reference and nothing else becomes the value itself, with its type; inside longer text a value is
written as text. What was put in is not looked at again, so no value can smuggle in a reference. ``$${`` is a plain
``${``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from fleet.files.problems import Place, Problem, key_path, listing, show, suggest
from fleet.model import Data

_TOKEN = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)(?P<end>\}?)")
_NAME = re.compile(r"(?P<kind>vars|facts)\.(?P<name>[A-Za-z0-9_.]+)")


@dataclass(frozen=True, slots=True)
class Scope:
    """What references may name. Facts are None before a host was asked; then only their names are known."""

    vars: Mapping[str, Data] = field(default_factory=dict)
    facts: Mapping[str, Data] | None = None
    fact_names: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """Data with the references resolved, what was wrong with them, and where a fact is yet to come."""

    data: Data
    problems: tuple[Problem, ...]
    origins: Mapping[Place, str]
    pending: frozenset[Place]


class _WrongError(Exception):
    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.text, self.hint = text, hint


class _PendingError(Exception):
    """The value is a fact, and facts are not known yet."""


def references(data: Data) -> frozenset[str]:
    """The names in all references of the data, such as ``vars.x``; nonsense is left out."""
    return frozenset(
        found.group()
        for text in _strings(data)
        for token in _TOKEN.finditer(text)
        if (found := _NAME.fullmatch((token["inside"] or "").strip()))
    )


def fill(data: Data, scope: Scope, place: Place = ()) -> Filled:
    """Resolve every reference. A fact that is yet to come is None in the data."""
    filler = _Filler(scope)
    filled = filler.fill(data, place)
    return Filled(filled, tuple(filler.problems), filler.origins, frozenset(filler.pending))


def lookup(scope: Scope, reference: str) -> Data:
    """The value of ``vars.x`` or ``facts.x``; None when there is none."""
    kind, _, name = reference.partition(".")
    return ((scope.vars if kind == "vars" else scope.facts) or {}).get(name)


def _strings(data: Data) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)


class _Filler:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.problems: list[Problem] = []
        self.origins: dict[Place, str] = {}
        self.pending: set[Place] = set()

    def fill(self, data: Data, place: Place) -> Data:
        if isinstance(data, Mapping):
            return {key: self.fill(value, (*place, key)) for key, value in data.items()}
        if isinstance(data, list):
            return [self.fill(value, (*place, index)) for index, value in enumerate(data)]
        return self._string(data, place) if isinstance(data, str) and "${" in data else data

    def _string(self, text: str, place: Place) -> Data:
        self.origins[place] = text
        try:
            return self._resolved(text)
        except _PendingError:
            self.pending.add(place)
        except _WrongError as wrong:
            self.problems.append(Problem(f"{key_path(place)}: {wrong.text}", wrong.hint, place))
            self.pending.add(place)
        return None

    def _resolved(self, text: str) -> Data:
        whole = _TOKEN.fullmatch(text)
        if whole and whole["end"]:
            return self._value(whole)
        return _TOKEN.sub(self._as_text, text)

    def _as_text(self, token: re.Match[str]) -> str:
        if token.group() == "$${":
            return "${"
        value = self._value(token)
        if value is None:
            raise _WrongError(f"{token.group()} has no value here", "give it one")
        if isinstance(value, list | dict):
            hint = f"as a value of its own it keeps its shape: write {token.group()} and nothing else"
            raise _WrongError(f"{token.group()} is {show(value)} and can't be put into text", hint)
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(getattr(value, "text", value))

    def _value(self, token: re.Match[str]) -> Data:
        if not token["end"]:
            raise _WrongError("${ without a closing }", "close it, or write $${ for a plain ${")
        found = _NAME.fullmatch(token["inside"].strip())
        if not found:
            hint = "write ${vars.NAME} or ${facts.NAME}; for a plain ${ write $${"
            raise _WrongError(f"{show(token.group())[1:-1]} is no reference", hint)
        return self._var(found["name"]) if found["kind"] == "vars" else self._fact(found["name"])

    def _var(self, name: str) -> Data:
        if name not in self.scope.vars:
            hint = f"set it under vars: of the recipe, a host, a group or the defaults, or with -e {name}=VALUE"
            known = f"; vars are: {listing(sorted(self.scope.vars))}" if self.scope.vars else ""
            raise _WrongError(f"there is no var {show(name)}{suggest(name, self.scope.vars)}", hint + known)
        return self.scope.vars[name]

    def _fact(self, name: str) -> Data:
        names = self.scope.fact_names if self.scope.facts is None else self.scope.facts
        if name not in names:
            text = f"there is no fact {show(name)}{suggest(name, names)}"
            raise _WrongError(text, f"facts are: {listing(names, 50)}")
        if self.scope.facts is None:
            raise _PendingError
        return self.scope.facts[name]
