"""From an inventory of Ansible, in INI or YAML. Its own group_vars are not read: Ansible itself can fold them in."""

from __future__ import annotations

import re
from posixpath import dirname, join

from fleet.errors import InventoryError, UsageError
from fleet.importing.ansible_ini import read_ini
from fleet.importing.ansible_yaml import FROM_ANSIBLE, read_yaml
from fleet.importing.source import Findings, Source, World, label

_YAML_NAMES = (".yml", ".yaml", ".json")
_YAML_START = re.compile(r"---|[\w.-]+:(\s|$)|\{")


def find(given: str | None, world: World) -> Findings:
    """The hosts of an inventory file of Ansible."""
    if given is None:
        raise UsageError("an inventory of Ansible is a file", "name it: fleet inventory import ansible FILE")
    text, path = world.read(given), label(given)
    if text.startswith("$ANSIBLE_VAULT"):
        hint = f"ansible-vault view {given} | fleet inventory import ansible -"
        raise InventoryError("the file is encrypted by ansible-vault", hint, path=path)
    if text.startswith("#!"):
        raise InventoryError("this is a program that makes an inventory", FROM_ANSIBLE, path=path, line=1)
    read = read_yaml if given.endswith(_YAML_NAMES) or _looks_like_yaml(text) else read_ini
    findings = read(text, path).findings()
    if not findings.hosts:
        raise InventoryError("there is no host in it that SSH reaches", "; ".join(findings.notes), path=path)
    beside = [name for name in ("group_vars", "host_vars") if given != "-" and world.exists(join(dirname(given), name))]
    unread = tuple(f"{join(dirname(given), name)} is not read; {FROM_ANSIBLE}" for name in beside)
    return Findings(findings.hosts, (*findings.notes, *unread))


def _looks_like_yaml(text: str) -> bool:
    """By its first line that is no comment: INI begins with a [section] or with a host."""
    first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", ";"))), "")
    return bool(_YAML_START.match(first))


SOURCE = Source("ansible", find)
