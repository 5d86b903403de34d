"""What a source of hosts is given and what it gives: hosts in the words of an inventory, and what could not be taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from fleet.errors import InventoryError
from fleet.files import fields
from fleet.files.problems import Place, Problem, explain, placed, raise_all, show
from fleet.inventory.schema import InventoryFile
from fleet.model import Data


@dataclass(frozen=True, slots=True)
class Where:
    """Path and line (from 1) in the source, for messages."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class Found:
    """One host of a source; None is what the source does not say. Nothing is checked yet."""

    name: str
    where: Where
    address: str | None = None
    user: str | None = None
    port: int | str | None = None
    key: str | None = None
    groups: tuple[str, ...] = ()

    def settings(self) -> dict[str, Data]:
        """The keys of an inventory that this host says something about."""
        said: dict[str, Data] = {"address": self.address, "user": self.user, "port": self.port, "key": self.key}
        if self.groups:
            said["groups"] = list(self.groups)
        return {key: value for key, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Findings:
    """All hosts of a source, and sentences about what was not taken over."""

    hosts: tuple[Found, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """All that a source may ask of the machine."""

    read: Callable[[str], str]
    """The text of a file, or of stdin for ``-``; raises InventoryError."""
    run: Callable[[Sequence[str], str, str], str]
    """What a program prints; raises UsageError with the first remedy when it is missing, with the second when it fails."""
    exists: Callable[[str], bool]
    glob: Callable[[str], list[str]]
    """The files that a pattern names, sorted; ``~`` is expanded."""


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of source; ``find`` gets the FILE of the command line."""

    name: str
    find: Callable[[str | None, World], Findings] = field(compare=False)


def label(given: str) -> str:
    """What messages call a file of the command line."""
    return "stdin" if given == "-" else given


def port(text: str | None) -> int | str | None:
    """A number where it is one; other text is left to the check, which tells where it is."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else text


def choose_key(name: str, keys: Iterable[str], world: World) -> tuple[str | None, tuple[str, ...]]:
    """The first key that is there, else the first; and a note when there was more than one, or none is there."""
    every = tuple(dict.fromkeys(keys))
    if not every:
        return None, ()
    chosen = next((key for key in every if world.exists(key)), None)
    if chosen is None:
        return every[0], (f"{name}: {', '.join(every)}: no such key is on this machine; {every[0]} is written",)
    others = ", ".join(key for key in every if key != chosen)
    return chosen, (f"{name}: a host has one key in an inventory: {chosen} is taken, and not {others}",) if others else ()


def checked(findings: Findings) -> Findings:
    """The findings, held to the rules of an inventory; raises InventoryError with the place of all that is wrong."""
    problems = _problems(findings.hosts)
    if problems:
        raise_all(problems, InventoryError)
    return findings


def _problems(hosts: Sequence[Found]) -> list[Problem]:
    by_name = {host.name: host for host in hosts}
    groups = {group: host for host in hosts for group in host.groups}
    data: dict[str, Any] = {"groups": dict.fromkeys(groups), "hosts": {host.name: host.settings() for host in hosts}}

    def locate(place: Place) -> tuple[str, int | None]:
        known: Mapping[str, Found] = groups if place[:1] == ("groups",) else by_name
        name = next((part for part in place if part in known), None)
        where = known[str(name)].where if name is not None else hosts[0].where
        return where.path, where.line

    try:
        InventoryFile.model_validate(data)
    except ValidationError as found:
        return placed(explain(found, InventoryFile, data), locate)
    return [problem for host in hosts for problem in _of_names(host, groups)]


def _of_names(host: Found, groups: Mapping[str, Found]) -> Iterable[Problem]:
    where = (host.where.path, host.where.line)
    if host.name in groups:
        text = f"{show(host.name)} is a host and a group"
        yield Problem(text, "rename one of them: the command line takes both", (), *where)
    if host.address is None and not is_address(host.name):
        yield Problem(f"the name {show(host.name)} is no address, and there is no other", "give the host one", (), *where)


def is_address(text: str) -> bool:
    """True when an inventory takes it for an address."""
    try:
        return bool(fields.address(text))
    except ValueError:
        return False


def only(findings: Findings, hosts: Iterable[Found]) -> Findings:
    """These findings with these hosts."""
    return replace(findings, hosts=tuple(hosts))
