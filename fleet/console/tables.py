"""Hosts, facts and recipes as tables that read well and can be searched with grep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fleet.console.stream import Stream, clean
from fleet.console.words import columns, joined
from fleet.model import Data, Host


def tell_table(stream: Stream, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with its heads; nothing in it is shortened."""
    head, *lines = (joined(cells) for cells in columns(heads, rows))
    stream.line("\n".join([stream.paint(head, "bold"), *lines]))


def tell_pairs(stream: Stream, pairs: Mapping[str, str]) -> None:
    """Names and values, one a line."""
    width = max(map(len, pairs), default=0) + 1
    for name, value in pairs.items():
        stream.line(f"{stream.paint(f'{name}:'.ljust(width), 'bold')}  {clean(value)}")


def tell_hosts(stream: Stream, hosts: Iterable[Host], default_recipe: str) -> None:
    """The hosts of an inventory; a column for gateways only where there are some."""
    hosts = list(hosts)
    gateways = any(host.gateway for host in hosts)
    heads = ["HOST", "ADDRESS", "USER", "PORT", "RECIPE", *(["GATEWAY"] if gateways else []), "GROUPS"]
    rows = [_host(host, default_recipe, gateways) for host in hosts]
    tell_table(stream, heads, rows)


def _host(host: Host, default_recipe: str, gateways: bool) -> list[str]:
    port = str(host.port) if host.port else "-"
    gateway = [host.gateway or "-"] if gateways else []
    recipe = host.recipe or default_recipe
    return [host.name, host.address, host.user or "-", port, recipe, *gateway, ", ".join(host.groups) or "-"]


def tell_facts(stream: Stream, facts: Mapping[str, Mapping[str, Data]]) -> None:
    """The facts of one host in full, of several as a table."""
    if len(facts) == 1:
        (only,) = facts.values()
        tell_pairs(stream, {name: _cell(only, name) for name in only})
    elif facts:
        heads = ("HOST", "ARCHITECTURE", "SYSTEM", "MEMORY", "SUDO", "DOCKER", "COMPOSE")
        tell_table(stream, heads, [_facts(name, values) for name, values in facts.items()])


def _facts(name: str, facts: Mapping[str, Data]) -> list[str]:
    system = f"{facts.get('distro') or '?'} {facts.get('codename') or facts.get('version') or ''}".rstrip()
    memory = facts.get("memory_mb")
    size = f"{memory / 1024:.1f} GiB" if isinstance(memory, int) and memory else "-"
    return [name, _cell(facts, "architecture"), system, size, *(_cell(facts, key) for key in ("sudo", "docker", "compose"))]


def _cell(facts: Mapping[str, Data], name: str) -> str:
    value = facts.get(name)
    return "-" if value in ("", None) else shown(value)


def shown(value: Data) -> str:
    """A fact as it is written in `fact:NAME=VALUE`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value)
    return "" if value is None else str(value)
