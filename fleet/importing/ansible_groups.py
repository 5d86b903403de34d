"""What an Ansible inventory says, whichever way it is written, and the hosts that come of it.

Vars of a group hold for the hosts below it: deeper groups win over those around them, of groups at one depth the last by
name, and the host over all (docs.ansible.com, "How variables are merged"). Nothing is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fleet.errors import InventoryError
from fleet.importing.source import Findings, Found, Where, port
from fleet.model import LOCAL

ALL, UNGROUPED = "all", "ungrouped"
_KEYS = {
    "address": ("ansible_host", "ansible_ssh_host"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "key": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    "connection": ("ansible_connection",),
}
_TAKEN = frozenset(name for names in _KEYS.values() for name in names)
_BY_SSH = frozenset(("ssh", "smart", "paramiko", "paramiko_ssh"))


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a var; ``flaw`` says why it is not plain text."""

    text: str
    where: Where
    flaw: str = ""

    @classmethod
    def of(cls, text: str, where: Where) -> Value:
        """Text as it is written in the file."""
        if text.startswith("$ANSIBLE_VAULT"):
            return cls("", where, "is encrypted by ansible-vault")
        return cls(text, where, "is a template, which only Ansible can evaluate" if "{{" in text or "{%" in text else "")


@dataclass(slots=True)
class Member:
    """A host or a group, as far as it was read."""

    where: Where
    vars: dict[str, Value] = field(default_factory=dict)
    parents: dict[str, Where] = field(default_factory=dict)


@dataclass(slots=True)
class AnsibleInventory:
    """Hosts and groups by name, filled by a reader of INI or YAML."""

    path: str
    hosts: dict[str, Member] = field(default_factory=dict)
    groups: dict[str, Member] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def group(self, name: str, where: Where) -> Member:
        """The group of this name, made when it is new."""
        return self.groups.setdefault(name, Member(where))

    def host(self, name: str, group: str, where: Where) -> Member:
        """The host of this name as a member of the group."""
        host = self.hosts.setdefault(name, Member(where))
        host.parents.setdefault(group, where)
        return host

    def findings(self) -> Findings:
        """The hosts in the words of our inventory; InventoryError when groups are their own children."""
        depths: dict[str, int] = {}
        for name in self.groups:
            self._measure(name, depths, ())
        hosts = [found for name, host in self.hosts.items() if (found := self._found(name, host, depths))]
        return Findings(tuple(hosts), (*dict.fromkeys(self.notes), *self._left_out()))

    def _measure(self, name: str, depths: dict[str, int], way: tuple[str, ...]) -> int:
        """Note how many groups lie around this one; ``way`` are the groups below it that led here."""
        if name in way:
            where = self.groups[way[-1]].parents[name]
            circle = " → ".join((*way[way.index(name) :], name)[::-1])
            text = f"groups are children of each other: {circle}"
            raise InventoryError(text, "remove one of these from the children", path=where.path, line=where.line)
        if name not in depths:
            parents = self.groups[name].parents.keys() & self.groups.keys()
            around = [self._measure(parent, depths, (*way, name)) for parent in sorted(parents)]
            depths[name] = max(around, default=0) + (name != ALL)
        return depths[name]

    def _around(self, host: Member) -> set[str]:
        around: set[str] = {ALL} & self.groups.keys()
        waiting = list(host.parents)
        while waiting:
            name = waiting.pop()
            if name in self.groups and name not in around:
                around.add(name)
                waiting += self.groups[name].parents
        return around

    def _found(self, name: str, host: Member, depths: Mapping[str, int]) -> Found | None:
        groups = sorted(self._around(host), key=lambda group: (depths[group], group))
        said = {var: value for group in groups for var, value in self.groups[group].vars.items()} | host.vars
        taken = {key: self._taken(name, names, said) for key, names in _KEYS.items()}
        connection = (taken.pop("connection") or "ssh").removeprefix("ansible.builtin.")
        if connection == LOCAL:
            taken["address"] = LOCAL
        elif connection not in _BY_SSH:
            self.notes.append(f"{host.where}: {name} is left out: its ansible_connection is {connection}, and not ssh")
            return None
        own = tuple(group for group in groups if group not in (ALL, UNGROUPED))
        return Found(name, host.where, taken["address"], taken["user"], port(taken["port"]), taken["key"], own)

    def _taken(self, host: str, names: tuple[str, ...], said: Mapping[str, Value]) -> str | None:
        var = next((name for name in names if name in said), None)
        if var is None or not (said[var].text or said[var].flaw):
            return None
        if said[var].flaw:
            self.notes.append(f"{said[var].where}: {var} of {host} {said[var].flaw}: write it into the inventory yourself")
            return None
        return said[var].text

    def _left_out(self) -> Iterator[str]:
        """One sentence for all vars that have no counterpart; their values are never shown."""
        every = {var for member in (*self.hosts.values(), *self.groups.values()) for var in member.vars} - _TAKEN
        secret = {var for var in every if var.startswith("ansible_") and "pass" in var}
        ways = {var for var in every if var in ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args")}
        if secret:
            yield f"{self.path}: passwords are not taken over ({_listed(secret)}): use -k and -K, or the variables of fleet"
        if ways:
            yield f"{self.path}: {_listed(ways)}: not taken over; what they say of ProxyJump is a `gateway` in an inventory"
        if other := every - secret - ways:
            yield f"{self.path}: vars of Ansible's own use are not taken over: {_listed(other)}"


def _listed(names: set[str]) -> str:
    every = sorted(names)
    return ", ".join(every[:12]) + (f" and {len(every) - 12} more" if len(every) > 12 else "")
