"""Swap: what is on now, and the files of whatever sets it up at boot."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.model import Probe

RPI_DROP_IN = "/etc/rpi/swap.conf.d/90-fleet.conf"
"""Ours, for rpi-swap; what sorts last wins (swap.conf(5) of raspberrypi/rpi-swap)."""

ZRAM_TOOLS = "/etc/default/zramswap"
DPHYS = "/etc/dphys-swapfile"
_FILES = {"rpi": RPI_DROP_IN, "zram": ZRAM_TOOLS, "dphys": DPHYS}


@dataclass(frozen=True, slots=True)
class Area:
    """One line of /proc/swaps; ``kind`` is file or partition, and a zram device is a partition."""

    name: str
    kind: str
    size_kib: int

    @property
    def is_zram(self) -> bool:
        """True for compressed memory."""
        return self.name.startswith("/dev/zram")


@dataclass(frozen=True, slots=True)
class TextFile:
    """A small file: its text and its sha256, both empty where there is none."""

    text: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Swap:
    """``areas`` are those that are on, ``fstab`` what /etc/fstab switches on at boot, ``files`` by path.

    ``booted_since`` is True when our file for rpi-swap was there at the last boot already.
    """

    areas: tuple[Area, ...] = ()
    fstab: tuple[str, ...] = ()
    files: dict[str, TextFile] = field(default_factory=dict)
    container: bool = False
    booted_since: bool = False

    @property
    def size_mb(self) -> int:
        """All of it, in MiB."""
        return sum(area.size_kib for area in self.areas) // 1024

    def file(self, path: str) -> TextFile:
        """One of the files that were looked at."""
        return self.files.get(path, TextFile())


def read_swap(text: str) -> Swap:
    """Read the answer of the probe ``swap``."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        found.setdefault(key, []).append(value)
    rows = (value.split() for value in found.get("area", ()))
    sums = {key: found[f"{key}_sum"][0] for key in _FILES if f"{key}_sum" in found}
    return Swap(
        areas=tuple(Area(row[0], row[1], int(row[2])) for row in rows if len(row) >= 3 and row[2].isdecimal()),
        fstab=tuple(found.get("fstab", ())),
        files={_FILES[key]: TextFile("".join(f"{line}\n" for line in found.get(key, ())), total) for key, total in sums.items()},
        container="container" in found,
        booted_since=0 < _number(found, "written") < _number(found, "btime"),
    )


def _number(found: dict[str, list[str]], key: str) -> int:
    """Seconds since 1970; 0 where it is not told."""
    said = found.get(key, [""])[0]
    return int(said) if said.isdecimal() else 0


SWAP = Probe(
    name="swap",
    script=f"""
[ -e /run/systemd/container ] && echo container
while read -r v kind size rest; do printf 'area=%s %s %s\\n' "$v" "$kind" "$size"; done </proc/swaps
while read -r v where kind rest; do
  case $v in '#'*) continue ;; esac
  [ "$kind" = swap ] && printf 'fstab=%s\\n' "$v"
done </etc/fstab
[ ! -f {RPI_DROP_IN} ] || {{
  printf 'written=%s\\n' "$(stat -c %Y {RPI_DROP_IN})"
  while read -r v size rest; do [ "$v" = btime ] && printf 'btime=%s\\n' "$size"; done </proc/stat
}}
dump() {{
  [ -f "$2" ] || return 0
  v=$(sha256sum "$2"); printf '%s_sum=%s\\n' "$1" "${{v%% *}}"
  while IFS= read -r v || [ -n "$v" ]; do printf '%s=%s\\n' "$1" "$v"; done <"$2"
}}
{"".join(f"dump {key} {path}{chr(10)}" for key, path in _FILES.items())}""",
    parse=read_swap,
    unknown=Swap(),
    as_root=True,
)
