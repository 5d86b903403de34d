"""From `vagrant ssh-config`: one ssh_config block a machine (hashicorp/vagrant, templates/commands/ssh_config/config.erb)."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.errors import InventoryError, UsageError
from fleet.importing.source import Findings, Found, Source, World, choose_key, label, port
from fleet.importing.ssh_lines import Line, is_literal, lines

_SAVED = "save what `vagrant ssh-config` prints, and give that file: fleet inventory import vagrant FILE"
_MISSING = f"install Vagrant (vagrantup.com); or, where it is, {_SAVED}"
_FAILED = f"start the machines with `vagrant up`, in the folder of the Vagrantfile; or {_SAVED}"
_NOT_TAKEN = frozenset(("proxycommand", "proxyjump", "include"))


def find(given: str | None, world: World) -> Findings:
    """The machines of this folder's Vagrantfile, or those of a saved output."""
    path = label(given or "vagrant ssh-config")
    text, left_out = (world.read(given), ()) if given else _asked(world)
    hosts: list[Found] = []
    notes: list[str] = [*left_out]
    for name, block in _blocks(text, path).items():
        host, told = entry(name, block, world)
        hosts.append(host)
        notes += told
    if not hosts:
        raise InventoryError("there is no Host in it", "give what `vagrant ssh-config` prints", path=path)
    return Findings(tuple(hosts), tuple(notes))


def _asked(world: World) -> tuple[str, tuple[str, ...]]:
    """What Vagrant says of the machines that run: asked for all, it fails when one of them does not."""
    try:
        return world.run(("vagrant", "ssh-config"), _MISSING, _FAILED), ()
    except UsageError:
        states = _states(world)
        running = [name for name, state in states.items() if state == "running"]
        if len(running) in (0, len(states)):
            raise
    text = world.run(("vagrant", "ssh-config", *running), _MISSING, _FAILED)
    return text, tuple(f"{name} is left out: Vagrant calls it {states[name]}" for name in states if name not in running)


def _states(world: World) -> dict[str, str]:
    """The state of each machine, as far as Vagrant tells.

    Lines are "time,machine,type,data" (developer.hashicorp.com/vagrant/docs/cli/machine-readable).
    """
    try:
        text = world.run(("vagrant", "status", "--machine-readable"), _MISSING, _FAILED)
    except UsageError:
        return {}
    rows = [line.split(",") for line in text.splitlines()]
    return {row[1]: row[3] for row in rows if len(row) > 3 and row[2] == "state"}


def _blocks(text: str, path: str) -> dict[str, list[Line]]:
    """The lines of each host's block, the Host line first; the first block of a name counts, as for ssh."""
    blocks: dict[str, list[Line]] = {}
    current: list[list[Line]] = []
    for line in lines(text, path):
        if line.keyword in ("host", "match"):
            names = [name for name in line.words if is_literal(name)] if line.keyword == "host" else []
            current = [blocks.setdefault(name, []) for name in names if name not in blocks]
        for block in current:
            block.append(line)
    return blocks


def entry(name: str, block: Sequence[Line], world: World) -> tuple[Found, tuple[str, ...]]:
    """The host that a block speaks of, and what it says that an inventory can't."""
    first: dict[str, Line] = {}
    for line in block:
        first.setdefault(line.keyword, line)
    key, notes = choose_key(name, (_path(line) for line in block if _is_key(line)), world)

    def value(keyword: str) -> str | None:
        return first[keyword].one() if keyword in first else None

    found = Found(name, block[0].where, value("hostname"), value("user"), port(value("port")), key)
    left = tuple(
        f"{line.where}: {name}: {line.keyword} is not taken over: give the host a gateway, or fleet this file with -F"
        for line in first.values()
        if line.keyword in _NOT_TAKEN
    )
    return found, (*notes, *left)


def _is_key(line: Line) -> bool:
    return line.keyword == "identityfile" and line.words != ("none",)


def _path(line: Line) -> str:
    """The path of a key; %% stands for % in ssh_config, and other % words are ssh's own business."""
    path = line.one().replace("%%", "\0")
    if "%" in path:
        text = f"the key {path} has a % word of ssh in it"
        raise InventoryError(text, "write the path out", path=line.where.path, line=line.where.line)
    return path.replace("\0", "%")


SOURCE = Source("vagrant", find)
