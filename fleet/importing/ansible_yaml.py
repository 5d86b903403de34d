"""Ansible's YAML inventories: groups with hosts, vars and children in each other.

They may have tags (!vault) and aliases, which our own files may not, so the nodes of YAML are read, and nothing is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from fleet.errors import InventoryError
from fleet.importing.ansible_groups import ALL, AnsibleInventory, Value
from fleet.importing.ansible_ini import add_pattern, refuse
from fleet.importing.source import Where

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 32
_MOST = 100_000
"""Groups and hosts that are looked at: aliases in aliases can unfold to more than there is time for."""


def read_yaml(text: str, path: str) -> AnsibleInventory:
    """All that the file says; InventoryError with the line where it can't be read."""
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark else None
        raise InventoryError(f"not valid YAML: {problem.problem}", "correct it", path=path, line=line) from None
    except yaml.YAMLError as problem:
        raise InventoryError(f"not valid YAML: {problem}", "correct it", path=path) from None
    reader = _Reader(path)
    for name, where, node in reader.pairs(root):
        if name == "plugin":
            refuse("this configures a plugin of Ansible", where, FROM_ANSIBLE)
        reader.group(name, where, node, ())
    return reader.inventory


class _Reader:
    """Walks the groups."""

    def __init__(self, path: str) -> None:
        self.inventory = AnsibleInventory(path)
        self.inventory.group(ALL, Where(path))
        self._looked_at = 0

    def where(self, node: Any) -> Where:
        return Where(self.inventory.path, node.start_mark.line + 1)

    def pairs(self, node: Any) -> Iterator[tuple[str, Where, Any]]:
        """The keys of a mapping with their places and values; none for an empty value, and a word is a key alone."""
        if node is None or isinstance(node, yaml.ScalarNode):
            if node and node.value not in ("", "~", "null"):
                yield node.value, self.where(node), None
            return
        if not isinstance(node, yaml.MappingNode):
            refuse("expected keys with values, got a list", self.where(node), "write each item as a key of its own (name:)")
        for key, value in node.value:
            self._looked_at += 1
            if self._looked_at > _MOST:
                refuse(f"more than {_MOST} entries, or aliases that unfold to as many", self.where(key), FROM_ANSIBLE)
            if not isinstance(key, yaml.ScalarNode):
                refuse("a key must be text", self.where(key))
            if key.value == "<<":
                self.inventory.notes.append(f"{self.where(key)}: what a merge key (<<) brings in is not taken over")
                continue
            yield key.value, self.where(key), value

    def group(self, name: str, where: Where, node: Any, around: tuple[str, ...]) -> None:
        """A group and all inside it."""
        if len(around) > _DEEPEST:
            refuse(f"groups are more than {_DEEPEST} deep in each other", where, FROM_ANSIBLE)
        group = self.inventory.group(name, where)
        if around:
            group.parents.setdefault(around[-1], where)
        for key, place, value in self.pairs(node):
            if key == "vars":
                group.vars.update(self._vars(value))
            elif key == "hosts":
                self._hosts(name, value)
            elif key == "children":
                for child, at, inside in self.pairs(value):
                    self.group(child, at, inside, (*around, name))
            else:
                self.inventory.notes.append(f"{place}: the group {name} has an unknown key {key}: not looked at")

    def _hosts(self, group: str, node: Any) -> None:
        for pattern, where, value in self.pairs(node):
            add_pattern(self.inventory, group, pattern, self._vars(value), where)

    def _vars(self, node: Any) -> dict[str, Value]:
        return {name: self._value(where, value) for name, where, value in self.pairs(node)}

    def _value(self, where: Where, node: Any) -> Value:
        if not isinstance(node, yaml.ScalarNode):
            return Value("", where, "is not one word" if node else "")
        if str(node.tag).startswith("!vault"):
            return Value("", where, "is encrypted by ansible-vault")
        return Value.of("" if node.value in ("~", "null") and not node.style else node.value, where)


FROM_ANSIBLE = "let Ansible say what it comes to: ansible-inventory -i FILE --list --yaml | fleet inventory import ansible -"
