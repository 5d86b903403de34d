"""What dpkg has installed of all that concerns the steps, and what state dpkg and its locks are in."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fleet.model import Probe

WATCHED = (
    "docker-ce",
    "docker-ce-cli",
    "containerd.io",
    "docker-buildx-plugin",
    "docker-compose-plugin",
    "docker-ce-rootless-extras",
    "docker-model-plugin",
    "docker.io",
    "docker-cli",
    "docker-doc",
    "docker-compose",
    "docker-compose-v2",
    "docker-engine",
    "podman-docker",
    "containerd",
    "runc",
    "apparmor",
    "ca-certificates",
    "linux-modules-extra-raspi",
    "rpi-swap",
    "dphys-swapfile",
    "zram-tools",
    "systemd-zram-generator",
)

_UPSTREAM = re.compile(r"^(?:\d+:)?(?P<upstream>\d[0-9A-Za-z.]*)(?P<pre>~(?:rc|beta|alpha)[.0-9]*)?")


def upstream(version: str) -> str:
    """The upstream part of a deb's version: ``5:28.5.2-1~debian.13~trixie`` gives ``28.5.2``."""
    found = _UPSTREAM.match(version)
    return found["upstream"] + (found["pre"] or "").replace("~", "-") if found else ""


def is_release(version: str) -> bool:
    """False for a release candidate and its like: ``5:29.0.0~rc.1-1~…``."""
    return "-" not in upstream(version)


def is_within(version: str, wanted: str) -> bool:
    """True when a deb's version is the wanted upstream one, compared by whole components: 28.1 is not in 28.10.

    A release candidate is within nothing that a recipe can name.
    """
    have = upstream(version)
    return is_release(version) and (have == wanted or have.startswith(wanted + "."))


@dataclass(frozen=True, slots=True)
class Package:
    """One package that dpkg knows; ``state`` is dpkg's three letters, for example ``ii`` or ``hi`` (held)."""

    name: str
    version: str
    state: str

    @property
    def is_installed(self) -> bool:
        """True when it is installed and configured."""
        return self.state[1:2] == "i"

    @property
    def is_held(self) -> bool:
        """True when `apt-mark hold` was said of it."""
        return self.state[:1] == "h"


@dataclass(frozen=True, slots=True)
class Packages:
    """The watched packages, and what stands in the way of apt.

    ``interrupted`` when `dpkg --configure -a` is due; ``lock_holders`` as ``path (program PID)``; ``snap_docker`` when
    Docker is there as a snap, which has its own data and comes first in many a PATH.
    """

    installed: tuple[Package, ...] = ()
    interrupted: bool = False
    lock_holders: tuple[str, ...] = ()
    snap_docker: bool = False

    def find(self, name: str) -> Package | None:
        """The package, if it is installed."""
        return next((p for p in self.installed if p.name == name and p.is_installed), None)

    def version(self, name: str) -> str:
        """The deb's version, empty when it is not installed."""
        package = self.find(name)
        return package.version if package else ""

    def plus(self, versions: dict[str, str]) -> Packages:
        """As they will be when these have been installed."""
        others = tuple(p for p in self.installed if p.name not in versions)
        return replace(self, installed=(*others, *(Package(n, v, "ii") for n, v in versions.items())))

    def minus(self, names: tuple[str, ...]) -> Packages:
        """As they will be when these have been removed."""
        return replace(self, installed=tuple(p for p in self.installed if p.name not in names))


def read_packages(text: str) -> Packages:
    """Read the answer of the probe ``packages``."""
    rows = [line.split("\t") for line in text.splitlines()]
    return Packages(
        installed=tuple(Package(r[1], r[2], r[0].strip()) for r in rows if len(r) == 3 and r[2]),
        interrupted=any(r[0] == "interrupted" for r in rows),
        lock_holders=tuple(f"{r[1]} ({r[2]})" for r in rows if r[0] == "lock" and len(r) == 3),
        snap_docker=any(r[0] == "snap" for r in rows),
    )


PACKAGES = Probe(
    name="packages",
    script=r"""
dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Version}\n' """
    + " ".join(WATCHED)
    + r"""
for f in /var/lib/dpkg/updates/[0-9]*; do [ -e "$f" ] && echo interrupted && break; done
grep -q -E '^Status: [a-z]+ [a-z]+ (half-installed|half-configured|unpacked)' /var/lib/dpkg/status && echo interrupted
for f in /var/lib/snapd/snaps/docker_*.snap; do [ -e "$f" ] && echo snap && break; done
stat -c '%i %n' /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock |
awk 'NR == FNR { path[$1] = $2; next }
$2 == "POSIX" || $2 == "OFDLCK" { split($6, id, ":"); if (id[3] in path) { name = ""; getline name < ("/proc/" $5 "/comm")
print "lock\t" path[id[3]] "\t" name " " $5 } }' - /proc/locks
""",
    parse=read_packages,
    unknown=Packages(),
)
