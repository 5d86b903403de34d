"""What `ssh` is told of the hosts: ~/.ssh/fleet.conf, and one line at the top of ~/.ssh/config that includes it.

A block for each host under a name of ours, with all that the inventory and the user's own ssh_config say of it, since of
several blocks `ssh` takes only those that match the name it was given (ssh_config(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fleet.contexts.files import write_file
from fleet.errors import InventoryError
from fleet.importing.ssh_config import OWN
from fleet.model import Host
from fleet.remote import Settings, SshTarget, resolve_ssh

_HEAD = f"{OWN}; `fleet context --remove` takes out what it put in.\n"
_BEGIN = re.compile(r"(?m)^Host (\S+)$")
_NOTE = "# Hosts of `fleet context`:"


def alias(host: str) -> str:
    """The name by which `ssh` knows a host of the fleet."""
    return f"fleet-{host}"


def blocks(hosts: Sequence[Host], known: Mapping[str, Host], settings: Settings) -> dict[str, str]:
    """By alias: the block of each host, and of the hosts that it is reached through."""
    found: dict[str, str] = {}
    waiting = list(hosts)
    while waiting:
        host = waiting.pop()
        if alias(host.name) not in found:
            found[alias(host.name)] = "".join(f"{line}\n" for line in _block(host, known, settings))
            waiting += [known[host.gateway]] if host.gateway and host.gateway in known else []
    return found


def _block(host: Host, known: Mapping[str, Host], settings: Settings) -> Iterator[str]:
    target = resolve_ssh(host, settings)
    yield f"Host {alias(host.name)}"
    yield f"    HostName {target.hostname}"
    yield f"    User {target.user}"
    yield f"    Port {target.port}"
    if target.known_as != target.hostname:
        yield f"    HostKeyAlias {target.known_as}"
    if not target.forget:
        yield f"    UserKnownHostsFile {' '.join(_path(path) for path in (settings.known_hosts, *target.known_hosts))}"
    yield from (f"    IdentityFile {_path(target.expand(key))}" for key in target.keys)
    if target.keys_only:
        yield "    IdentitiesOnly yes"
    yield from _way(host, known, target)


def _way(host: Host, known: Mapping[str, Host], target: SshTarget) -> Iterator[str]:
    hops = [alias(host.gateway) if host.gateway in known else host.gateway] if host.gateway else target.jumps
    if hops:
        yield f"    ProxyJump {','.join(hops)}"
    elif target.command:
        yield f"    ProxyCommand {target.expand_command(target.command)}"


def _path(path: Path | str) -> str:
    """A path as ssh_config takes it. Raises InventoryError for one that can't be written there."""
    text = str(path).replace("%", "%%")
    if '"' in text or "\n" in text:
        raise InventoryError(f"the path {text!r} can't stand in an ssh_config", "Use one without quotes in its name.")
    return f'"{text}"' if " " in text else text


def read(folder: Path) -> dict[str, str]:
    """The blocks of our file, by alias."""
    try:
        text = (folder / "fleet.conf").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    _, *parts = _BEGIN.split(text)
    return {name: f"Host {name}{rest.rstrip()}\n" for name, rest in zip(parts[::2], parts[1::2], strict=True)}


def needed(left: Mapping[str, str], in_use: frozenset[str]) -> dict[str, str]:
    """Of these blocks those in use, and those of the hosts on the way to them."""
    wanted = set(in_use)
    while True:
        through = {hop for name in wanted if name in left for hop in _hops(left[name])} & left.keys()
        if through <= wanted:
            return {name: text for name, text in left.items() if name in wanted}
        wanted |= through


def _hops(block: str) -> Sequence[str]:
    match = re.search(r"(?m)^ +ProxyJump (.*)$", block)
    return match[1].split(",") if match else ()


def update(folder: Path, wanted: Mapping[str, str]) -> None:
    """Make our file say this and no more, included by the user's; without any block neither file knows of us."""
    ours, users = folder / "fleet.conf", folder / "config"
    text = _HEAD + "".join(f"\n{wanted[name]}" for name in sorted(wanted))
    if not wanted:
        ours.unlink(missing_ok=True)
    elif _text(ours) != text:
        write_file(ours, text, 0o600)
    before = _text(users)
    lines = f"{_NOTE}\nInclude {_path(ours)}\n\n"
    after = before.replace(lines, "") if not wanted else before if lines in before else lines + before
    if before and not after:
        users.unlink()
    elif after != before:
        write_file(users, after, users.stat().st_mode & 0o777 if users.exists() else 0o600)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""
