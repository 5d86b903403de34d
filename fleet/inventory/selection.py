"""Words of the command line to hosts: by name, pattern, group and fact. Nothing is ever selected by default."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from operator import ge, gt, le, lt

from fleet.errors import SelectionError
from fleet.files.problems import listing, show, suggest
from fleet.inventory import Inventory
from fleet.model import Data, Host

_FACT = "fact:"
_IS_PATTERN = re.compile(r"[*?\[]")
_COMPARISON = re.compile(r"(?P<sign><=?|>=?) *(?P<number>[0-9]+)")
_SIGNS: Mapping[str, Callable[[int, int], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class FactTerm:
    """``fact:NAME=PATTERN``, to be held against what the host answers; ``excluded`` when it came with --exclude."""

    name: str
    pattern: str
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The hosts in the order of the inventory, and what is left to check once their facts are known."""

    hosts: tuple[Host, ...]
    terms: tuple[FactTerm, ...] = ()


def select(
    inventory: Inventory,
    words: Sequence[str],
    *,
    everything: bool = False,
    exclude: Sequence[str] = (),
    fact_names: Collection[str] | None = None,
) -> Selection:
    """The hosts that the words name, or SelectionError with what there is.

    A word is a host, a pattern (``pi-*``), a group, ``fact:NAME=PATTERN``, or several of them with commas between.
    Facts alone select from all hosts. ``fact_names`` are the names that facts may have.
    """
    names, terms = _sort(words, _fact_names(fact_names), excluded=False)
    unwanted, against = _sort(exclude, _fact_names(fact_names), excluded=True)
    if everything and names:
        raise SelectionError("--all and names of hosts exclude each other", "leave out one of them")
    if not (everything or names or terms):
        raise SelectionError("no host is named", _offer(inventory, "name some, or all with --all"))
    chosen = _names(inventory, names) if names else set(inventory.hosts)
    chosen -= _names(inventory, unwanted)
    if not chosen:
        raise SelectionError(_nothing(inventory), _offer(inventory, "select other hosts"))
    return Selection(tuple(host for host in inventory if host.name in chosen), (*terms, *against))


def matches(facts: Mapping[str, Data], terms: Iterable[FactTerm]) -> bool:
    """True when a host with these facts has all that is asked for and nothing that is excluded.

    What a host does not know of itself matches nothing.
    """
    return all(holds(facts.get(term.name), term.pattern) is not term.excluded for term in terms)


def holds(value: Data, pattern: str) -> bool:
    """True when a fact's value matches: a pattern of text, or for a number also a comparison such as ``>=1024``.

    Numbers are text to a pattern, true and false are these words, of a list each item may match.
    """
    if isinstance(value, list):
        return any(holds(item, pattern) for item in value)
    if value is None:
        return False
    comparison = _COMPARISON.fullmatch(pattern)
    if comparison and isinstance(value, int) and not isinstance(value, bool):
        return _SIGNS[comparison["sign"]](value, int(comparison["number"]))
    return fnmatchcase(str(value).lower() if isinstance(value, bool) else str(value), pattern)


def _fact_names(given: Collection[str] | None) -> Collection[str]:
    if given is not None:
        return given
    from fleet.facts import NAMES

    return NAMES


def _sort(words: Sequence[str], facts: Collection[str], *, excluded: bool) -> tuple[list[str], list[FactTerm]]:
    """The words, commas resolved, in two piles: names and facts."""
    names: list[str] = []
    terms: list[FactTerm] = []
    for word in (part.strip() for several in words for part in several.split(",")):
        if word.startswith(_FACT):
            terms.append(_term(word, facts, excluded))
        elif word:
            names.append(word)
    return names, terms


def _term(word: str, facts: Collection[str], excluded: bool) -> FactTerm:
    name, equals, pattern = word.removeprefix(_FACT).partition("=")
    if not equals or not pattern:
        raise SelectionError(f"{show(word)} does not say what the fact must be", f"write fact:{name or 'NAME'}=VALUE")
    if name not in facts:
        hint = f"facts are: {listing(facts, 50)}"
        raise SelectionError(f"there is no fact {show(name)}{suggest(name, facts)}", hint)
    return FactTerm(name, pattern, excluded)


def _names(inventory: Inventory, words: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for word in words:
        found |= _one(inventory, word)
    return found


def _one(inventory: Inventory, word: str) -> set[str]:
    if word in inventory.hosts:
        return {word}
    if word in inventory.groups:
        return {host.name for host in inventory.members(word)}
    if not _IS_PATTERN.search(word):
        known = [*inventory.hosts, *inventory.groups]
        text = f"there is no host or group {show(word)}{suggest(word, known)}"
        raise SelectionError(text, _offer(inventory, "correct the name"))
    matching = {name for name in inventory.hosts if fnmatchcase(name, word)}
    if not matching:
        raise SelectionError(f"no host's name matches {show(word)}", _offer(inventory, "correct the pattern"))
    return matching


def _nothing(inventory: Inventory) -> str:
    return "nothing is left to select" if len(inventory) else f"the inventory {inventory.path} has no hosts"


def _offer(inventory: Inventory, remedy: str) -> str:
    """The remedy and what there is to choose from."""
    if not len(inventory):
        return f"add hosts to {inventory.path}"
    groups = f"; groups: {listing(inventory.groups)}" if inventory.groups else ""
    return f"{remedy}; hosts: {listing(inventory.hosts)}{groups}"
