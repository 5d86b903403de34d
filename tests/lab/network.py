"""The lab's own bridge: a network between this machine and the lab hosts, and no way out of it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NUMBERS = range(10, 250)
"""What hosts may have as the last part of their addresses."""


@dataclass(frozen=True)
class Network:
    """A bridge with the first address of 10.x.y.0/24 and of an IPv6 /64 of the private range."""

    bridge: str
    prefix: str

    @property
    def address(self) -> str:
        """The bridge's own IPv4 address, where the box listens."""
        return f"{self.prefix}.1"

    @property
    def prefix6(self) -> str:
        """The first 64 bits of the IPv6 network."""
        _, second, third = self.prefix.split(".")
        return f"fd1a:b000:{int(second):x}:{int(third):x}"

    def host_addresses(self, number: int) -> tuple[str, str]:
        """Return the IPv4 and the IPv6 address of the host with this number."""
        return f"{self.prefix}.{number}", f"{self.prefix6}::{number}"

    def is_up(self) -> bool:
        """Say whether the bridge is there; a restart of the machine takes it away."""
        return Path("/sys/class/net", self.bridge).exists()

    def up(self) -> None:
        """Create the bridge with its addresses; does nothing to one that is there."""
        if not self.is_up():
            _ip("link", "add", self.bridge, "type", "bridge")
        _ip("address", "replace", f"{self.address}/24", "dev", self.bridge)
        if Path("/proc/net/if_inet6").exists():
            _ip("address", "replace", f"{self.prefix6}::1/64", "dev", self.bridge, "nodad")
        _ip("link", "set", self.bridge, "up")

    def down(self) -> None:
        """Delete the bridge if it is there."""
        if self.is_up():
            _ip("link", "delete", self.bridge)


def choose(lab: str) -> Network:
    """Return a network for a lab that collides with no address, route or name server of this machine."""
    taken = list(_taken())
    candidates = list(range(64 * 256))
    random.shuffle(candidates)  # so that a new lab is seldom where known_hosts files remember an old one
    for candidate in candidates:
        prefix = f"10.{64 + candidate // 256}.{candidate % 256}"
        if not any(ipaddress.ip_network(f"{prefix}.0/24").overlaps(net) for net in taken):
            return Network(f"lab-{hashlib.sha256(lab.encode()).hexdigest()[:10]}", prefix)
    raise RuntimeError("No free network is left in 10.64.0.0/10 for the lab's bridge.")


def _taken() -> Iterator[ipaddress.IPv4Network]:
    for link in _ip_json("-4", "address"):
        for one in link["addr_info"]:
            yield ipaddress.IPv4Network(f"{one['local']}/{one['prefixlen']}", strict=False)
    for route in _ip_json("-4", "route", "show", "table", "all"):
        if re.match(r"[0-9.]+(/[0-9]+)?$", route["dst"]):
            yield ipaddress.IPv4Network(route["dst"])
    for server in re.findall(r"^nameserver\s+([0-9.]+)$", Path("/etc/resolv.conf").read_text(), re.M):
        yield ipaddress.IPv4Network(server)


def _ip_json(*words: str) -> list[dict[str, Any]]:
    shown = subprocess.run(["ip", "-json", *words], capture_output=True, text=True, check=True).stdout
    return [each for each in json.loads(shown or "[]") if each]


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`ip {' '.join(words)}` failed: {done.stderr.strip()}")
