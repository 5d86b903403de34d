"""Hosts of a source into the text of an inventory: new ones are added, and earlier ones of the same source brought up to date.

A host that was imported has a comment behind its name, ``# imported from vagrant``. By this a later import knows that the
values are its own and may change, as the ports of Vagrant do at each ``up``. What somebody wrote is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fleet.errors import InventoryError
from fleet.importing import ssh_config
from fleet.importing.page import Page
from fleet.importing.source import Found
from fleet.model import Data

NEW_FILE = "# The machines of your fleet.\n"


class Deed(StrEnum):
    """What becomes of a host."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Merged:
    """The new text, what became of each host, the groups that are new, and what is to be told."""

    text: str
    deeds: Mapping[str, Deed]
    groups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def merge(text: str, path: str, hosts: Sequence[Found], origin: str, *, replace: bool = False) -> Merged:
    """The text with these hosts; raises InventoryError when the text is wrong, or written so that it can't be added to."""
    page = Page(text, path)
    wanted: dict[str, Any] = deepcopy(page.document.data)
    known: dict[str, Any] = wanted.get("hosts") or {}
    changes = {host.name: _changes(host, known.get(host.name) or {}) for host in hosts}
    deeds = {name: _deed(name in known, bool(changes[name]), replace or _is_of(page, name, origin)) for name in changes}
    notes = tuple(
        f"{name} is kept as it is, and {origin} has another {', '.join(changes[name])}; --replace takes that"
        for name, deed in deeds.items()
        if deed is Deed.KEPT
    )
    written = [host for host in hosts if deeds[host.name] in (Deed.ADDED, Deed.UPDATED)]
    if not written:
        return Merged(text, deeds, (), notes)
    groups = _new_groups(written, wanted)
    added = {host.name: changes[host.name] for host in written if deeds[host.name] is Deed.ADDED}
    for name in [host.name for host in written if host.name not in added]:
        page.change(name, changes[name], origin)
    # Where both parts end in the same line, the one that is there already goes first.
    for part in sorted(("hosts", "groups"), key=lambda part: part not in page.document.data):
        page.append(part, added if part == "hosts" else {group: {} for group in groups}, origin if part == "hosts" else "")
    wanted["hosts"] = known | {host.name: (known.get(host.name) or {}) | changes[host.name] or None for host in written}
    if groups:
        wanted["groups"] = (wanted.get("groups") or {}) | dict.fromkeys(groups)
    shadow = _shadow(wanted) if origin == ssh_config.SOURCE.name and added else ()
    return Merged(page.finish(wanted), deeds, groups, (*notes, *shadow))


def _changes(host: Found, current: Mapping[str, Data]) -> dict[str, Data]:
    """What the host says that the inventory does not. It may be in more groups there."""
    said = host.settings()
    before = current.get("groups")
    if host.groups and isinstance(before, list):
        said["groups"] = [*before, *(group for group in host.groups if group not in before)]
    return {key: value for key, value in said.items() if current.get(key) != value}


def _deed(is_known: bool, differs: bool, may_change: bool) -> Deed:
    if not is_known:
        return Deed.ADDED
    if not differs:
        return Deed.UNCHANGED
    return Deed.UPDATED if may_change else Deed.KEPT


def _is_of(page: Page, name: str, origin: str) -> bool:
    return ("hosts", name) in page.document.lines and page.origin(name) == origin


def _shadow(data: Mapping[str, Any]) -> tuple[str, ...]:
    """A warning where the defaults hide what ssh_config says of its hosts."""
    said = [key for key in ("user", "port", "key", "gateway") if (data.get("defaults") or {}).get(key) is not None]
    if not said:
        return ()
    return (f"the inventory's defaults say {', '.join(said)}: for the hosts of ssh_config, that wins over what ssh_config says",)


def _new_groups(hosts: Sequence[Found], data: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups that are not there yet; InventoryError when one has the name of a host, or a host that of a group."""
    known, groups = data.get("hosts") or {}, data.get("groups") or {}
    for host in hosts:
        for name in (host.name, *host.groups):
            other = "group" if name == host.name else "host"
            if name in (groups if other == "group" else known):
                text = f"{name} is the name of a {other} in the inventory"
                where = host.where
                raise InventoryError(text, "rename one of them: the command line takes both", path=where.path, line=where.line)
    return tuple(dict.fromkeys(group for host in hosts for group in host.groups if group not in groups))
