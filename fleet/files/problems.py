"""What is wrong with a file, in sentences: where, what was expected, what was found, what may have been meant.

Validation finds many mistakes at once and a person fixes them in one go, so all of them travel in one error.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fleet.errors import FileError

Place = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""

MOST_SHOWN = 10
MOST_FOUND = 100
"""After so many problems the search for more ends: a file of another kind has thousands."""
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake; ``place`` is where in the data, ``path`` and ``line`` where in the file."""

    text: str
    hint: str = ""
    place: Place = ()
    path: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}: " if self.line else f"{self.path}: " if self.path else ""
        return f"{where}{self.text}"


def raise_all(problems: Sequence[Problem], error: type[FileError]) -> NoReturn:
    """One error for all problems: the first gives path, line and hint, the others a line of the message each."""
    first = problems[0]
    lines = [first.text]
    for before, problem in pairwise(problems[:MOST_SHOWN]):
        new_hint = problem.hint and problem.hint not in (before.hint, first.hint)
        lines.append(f"{problem} ({problem.hint})" if new_hint else str(problem))
    if len(problems) > MOST_SHOWN:
        lines.append(f"and {len(problems) - MOST_SHOWN} more")
    raise error("\n".join(lines), first.hint, path=first.path, line=first.line)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def show(value: object) -> str:
    """A value for a message: short, on one line, and without anything that a terminal would obey."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "keys with values"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(str(value)) if isinstance(value, str) else str(getattr(value, "text", value))
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def key_path(place: Place) -> str:
    """The place as people write it: ``hosts.pi-kitchen.groups[0]``."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            is_plain = part.isascii() and part.isprintable() and 0 < len(part) < _LONGEST_SHOWN
            text += ("." if text else "") + (part if is_plain else show(part))
    return text


def suggest(word: str, choices: Iterable[str]) -> str:
    """``; did you mean 'x'?`` when something close exists, else nothing."""
    lowered = {choice.lower(): choice for choice in choices}
    close = get_close_matches(plain(word).lower(), list(lowered), n=1)
    return f"; did you mean {show(lowered[close[0]])}?" if close else ""


def plain(word: str) -> str:
    """The word without accents, odd widths and invisible characters, to find what may have been meant."""
    return "".join(c for c in unicodedata.normalize("NFKD", word) if unicodedata.category(c) not in ("Mn", "Cf"))


def listing(words: Iterable[str], most: int = MOST_SHOWN) -> str:
    """``a, b, c and 7 more``; ``none`` when there are none."""
    every = list(words)
    if not every:
        return "none"
    rest = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + rest


# ── from pydantic's errors ───────────────────────────────────────────────────────────────────────────────────────────

CUSTOM = "fleet"
"""The type of the errors that ``fields.refuse`` raises: their text is a sentence already."""

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number from {ge} on",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number up to {le}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
}
_YAML_1_1_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def explain(found: ValidationError, model: type[BaseModel], data: object, prefix: Place = ()) -> list[Problem]:
    """Problems without path and line, one for each place. ``data`` is what was validated, ``prefix`` leads to it."""
    problems: dict[Place, Problem] = {}
    for error in found.errors(include_url=False)[:MOST_FOUND]:
        problem = _problem(error, model, data, prefix)
        problems.setdefault(problem.place, problem)
    return list(problems.values())


def _problem(error: ErrorDetails, model: type[BaseModel], data: object, prefix: Place) -> Problem:
    place, value = _resolve(error["loc"], data)
    shown = key_path((*prefix, *place))
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(place, model, prefix)
        case "missing":
            text = f"{shown or 'the file'}: the key {show(error['loc'][-1])} is missing"
            return Problem(text, place=(*prefix, *place))
        case "fleet":
            return Problem(f"{shown}: {error['msg']}", str(context.get("hint", "")), (*prefix, *place))
        case "value_error":
            return Problem(f"{shown}: {context.get('error', error['msg'])}", place=(*prefix, *place))
        case kind:
            expected = _EXPECTED.get(kind, "").format(**context) or error["msg"]
            hint = _remedy(kind, value, place) or _described(model, place)
            return Problem(f"{shown}: expected {expected}, got {show(value)}", hint, (*prefix, *place))


def _unknown_key(place: Place, model: type[BaseModel], prefix: Place) -> Problem:
    allowed = list(_at(_schema(model), place[:-1]).get("properties", {}))
    where = key_path((*prefix, *place[:-1]))
    text = f"{where + ': ' if where else ''}unknown key {show(place[-1])}{suggest(str(place[-1]), allowed)}"
    return Problem(text, f"allowed here: {listing(allowed, 30)}", (*prefix, *place))


def _described(model: type[BaseModel], place: Place) -> str:
    """What the key is for, in the model's words."""
    if not place or not isinstance(place[-1], str):
        return ""
    return str(_at(_schema(model), place[:-1]).get("properties", {}).get(place[-1], {}).get("description", ""))


@lru_cache(maxsize=64)
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _resolve(location: Place, data: object) -> tuple[Place, object]:
    """The part of pydantic's location that exists in the data (it also names union members), and the value there."""
    place: list[str | int] = []
    for part in location:
        if isinstance(data, Mapping | list) and _holds(data, part):
            data = data[part]  # type: ignore[index]  # _holds says that it fits
            place.append(part)
    return tuple(place), data


def _holds(data: Mapping[str, object] | list[object], part: str | int) -> bool:
    return part in data if isinstance(data, Mapping) else isinstance(part, int) and part < len(data)


def _remedy(kind: str, value: object, place: Place) -> str:
    """What to type instead, for the mistakes that YAML invites."""
    key = f"{place[-1]}: " if place and isinstance(place[-1], str) else ""
    match kind, value:
        case "string_type", int() | float():
            return f'without quotes this is no text; write {key}"{getattr(value, "text", show(value))}"'
        case "bool_type", str() if value.lower() in _YAML_1_1_BOOLEANS:
            return f"write {key}{_YAML_1_1_BOOLEANS[value.lower()]}"
        case (("int_type" | "float_type"), str()) if value.isdecimal():
            return f"write it without quotes: {key}{value}"
        case (("list_type" | "tuple_type"), str()):
            return f"write a list, also for one item: {key}[{show(value)[1:-1]}]"
        case (("dict_type" | "model_type"), list()):
            return "write each item as a key of its own (name:), not as a list item (- name)"
    return ""


def _at(schema: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    """What a JSON Schema says of a place."""
    here = _without_reference(schema, schema)
    for part in place:
        here = _without_reference(_inside(here, part), schema)
    return here


def _inside(schema: Mapping[str, Any], part: str | int) -> Mapping[str, Any]:
    named = schema.get("properties", {}).get(part)
    by_pattern = next(iter(schema.get("patternProperties", {}).values()), None)
    inner = named or by_pattern or schema.get("additionalProperties") or schema.get("items")
    return inner if isinstance(inner, dict) else {}


def _without_reference(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while True:
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
        elif "anyOf" in part:
            part = next((p for p in part["anyOf"] if p.get("type") != "null"), {})
        else:
            return part


def placed(problems: Iterable[Problem], locate: Callable[[Place], tuple[str, int | None]]) -> list[Problem]:
    """The problems with path and line, as ``locate`` knows them."""
    found = [Problem(p.text, p.hint, p.place, *locate(p.place)) for p in problems]
    return sorted(found, key=lambda p: (p.path, p.line or 0))
