"""The network as the host sees it: names, and the servers that Docker's packages and images come from."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.doctor.words import as_root, as_user, error, lines, note, warning
from fleet.model import Facts, Finding, Probe

PACKAGES_FROM = "download.docker.com"
IMAGES_FROM = ("registry-1.docker.io", "auth.docker.io", "production.cloudflare.docker.com")
"""What dockerd talks to for an image of Docker Hub (docs.docker.com/desktop/setup/allow-list)."""

SECONDS = 5
"""For a name, and again for a connection; all servers are asked at the same time."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server from the host's side: its address (empty: the name is not known), and what came of a connection.

    ``said`` is "open" when port 443 takes connections, and empty where there are no means to try.
    """

    name: str
    address: str
    said: str


@dataclass(frozen=True, slots=True)
class Network:
    """The servers, where the host's names come from, and whether apt goes through a proxy."""

    servers: tuple[Server, ...] = ()
    nameservers: tuple[str, ...] = ()
    has_proxy: bool = False


def read_network(text: str) -> Network:
    """Read lines of a word and its values, parted by tabs."""
    rows = [line.split("\t") for line in text.splitlines()]
    return Network(
        tuple(sorted((Server(r[1], r[2], r[3]) for r in rows if r[0] == "server" and len(r) == 4), key=lambda s: s.name)),
        tuple(r[1] for r in rows if r[0] == "nameserver" and len(r) == 2),
        any(r[0] == "proxy" for r in rows),
    )


# A bare host has no curl, but every Debian and Ubuntu has bash, which opens connections by itself (bash(1), /dev/tcp). Of a
# proxy it is told that there is one and not which: its URL may hold a password.
NETWORK = Probe(
    name="network",
    script=rf"""
awk '/^nameserver/ {{ print "nameserver\t" $2 }}' /etc/resolv.conf
timeout -k 1 5 apt-config dump Acquire | grep -qiE '^Acquire::https?::proxy "[^"]' && printf 'proxy\tapt\n'
ask() {{
  address=$(timeout -k 1 {SECONDS} getent ahosts "$1" | awk 'NR == 1 {{ print $1 }}')
  said=
  if [ -n "$address" ] && command -v bash >/dev/null; then
    said=$(timeout -k 1 {SECONDS} bash -c 'exec 3<>"/dev/tcp/$0/443"' "$1" 2>&1) && said=open || said=${{said:-no answer}}
  fi
  printf 'server\t%s\t%s\t%s\n' "$1" "$address" "$(printf %s "${{said##*: }}" | tr -d '\t\n')"
}}
if command -v getent >/dev/null; then
  for n in {" ".join((PACKAGES_FROM, *IMAGES_FROM))}; do ask "$n" & done
  wait
fi
""",
    parse=read_network,
    unknown=Network(),
)


def dns(facts: Facts) -> Finding | None:
    """Names that the host can't find."""
    found = facts[NETWORK]
    lost = [s.name for s in found.servers if not s.address]
    if not lost:
        return None
    make = note if found.has_proxy else error
    every = len(lost) == len(found.servers)
    return make(
        "dns",
        "the host finds no address for any name" if every else "the host does not find all of Docker's servers by name",
        f"no address for {', '.join(lost)}; name servers: {', '.join(found.nameservers) or 'none'}"
        + ("; apt goes through a proxy, which may know them" if found.has_proxy else ""),
        lines(
            "Give it a name server that answers, and look again:", as_root("cat /etc/resolv.conf; ip route; resolvectl status")
        ),
    )


def docker_hosts(facts: Facts) -> Finding | None:
    """Docker's servers that the host finds and can't reach."""
    found = facts[NETWORK]
    closed = [s for s in found.servers if s.address and s.said not in ("open", "")]
    if not closed:
        return None
    packages = any(s.name == PACKAGES_FROM for s in closed)
    make = note if found.has_proxy else error if packages else warning
    what = "Docker's packages" if packages else "images of Docker Hub"
    return make(
        "docker-hosts",
        f"the host can't reach the servers that {what} come from",
        ", ".join(f"{s.name} ({s.address}) port 443: {s.said.lower()}" for s in closed)
        + ("; apt goes through a proxy, so it may not have to" if found.has_proxy else ""),
        lines("See its routes, and whether a firewall lets it out:", as_user(f"ip route; ping -c 1 {closed[0].address}")),
    )
