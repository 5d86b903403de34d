"""`when:` in a section: for which hosts it counts, by their facts.

`when: {architecture: arm64, soc: [BCM2711, BCM2712]}` holds when every fact named is as wanted; of a list any item will do.
A value is a pattern as in `fact:NAME=PATTERN`. Where it does not hold, the section counts as not written for that host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fleet.facts import KINDS
from fleet.files.problems import Place, Problem, key_path, listing, show, suggest
from fleet.inventory.selection import holds
from fleet.model import Data
from fleet.recipe.substitution import Scope, fill

KEY = "when"
_NUMBER = re.compile(r"(<=?|>=?) *[0-9]+|[0-9*?\[\]!-]+")
_EXPECTED = {
    bool: ("true or false", "write {name}: true"),
    int: ("a number, or a comparison such as '>=1024'", "write {name}: 64, or {name}: '<1024'"),
    str: ("text", 'text is compared, so write {name}: "{text}"'),
}


def misshapen(when: Data, place: Place) -> Iterator[Problem]:
    """What is wrong with a condition as it is written; references in it stand for any value."""
    if not isinstance(when, Mapping | None):
        yield Problem(
            f"{key_path(place)}: expected facts with values, got {show(when)}", "write when: {architecture: arm64}", place
        )
        return
    for name, wanted in (when or {}).items():
        if name not in KINDS:
            text = f"{key_path(place)}: there is no fact {show(name)}{suggest(name, KINDS)}"
            yield Problem(text, f"facts are: {listing(KINDS, 50)}", (*place, name))
        else:
            yield from _values(name, wanted, (*place, name))


def _values(name: str, wanted: Data, place: Place) -> Iterator[Problem]:
    if isinstance(wanted, list):
        if not wanted:
            yield Problem(f"{key_path(place)}: an empty list matches no host", "name a value, or leave the fact out", place)
        for index, value in enumerate(wanted):
            yield from _value(name, value, (*place, index))
    elif wanted is not None:
        yield from _value(name, wanted, place)


def _value(name: str, value: Data, place: Place) -> Iterator[Problem]:
    if (isinstance(value, str) and "${" in value) or _fits(KINDS[name], value):
        return
    expected, hint = _EXPECTED[KINDS[name]]
    text = getattr(value, "text", value) if isinstance(value, str | int | float) else "…"
    yield Problem(f"{key_path(place)}: expected {expected}, got {show(value)}", hint.format(name=name, text=text), place)


def _fits(kind: type, value: Data) -> bool:
    if kind is bool:
        return isinstance(value, bool) or value in ("true", "false")
    if kind is int:
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, str) and _NUMBER.fullmatch(value) is not None
        )
    return isinstance(value, str) and value != ""


def problems(when: Mapping[str, Data], scope: Scope, place: Place) -> list[Problem]:
    """What is wrong with a condition once its references are put in, as far as they are known."""
    filled = fill(dict(when), scope, place)
    return [*filled.problems, *misshapen(filled.data, place)]


def unmet(when: Mapping[str, Data], scope: Scope) -> str:
    """Why a condition does not hold for the host of these facts; empty when it holds."""
    facts, wanted = scope.facts or {}, fill(dict(when), scope).data
    pairs = wanted.items() if isinstance(wanted, dict) else ()
    return next((_said(name, facts.get(name), w) for name, w in pairs if w is not None and not _holds(facts.get(name), w)), "")


def _holds(value: Data, wanted: Data) -> bool:
    return any(holds(value, _text(pattern)) for pattern in (wanted if isinstance(wanted, list) else [wanted]))


def _text(value: Data) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _said(name: str, value: Data, wanted: Data) -> str:
    shown = " or ".join(_text(item) for item in (wanted if isinstance(wanted, list) else [wanted]))
    return f"{name} is {_text(value)}, not {shown}" if value not in ("", None) else f"it has no {name}, wanted is {shown}"
