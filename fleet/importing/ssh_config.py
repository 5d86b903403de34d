"""From ssh_config: the hosts that it names. How they are reached stays its business, since fleet asks `ssh -G` anyway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from posixpath import dirname, expanduser, isabs, join

from fleet.errors import InventoryError
from fleet.importing.source import Findings, Found, Source, World, is_address, label
from fleet.importing.ssh_lines import Line, is_literal, lines
from fleet.importing.vagrant import entry

USER_CONFIG = "~/.ssh/config"
SYSTEM_CONFIG = "/etc/ssh/ssh_config"
OWN = "# Written by `fleet context`"
"""How the file begins that `fleet context` makes and ~/.ssh/config includes: its hosts are in the inventory already."""
_DEEPEST = 16
"""Includes in includes, as in OpenSSH's readconf.c."""


@dataclass(slots=True)
class _Block:
    """A Host line and what follows. It holds for a host when its patterns and those around its Include match."""

    patterns: tuple[str, ...]
    lines: list[Line]
    around: tuple[tuple[str, ...], ...] = ()

    def names(self) -> Iterator[str]:
        """The hosts that it names and holds for."""
        for name in self.patterns:
            if is_literal(name) and all(_matches(line, name) for line in (self.patterns, *self.around)):
                yield name


@dataclass(slots=True)
class _Reader:
    world: World
    blocks: list[_Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def read(self, path: str, around: tuple[tuple[str, ...], ...] = (), depth: int = 0) -> None:
        """Collect the blocks of a file and of those that it includes, in ssh's order."""
        text = self.world.read(path)
        if depth and text.startswith(OWN):
            return
        block: _Block | None = None
        is_in_match = False
        for line in lines(text, label(path)):
            if line.keyword == "host":
                block, is_in_match = _Block(line.words, [line], around), False
                self.blocks.append(block)
            elif line.keyword == "match":
                block, is_in_match = None, tuple(word.lower() for word in line.words) != ("all",)
            elif line.keyword == "include" and is_in_match:
                self.notes.append(f"{line.where}: an Include inside a Match can't be judged here: its hosts are left out")
            elif line.keyword == "include":
                self._include(line, (*around, block.patterns) if block else around, depth)
            elif block:
                block.lines.append(line)

    def _include(self, line: Line, around: tuple[tuple[str, ...], ...], depth: int) -> None:
        if depth >= _DEEPEST:
            text = f"files include each other more than {_DEEPEST} times"
            raise InventoryError(text, "remove an Include of these", path=line.where.path, line=line.where.line)
        for pattern in line.words:
            if "${" in pattern or "%" in pattern:
                self.notes.append(f"{line.where}: the Include {pattern} has a variable in it and is not followed")
                continue
            for path in self.world.glob(_absolute(pattern, line.where.path)):
                self.read(path, around, depth + 1)


def find(given: str | None, world: World) -> Findings:
    """The hosts that ~/.ssh/config, or the given file, names by name."""
    path = given or USER_CONFIG
    reader = _Reader(world)
    reader.read(path)
    hosts: dict[str, Found] = {}
    for block in reader.blocks:
        for name in block.names():
            if name not in hosts:
                hosts[name] = _host(name, block, reader)
    if not hosts:
        raise InventoryError("no Host line names a host by name", "patterns and Match lines name none", path=label(path))
    if path != "-" and expanduser(path) not in (expanduser(USER_CONFIG), SYSTEM_CONFIG):
        reader.notes.append(f"ssh does not read {path} by itself: give fleet -F {path} with these hosts")
    return Findings(tuple(hosts.values()), tuple(reader.notes))


def _host(name: str, block: _Block, reader: _Reader) -> Found:
    """The name alone, if it can be an address: ssh knows the rest. Else all that the file says of this name."""
    if is_address(name):
        return Found(name, block.lines[0].where)
    said = [line for other in reader.blocks if name in other.names() for line in other.lines]
    host, notes = entry(name, said, reader.world)
    reader.notes += notes
    return host


def _matches(patterns: Sequence[str], name: str) -> bool:
    """As ssh does it: a negation that matches wins over all."""
    hits = [p for p in patterns if fnmatchcase(name, p.removeprefix("!").replace("[", "[[]"))]
    return bool(hits) and not any(p.startswith("!") for p in hits)


def _absolute(pattern: str, by: str) -> str:
    """A relative Include is taken from /etc/ssh in the system's files, and from ~/.ssh in all others."""
    if isabs(pattern) or pattern.startswith("~"):
        return pattern
    system = dirname(SYSTEM_CONFIG)
    return join(system if by.startswith(f"{system}/") else "~/.ssh", pattern)


SOURCE = Source("ssh-config", find)
