"""Files to an Inventory: which hosts there are and how to reach them. `inventory/example.yml` shows every key.

What a host does not say is taken from its groups (a later one in its list wins), then from the defaults. Vars are
merged name by name in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fleet.errors import InventoryError
from fleet.files import fields
from fleet.files.documents import Document, load
from fleet.files.problems import MOST_FOUND, Place, Problem, explain, listing, placed, raise_all, show, suggest
from fleet.inventory.schema import Entry, InventoryFile, Settings
from fleet.model import Data, Host

DEFAULT_PATH = Path("inventory/fleet.yml")
VARIABLE = "FLEET_INVENTORY"
_LONGEST_WAY = 8
"""Gateways in a row; each is a connection inside a connection."""
_SUFFIXES = (".yml", ".yaml")


# ── the value ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Inventory:
    """All hosts by name in the order of the files, and the names of all groups, also of empty ones."""

    path: str
    hosts: Mapping[str, Host] = field(default_factory=dict)
    groups: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Host]:
        return iter(self.hosts.values())

    def __len__(self) -> int:
        return len(self.hosts)

    def members(self, group: str) -> tuple[Host, ...]:
        """The hosts of a group."""
        return tuple(host for host in self if group in host.groups)


def locate(given: str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The inventory to use: the given one, else the environment's, else inventory/fleet.yml of this folder."""
    wanted = given or environ.get(VARIABLE)
    path = Path(wanted).expanduser() if wanted else DEFAULT_PATH
    if path.exists():
        return path
    if given:
        raise InventoryError(f"there is no inventory {show(given)}", "give the path of a file, or of a folder of files")
    if wanted:
        text = f"there is no inventory {show(wanted)}, which {VARIABLE} names"
        raise InventoryError(text, f"correct or unset {VARIABLE}")
    hint = "make one with `fleet init`, or name one with --inventory PATH"
    raise InventoryError(f"there is no inventory: {DEFAULT_PATH} does not exist in this folder", hint)


def read(path: Path) -> Inventory:
    """The inventory of one file, or of all YAML files of a folder; raises InventoryError with all that is wrong."""
    documents = [load(file, InventoryError) for file in _files(path)]
    parts = [_Part(document) for document in documents]
    problems = [problem for part in parts for problem in part.problems]
    if not problems:
        merged = _Merged(parts)
        hosts = merged.hosts()
        problems = merged.problems
    if problems:
        raise_all(problems, InventoryError)
    return Inventory(str(path), hosts, tuple(merged.groups))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        inside = sorted(path.iterdir())
    except OSError as problem:
        raise InventoryError(f"can't be read: {problem.strerror}", path=str(path)) from None
    found = [f for f in inside if f.suffix in _SUFFIXES and f.stem != "example" and not f.name.startswith(".")]
    if not found:
        raise InventoryError("there is no inventory in this folder", "it needs a file such as fleet.yml", path=str(path))
    return found


# ── one file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Part:
    """One file, checked by itself."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.file = InventoryFile()
        self.problems: list[Problem] = []
        try:
            self.file = InventoryFile.model_validate(document.data)
        except ValidationError as found:
            self.problems = placed(explain(found, InventoryFile, document.data), document.locate)

    def vars(self, place: Place) -> Mapping[str, Data]:
        """The vars as the document has them: numbers still know how they were written."""
        data: Any = self.document.data
        for part in (*place, "vars"):
            data = data.get(part) if isinstance(data, dict) else None
        return data if isinstance(data, dict) else {}

    def problem(self, text: str, hint: str, place: Place) -> Problem:
        return Problem(text, hint, place, *self.document.locate(place))


@dataclass(frozen=True, slots=True)
class _Layer:
    """Settings of the defaults, a group or a host, with vars that are merged already."""

    user: str | None = None
    port: int | None = None
    key: str | None = None
    gateway: str | None = None
    recipe: str | None = None
    vars: Mapping[str, Data] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings | None, own_vars: Mapping[str, Data]) -> _Layer:
        if settings is None:
            return cls(vars=own_vars)
        return cls(settings.user, settings.port, settings.key, settings.gateway, settings.recipe, own_vars)

    def over(self, below: _Layer) -> _Layer:
        """This layer, with what it does not say taken from the one below."""
        return _Layer(
            below.user if self.user is None else self.user,
            below.port if self.port is None else self.port,
            below.key if self.key is None else self.key,
            below.gateway if self.gateway is None else self.gateway,
            below.recipe if self.recipe is None else self.recipe,
            {**below.vars, **self.vars} if self.vars else below.vars,
        )


# ── all files together ───────────────────────────────────────────────────────────────────────────────────────────────


class _Merged:
    """The files as one, and the hosts that come of it."""

    def __init__(self, parts: list[_Part]) -> None:
        self.problems: list[Problem] = []
        self.entries: dict[str, tuple[_Part, Entry | None]] = {}
        self.groups: dict[str, _Layer] = {}
        self._places: dict[Place, _Part] = {}
        self._below: dict[tuple[str, ...], _Layer] = {}
        self._defaults = _Layer()
        for part in parts:
            self._add(part)

    def _add(self, part: _Part) -> None:
        file = part.file
        if file.defaults and self._first(part, ("defaults",)):
            self._defaults = _Layer.of(file.defaults, part.vars(("defaults",)))
        for name, group in (file.groups or {}).items():
            if self._first(part, ("groups", name)):
                self.groups[name] = _Layer.of(group, part.vars(("groups", name)))
        for name, entry in (file.hosts or {}).items():
            if self._first(part, ("hosts", name)):
                self.entries[name] = (part, entry)

    def _first(self, part: _Part, place: Place) -> bool:
        """Note where this is; False, and a problem, when another file has it already."""
        other = self._places.setdefault(place, part)
        if other is part:
            return True
        path, line = other.document.locate(place)
        what = "defaults" if place == ("defaults",) else f"the {str(place[0])[:-1]} {place[-1]}"
        text = f"{what} can be in one file only: see {path}:{line}"
        self.problems.append(part.problem(text, "remove one of the two", place))
        return False

    def hosts(self) -> dict[str, Host]:
        made = {name: self._host(name, part, entry) for name, (part, entry) in self.entries.items()}
        for name in made.keys() & self.groups.keys():
            text = f"hosts.{name}: a host and a group have this name"
            self._complain(name, text, "rename one of them: the command line takes both")
        self._check_gateways(made)
        return made

    def _host(self, name: str, part: _Part, entry: Entry | None) -> Host:
        groups = tuple(dict.fromkeys((entry and entry.groups) or ()))
        self._check_groups(name, part, groups)
        own = _Layer.of(entry, part.vars(("hosts", name)))
        layer = own.over(self._under(groups))
        # A gateway given to a whole group is no gateway for itself.
        inherited_self = layer.gateway == name and own.gateway is None
        return Host(
            name=name,
            address=self._address(name, part, entry),
            user=layer.user,
            port=layer.port,
            key=layer.key,
            gateway=None if inherited_self else layer.gateway,
            groups=groups,
            vars=layer.vars,
            recipe=layer.recipe,
        )

    def _under(self, groups: tuple[str, ...]) -> _Layer:
        """What lies under a host with these groups; made once, since many hosts share it."""
        if groups not in self._below:
            layer = self._defaults
            for name in groups:
                layer = self.groups.get(name, _Layer()).over(layer)
            self._below[groups] = layer
        return self._below[groups]

    def _address(self, name: str, part: _Part, entry: Entry | None) -> str:
        if entry and entry.address:
            return entry.address
        if not _accepts(fields.address, name):
            text = f"hosts.{name}: the name is no address, and there is no other"
            self.problems.append(part.problem(text, "give the host an address:", ("hosts", name)))
        return name

    def _check_groups(self, name: str, part: _Part, groups: tuple[str, ...]) -> None:
        for index, group in enumerate(groups):
            if group not in self.groups and len(self.problems) < MOST_FOUND:
                text = f"hosts.{name}.groups: there is no group {show(group)}{suggest(group, self.groups)}"
                hint = f"correct it, or add `{group}:` under `groups:`; there are: {listing(self.groups)}"
                self.problems.append(part.problem(text, hint, ("hosts", name, "groups", index)))

    def _check_gateways(self, hosts: Mapping[str, Host]) -> None:
        for name, host in hosts.items():
            way = [name]
            step = hosts.get(host.gateway or "")
            while step and len(way) <= _LONGEST_WAY and step.name not in way:
                way.append(step.name)
                step = hosts.get(step.gateway or "")
            shown = " → ".join([*way, step.name] if step else way)
            if step:
                what = "in a circle" if step.name in way else f"through more than {_LONGEST_WAY} hosts"
                self._complain(name, f"hosts.{name}: its gateways lead {what}: {shown}", "remove a gateway of these")
            elif any(hosts[on_way].is_local for on_way in way[1:]):
                self._complain(name, f"hosts.{name}: a gateway is this very machine: {shown}", "remove that gateway")

    def _complain(self, name: str, text: str, hint: str) -> None:
        part, entry = self.entries[name]
        place = ("hosts", name, "gateway") if entry and entry.gateway else ("hosts", name)
        self.problems.append(part.problem(text, hint, place))


def _accepts(check: Callable[[str], str], text: str) -> bool:
    try:
        return bool(check(text))
    except ValueError:
        return False
