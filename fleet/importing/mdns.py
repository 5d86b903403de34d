"""From the LAN: machines that announce SSH by mDNS, as `avahi-browse` (1) sees them."""

from __future__ import annotations

from fleet.errors import UsageError
from fleet.importing.source import Findings, Found, Source, Where, World, label, port

COMMAND = ("avahi-browse", "-rptkl", "_ssh._tcp")
"""Resolve, for programs, end after what is known, no names of types, not this machine itself."""
_REMEDY = (
    "on Debian and Ubuntu: sudo apt-get install avahi-daemon avahi-utils; or write the machines into the inventory by hand: "
    "a Raspberry Pi has the address NAME.local"
)
_FAILED = "start the daemon that it asks: sudo systemctl start avahi-daemon"
_SILENT = (
    "a machine is seen when it announces SSH: on it, copy /usr/share/doc/avahi-daemon/examples/ssh.service to "
    "/etc/avahi/services/; or write NAME.local into the inventory"
)
_FIELDS = 10


def find(given: str | None, world: World) -> Findings:
    """The machines that answer now, or those of a saved output."""
    path = label(given or " ".join(COMMAND))
    text = world.read(given) if given else world.run(COMMAND, _REMEDY, _FAILED)
    hosts: dict[str, Found] = {}
    notes: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _host(line, Where(path, number))
        if found and (first := hosts.setdefault(found.name, found)).port != found.port:
            notes.append(f"{found.where}: {found.name} has SSH at port {found.port} too; {first.port} is taken")
    if not hosts:
        raise UsageError(f"{path}: no machine announces SSH", _SILENT)
    return Findings(tuple(hosts.values()), tuple(dict.fromkeys(notes)))


def _host(line: str, where: Where) -> Found | None:
    """The host of a resolved service: ``=;interface;protocol;name;type;domain;host name;address;port;"text" …``.

    It has one such line for each network interface and protocol. The name in DNS is used, since the address may be
    another one tomorrow.
    """
    fields = line.split(";", _FIELDS - 1)
    if len(fields) != _FIELDS or fields[0] != "=" or not fields[6]:
        return None
    address = fields[6].rstrip(".")
    return Found(address.removesuffix(".local"), where, address, port=port(fields[8]))


SOURCE = Source("mdns", find)
