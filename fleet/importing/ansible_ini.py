"""Ansible's INI inventories: [group], [group:children], [group:vars], and hosts with key=value behind them."""

from __future__ import annotations

import re
import shlex
from typing import NoReturn

from fleet.errors import InventoryError
from fleet.importing.ansible_groups import ALL, UNGROUPED, AnsibleInventory, Value
from fleet.importing.ranges import expand
from fleet.importing.source import Where

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_WITH_PORT = re.compile(r"((?:[^:\[\]]|\[[^\[\]]*\])+):([0-9]+)")
_KINDS = ("hosts", "children", "vars")


def read_ini(text: str, path: str) -> AnsibleInventory:
    """All that the file says; InventoryError with the line where it can't be read."""
    inventory = AnsibleInventory(path)
    inventory.group(ALL, Where(path))
    section, kind, declared = UNGROUPED, "hosts", {ALL, UNGROUPED}
    mentioned: dict[str, Where] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line, where = raw.strip(), Where(path, number)
        if not line or line[0] in "#;":
            continue
        if header := _SECTION.fullmatch(line):
            section, kind = header[1], header[2] or "hosts"
            if kind not in _KINDS:
                refuse(f"the section [{section}:{kind}] is of no known kind", where, f"known are: {', '.join(_KINDS)}")
            declared |= {section} if kind != "vars" else set()
            mentioned.setdefault(section, where)
        elif kind == "hosts":
            _add_hosts(inventory, section, line, where)
        elif kind == "children":
            child = line.split("#")[0].strip()
            inventory.group(child, where).parents.setdefault(section, where)
            mentioned.setdefault(child, where)
        else:
            name, equals, value = line.partition("=")
            if not equals:
                refuse(f"expected key=value in [{section}:vars], got {line!r}", where)
            inventory.group(section, where).vars[name.strip()] = Value.of(_bare(value.strip()), where)
        if header:
            inventory.group(section, where)
    for name, where in mentioned.items():
        if name not in declared:
            refuse(f"there is no group {name}", where, f"add [{name}], or correct the name")
    return inventory


def _add_hosts(inventory: AnsibleInventory, group: str, line: str, where: Where) -> None:
    try:
        pattern, *settings = shlex.split(line, comments=True)
    except ValueError as problem:
        refuse(f"can't be read: {problem}", where, "check the quotes")
    said: dict[str, Value] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            refuse(f"expected key=value after the host, got {setting!r}", where, "put quotes around a value with spaces")
        said[name] = Value.of(_bare(value), where)
    add_pattern(inventory, group, pattern, said, where)


def add_pattern(inventory: AnsibleInventory, group: str, pattern: str, said: dict[str, Value], where: Where) -> None:
    """Add the hosts that a pattern names, which may have ranges and a port, with these vars."""
    found = _WITH_PORT.fullmatch(pattern)
    port = {"ansible_port": Value(found[2], where)} if found else {}
    try:
        names = expand(found[1] if found else pattern)
    except ValueError as problem:
        refuse(str(problem), where, "write it as web[01:10] or web[1:10:2]")
    for name in names:
        inventory.host(name, group, where).vars.update(port | said)


def _bare(value: str) -> str:
    """Without the quotes around it."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def refuse(text: str, where: Where, hint: str = "") -> NoReturn:
    """The source is wrong here."""
    raise InventoryError(text, hint, path=where.path, line=where.line)
