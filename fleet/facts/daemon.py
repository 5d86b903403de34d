"""The Docker daemon: its units, what it runs, and the images that it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from fleet.model import Probe

UNITS = ("docker.service", "containerd.service")
"""What has to run; docker.service needs docker.socket too and starts it (docker/docker-ce-packaging, deb units)."""

SOCKET = "docker.socket"


@dataclass(frozen=True, slots=True)
class Unit:
    """One systemd unit, in the words of systemctl(1): load, active and unit file state, and the last result."""

    name: str
    load: str = ""
    active: str = ""
    enabled: str = ""
    result: str = ""

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


def read_units(text: str) -> Units:
    """Read `systemctl show -p Id,…`: blocks of lines, parted by empty ones."""
    units = []
    for block in text.split("\n\n"):
        said = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        if said.get("Id") in (*UNITS, SOCKET):
            units.append(
                Unit(
                    name=said["Id"],
                    load=said.get("LoadState", ""),
                    active=said.get("ActiveState", ""),
                    enabled=said.get("UnitFileState", ""),
                    result=said.get("Result", ""),
                )
            )
    return Units(tuple(units))


UNIT_STATES = Probe(
    name="units",
    script=f"timeout -k 1 20 systemctl show -p Id,LoadState,ActiveState,UnitFileState,Result {' '.join(UNITS)} {SOCKET}",
    parse=read_units,
    unknown=Units(),
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its tags and digests as `docker image inspect` has them, and its platform."""

    tags: tuple[str, ...]
    digests: tuple[str, ...]
    platform: str


@dataclass(frozen=True, slots=True)
class Daemon:
    """What dockerd answers to root; ``version`` is empty when it does not answer.

    ``platform`` is the daemon's own word (linux/arm on a 32-bit userland, whatever the kernel says). ``running`` counts
    containers, and is None when the daemon answers but not to that.
    """

    version: str = ""
    platform: str = ""
    running: int | None = 0
    live_restore: bool = False
    images: tuple[Image, ...] = ()

    def has(self, reference: str) -> Image | None:
        """The image of this full reference (``docker.io`` and ``latest`` left out, as the daemon shows it)."""
        return next((i for i in self.images if reference in i.tags or reference in i.digests), None)

    def plus(self, image: Image) -> Daemon:
        """With one more image."""
        return replace(self, images=(*self.images, image))


def read_daemon(text: str) -> Daemon:
    """Read the answer of the probe ``daemon``."""
    daemon = Daemon()
    images: list[Image] = []
    for line in text.splitlines():
        key, tab, value = line.partition("\t")
        if key == "version" and tab:
            version, _, platform = value.partition(" ")
            daemon = replace(daemon, version=version, platform=platform, running=None)
        elif key == "running" and tab:
            daemon = replace(daemon, running=int(value) if value.isdecimal() else None)
        elif key == "config" and tab:
            daemon = replace(daemon, live_restore=_live_restore(value))
        elif key == "image" and tab:
            images.append(_image(value))
    return replace(daemon, images=tuple(images))


def _image(value: str) -> Image:
    tags, digests, platform = [*value.split("\t"), "", "", ""][:3]
    return Image(tuple(json.loads(tags or "null") or ()), tuple(json.loads(digests or "null") or ()), platform.rstrip("/"))


def _live_restore(config: str) -> bool:
    try:
        said = json.loads(config or "{}")
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("live-restore") is True


# Docker's socket is systemd's: to ask there while the daemon is down would start it, so systemd is asked first. `-H`, since
# root's own settings may name the daemon of another machine.
DAEMON = Probe(
    name="daemon",
    script=r"""
D='timeout -k 1 20 docker -H unix:///var/run/docker.sock'
if [ -S /var/run/docker.sock ] && command -v docker >/dev/null && timeout -k 1 20 systemctl -q is-active docker.service; then
v=$($D version --format '{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}' </dev/null)
if [ -n "$v" ]; then
printf 'version\t%s\n' "$v"
r=$($D ps -q </dev/null) && printf 'running\t%s\n' "$(printf '%s' "$r" | grep -c .)"
i=$($D image ls -q --no-trunc </dev/null)
[ -n "$i" ] && printf '%s\n' "$i" | sort -u | xargs -n 200 $D image inspect \
  --format 'image{{"\t"}}{{json .RepoTags}}{{"\t"}}{{json .RepoDigests}}{{"\t"}}{{.Os}}/{{.Architecture}}/{{.Variant}}'
fi; fi
[ -s /etc/docker/daemon.json ] && { printf 'config\t'; tr -d '\n\t' </etc/docker/daemon.json; echo; }
""",
    parse=read_daemon,
    unknown=Daemon(),
    as_root=True,
)
