"""The Docker daemon: its units, what it runs, and the images that it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fleet.facts.daemon_json import without_logins
from fleet.facts.docker_info import Info, read_info
from fleet.model import Probe

UNITS = ("docker.service", "containerd.service")
"""What has to run; docker.service needs docker.socket too and starts it (docker/docker-ce-packaging, deb units)."""

SOCKET = "docker.socket"

BUILT = "io.github.fleet.built"
"""The label of an image that fleet built: a digest of all that it was built from."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One systemd unit, in the words of systemctl(1): load, active and unit file state, and the last result.

    ``flags`` are the words after the program's name in its ExecStart.
    """

    name: str
    load: str = ""
    active: str = ""
    enabled: str = ""
    result: str = ""
    flags: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        """True when it is active."""
        return self.active in ("active", "reloading")

    @property
    def is_enabled(self) -> bool:
        """True when it starts at boot."""
        return self.enabled in ("enabled", "enabled-runtime", "static", "indirect")

    @property
    def is_masked(self) -> bool:
        """True when somebody forbade its start."""
        return "masked" in (self.load, self.enabled) or self.enabled == "masked-runtime"


@dataclass(frozen=True, slots=True)
class Units:
    """The units that make the engine run; ``systemd`` is False where systemd does not answer."""

    units: tuple[Unit, ...] = ()

    def find(self, name: str) -> Unit:
        """The unit of that name; an empty one when systemd does not know it."""
        return next((u for u in self.units if u.name == name), Unit(name))


def read_units(text: str, names: tuple[str, ...] = (*UNITS, SOCKET)) -> Units:
    """Read `systemctl show -p Id,…`: blocks of lines, parted by empty ones; other names are passed over."""
    units = []
    for block in text.split("\n\n"):
        said = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        if said.get("Id") in names:
            units.append(
                Unit(
                    name=said["Id"],
                    load=said.get("LoadState", ""),
                    active=said.get("ActiveState", ""),
                    enabled=said.get("UnitFileState", ""),
                    result=said.get("Result", ""),
                    flags=_flags(said.get("ExecStart", "")),
                )
            )
    return Units(tuple(units))


def _flags(text: str) -> tuple[str, ...]:
    """Of ``{ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd -H fd:// ; ignore_errors=no ; … }``."""
    found = re.search(r"argv\[\]=(.*?) ; ignore_errors=", text)
    return tuple(without_logins(word) for word in found[1].split()[1:]) if found else ()


_ASKED = "Id,LoadState,ActiveState,UnitFileState,Result,ExecStart"

UNIT_STATES = Probe(
    name="units",
    script=f"timeout -k 1 20 systemctl show -p {_ASKED} {' '.join(UNITS)} {SOCKET}",
    parse=read_units,
    unknown=Units(),
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its tags and digests as the Engine API has them (RepoTags, RepoDigests), and its platform.

    ``size`` is in bytes, and 0 where the daemon does not say it. ``built`` tells what fleet built it from (the label
    `BUILT`), and is empty when fleet did not. ``id`` is the digest of its config (the classic store) or
    of its manifest or index (containerd's). ``layers`` are the diff IDs of its layers, the lowest first.
    """

    tags: tuple[str, ...]
    digests: tuple[str, ...]
    platform: str
    size: int = 0
    built: str = ""
    id: str = ""
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Daemon:
    """What dockerd answers to root; ``version`` is empty when it does not answer.

    ``running`` counts containers, and is None when the daemon answers but not to that. ``info`` is None when it was not told.
    """

    version: str = ""
    running: int | None = 0
    live_restore: bool = False
    images: tuple[Image, ...] = ()
    info: Info | None = None

    def has(self, reference: str) -> Image | None:
        """The image of this full reference (``docker.io`` and ``latest`` left out, as the daemon shows it)."""
        return next((i for i in self.images if reference in i.tags or reference in i.digests), None)

    def without(self, tag: str) -> Daemon:
        """With this tag taken off whatever image has it."""
        return replace(self, images=tuple(replace(i, tags=tuple(t for t in i.tags if t != tag)) for i in self.images))

    def plus(self, image: Image) -> Daemon:
        """With one more image."""
        return replace(self, images=(*self.images, image))

    def only(self, keep: Callable[[Image], bool]) -> Daemon:
        """With those images alone."""
        return replace(self, images=tuple(filter(keep, self.images)))

    @property
    def has_mirror(self) -> bool:
        """True when what comes from the Hub is pulled through a mirror."""
        return self.info is not None and bool(self.info.mirrors)


def read_daemon(text: str) -> Daemon:
    """Read the answer of the probe ``daemon``: lines of a word, a tab, and the daemon's own words."""
    said: dict[str, list[str]] = {}
    for line in text.split("\n"):
        key, tab, value = line.partition("\t")
        if tab:
            said.setdefault(key, []).append(value)
    version = said.get("version", [""])[0]
    running = said.get("running", [""])[0]
    info = read_info(_json(said.get("info", [""])[0]))
    return Daemon(
        version=version,
        running=int(running) if running.isdecimal() else None if version else 0,
        live_restore=info.live_restore if info else _json(said.get("config", [""])[0]).get("live-restore") is True,
        images=tuple(_image(_json(value)) for value in said.get("image", [])),
        info=info,
    )


def _json(text: str) -> dict[str, Any]:
    """A JSON object; an empty one for anything else, such as a daemon.json that dockerd would refuse too."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _image(said: dict[str, Any]) -> Image:
    """One answer of the Engine API to GET /images/ID/json."""
    platform = "/".join(p for p in (said.get("Os"), said.get("Architecture"), said.get("Variant")) if isinstance(p, str) and p)
    size = said.get("Size")
    labels = (said.get("Config") or {}).get("Labels") or {}
    return Image(
        tags=tuple(said.get("RepoTags") or ()),
        digests=tuple(said.get("RepoDigests") or ()),
        platform=platform,
        size=size if isinstance(size, int) else 0,
        built=str(labels.get(BUILT, "")),
        id=said.get("Id") or "",
        layers=tuple((said.get("RootFS") or {}).get("Layers") or ()),
    )


GET = r"""
$| = 1; alarm 15;
sub get {
  my $s;
  socket($s, 1, 1, 0) && connect($s, pack("Sa108", 1, "/var/run/docker.sock")) or return ("", "");
  syswrite $s, "GET $_[0] HTTP/1.0\r\nHost: docker\r\n\r\n";
  local $/; my ($head, $body) = split /\r\n\r\n/, <$s> // "", 2;
  $body =~ tr/\r\n//d;
  return $head =~ m{^HTTP/1\.\d 200 } ? ($head, $body) : ("", "");
}
"""
"""Perl: asks the Engine API for a path. Three starts of the docker command would cost a Pi more than all other probes
together, and a bare host has no curl, but every Debian has perl (package perl-base is essential)."""


def where_it_runs(perl: str) -> str:
    """sh: this perl after `GET`, if the daemon runs. Docker's socket is systemd's: to ask there otherwise would start it."""
    return f"""
if [ -S /var/run/docker.sock ]; then
p=; read -r p </var/run/docker.pid
[ -n "$p" ] && [ -d "/proc/$p" ] && perl -e '{GET}{perl}' </dev/null
fi
"""


_ASK = r"""
my ($head, $running) = get("/containers/json");
exit unless $head =~ m{^Server: Docker/(\S+)}mi;
print "version\t$1\nrunning\t", scalar(() = $running =~ /"Id":"[0-9a-f]{64}","Names":/g), "\n";
my $info = (get("/info"))[1]; print "info\t$info\n" if $info;
my %ids = map { $_ => 1 } (get("/images/json"))[1] =~ /"Id":"(sha256:[0-9a-f]{64})"/g;
for (sort keys %ids) { my $image = (get("/images/$_/json"))[1]; print "image\t$image\n" if $image }
"""

# Docker's socket is systemd's: to ask there while the daemon is down would start it, so its PID is looked for first.
DAEMON = Probe(
    name="daemon",
    script=rf"""
if [ -S /var/run/docker.sock ]; then
p=; read -r p </var/run/docker.pid
{{ [ -n "$p" ] && [ -d "/proc/$p" ]; }} || timeout -k 1 20 systemctl -q is-active docker.service &&
  perl -e '{GET}{_ASK}' </dev/null
fi
[ -s /etc/docker/daemon.json ] && {{ printf 'config\t'; tr -d '\n\t' </etc/docker/daemon.json; echo; }}
""",
    parse=read_daemon,
    unknown=Daemon(),
    as_root=True,
)
