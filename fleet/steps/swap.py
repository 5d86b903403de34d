"""Swap, set up by whatever the host has for it: rpi-swap, dphys-swapfile, zram-tools, or a swap file; never two alongside.

Raspberry Pi OS has rpi-swap since Debian 13 and had dphys-swapfile before (RPi-Distro/pi-gen, stage2); Ubuntu for the Pi has
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field

from fleet.facts.board import BOARD
from fleet.facts.packages import PACKAGES
from fleet.facts.swap import DPHYS, RPI_DROP_IN, SWAP, ZRAM_TOOLS, Area
from fleet.facts.system import DISK
from fleet.model import Action, Blocked, Change, Facts, Reboot, Run, Satisfied, Situation, Step, Verdict, Write
from fleet.shell import diff_lines
from fleet.steps.apt import FRESH_INDEX, clock_is_wrong, install, update
from fleet.steps.kernel import RebootOptions, busy, rebooted
from fleet.steps.swapping import file_script, is_about, on_script, rpi_conf, simple_path, with_settings

SWAP_FILE = "/swapfile"
TIGHT_KIB = 1_000_000
"""With less memory and no swap, one image or one build makes the kernel end processes."""
_LARGEST_DEFAULT_MB = 2048
"""As rpi-swap has it: as much as there is memory, and not more than this (swap.conf(5))."""
_SPARE_KIB = 500 * 1024

Kind = Literal["file", "zram"]


class SwapOptions(RebootOptions):
    """How much swap, and where."""

    size_mb: int | None = Field(None, ge=64, le=65536, description="How much, in MiB; left out: what there is stays.")
    kind: Kind | None = Field(None, description="file: on the disk; zram: compressed memory, which spares an SD card.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be set up on this host, of the kind that is wanted or that its manager takes."""

    size_mb: int
    kind: Kind | None
    options: SwapOptions


class SwapStep(Step[SwapOptions]):
    """Keeps the swap that is there; sets up what is wanted, or a little where there is little memory and none at all."""

    name = "swap"
    title = "swap"
    requires = ("apt",)
    probes = (SWAP, PACKAGES)
    options = SwapOptions

    def verdict(self, situation: Situation[SwapOptions]) -> Verdict:
        """Satisfied where nothing is wanted, or all is as wanted; else what the host's own manager of swap takes."""
        facts, options = situation.facts, situation.options
        if facts[SWAP].container:
            return Satisfied("a container has the swap of its host")
        if options.size_mb is None and options.kind is None:
            return _by_default(facts, options)
        if _is_as_wanted(facts, options.size_mb, options.kind):
            return Satisfied(_told(facts))
        return _set_up(facts, Wanted(options.size_mb or _default_mb(facts), options.kind, options))


def _told(facts: Facts) -> str:
    swap = facts[SWAP]
    return f"{swap.size_mb} MiB of swap ({', '.join(area.name for area in swap.areas)})" if swap.areas else "no swap"


def _default_mb(facts: Facts) -> int:
    return max(256, min(facts[BOARD].memory_kib // 1024, _LARGEST_DEFAULT_MB))


def _by_default(facts: Facts, options: SwapOptions) -> Verdict:
    manager = _manager(facts)
    if facts[SWAP].areas:
        return Satisfied(_told(facts))
    if manager:
        return Satisfied(f"no swap, as {manager} is set up")
    if not 0 < facts[BOARD].memory_kib < TIGHT_KIB:
        return Satisfied("no swap, and enough memory without")
    return _set_up(facts, Wanted(_default_mb(facts), "file", options))


def _manager(facts: Facts) -> str:
    """The package that sets swap up at boot, the one that goes first if there are several; empty when there is none."""
    names = ("rpi-swap", "dphys-swapfile", "zram-tools", "systemd-zram-generator")
    return next((name for name in names if facts[PACKAGES].find(name)), "")


def _of_kind(facts: Facts, kind: Kind | None) -> tuple[Area, ...]:
    return tuple(area for area in facts[SWAP].areas if kind is None or area.is_zram == (kind == "zram"))


def _is_as_wanted(facts: Facts, size_mb: int | None, kind: Kind | None) -> bool:
    """The right size of the right kind, and nothing of the other one beside it."""
    areas = _of_kind(facts, kind)
    if len(areas) != len(facts[SWAP].areas) or not areas:
        return False
    if _manager(facts) == "rpi-swap" and facts[SWAP].file(RPI_DROP_IN).text not in ("", rpi_conf(kind, size_mb)):
        return False
    return size_mb is None or is_about(sum(area.size_kib for area in areas), size_mb)


def _set_up(facts: Facts, wanted: Wanted) -> Verdict:
    manager = _manager(facts)
    kind = wanted.kind or _KINDS.get(manager) or ("zram" if any(a.is_zram for a in facts[SWAP].areas) else "file")
    if manager in _KINDS and _KINDS[manager] != kind:
        return _other_kind(manager, kind)
    if not manager and facts[SWAP].areas and (kind == "zram" or _of_kind(facts, "zram")):
        return _alongside(facts, kind)
    return _SETUPS.get(manager, _by_file if kind == "file" else _by_new_zram)(facts, wanted)


_KINDS: dict[str, Kind] = {"dphys-swapfile": "file", "zram-tools": "zram"}
"""What else they can't do."""


def _other_kind(manager: str, kind: Kind) -> Blocked:
    return Blocked(
        f"{manager} sets up swap here, and not as {kind}; two alongside would be in each other's way",
        f"Take it away first (fleet run HOST --sudo -- apt-get -y purge {manager}), or leave kind: out.",
    )


def _alongside(facts: Facts, kind: Kind) -> Blocked:
    names = " ".join(area.name for area in facts[SWAP].areas)
    return Blocked(
        f"swap is on {names} already, and {kind} beside it would be a second one",
        f"Switch it off first (fleet run HOST --sudo -- swapoff {names}; take its line out of /etc/fstab), or leave kind: out.",
    )


# ── rpi-swap ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_rpi_swap(facts: Facts, wanted: Wanted) -> Verdict:
    size = wanted.options.size_mb
    text, there = rpi_conf(wanted.kind, size), facts[SWAP].file(RPI_DROP_IN)
    if there.text == text and facts[SWAP].booted_since:
        return Blocked(
            f"rpi-swap was told before the last boot, and has not done it ({_told(facts)} now)",
            "See why: fleet run HOST --sudo -- 'journalctl -b -u dev-zram0.swap -u rpi-resize-swap-file; swapon --show'",
        )
    if not wanted.options.allow_reboot:
        return Blocked(
            f"rpi-swap takes another size or kind only at boot ({_told(facts)} now)",
            "Allow a reboot with --allow-reboot (or swap: {allow_reboot: true} in the recipe); containers stop meanwhile.",
        )
    kind: Kind = "file" if wanted.kind == "file" else "zram"
    write: tuple[Action, ...] = () if there.text == text else (Write(RPI_DROP_IN, text, there.sha256),)
    lines = '$2 == "file"' if kind == "file" else "$1 ~ /zram/"
    reboot = Reboot("rpi-swap sets up swap at boot", on_script(lines, size), _UNMET, wanted.options.reboot_timeout)
    what = f"{f'{size} MiB of ' if size else ''}swap{f' as {wanted.kind}' if wanted.kind else ''}"
    return busy(facts) or Change(
        f"let rpi-swap set up {what}, by a reboot",
        (*write, reboot),
        diff=diff_lines(there.text.splitlines(), text.splitlines(), RPI_DROP_IN),
        after=lambda later: rebooted(_with(later, kind, wanted.size_mb, {RPI_DROP_IN: text})),
    )


_UNMET = "rebooted, and swap is not as wanted: look at `systemctl status dev-zram0.swap` and /etc/rpi/swap.conf.d"


# ── the others ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_dphys(facts: Facts, wanted: Wanted) -> Verdict:
    size = wanted.size_mb
    settings = {"CONF_SWAPSIZE": str(size)} | ({"CONF_MAXSWAP": str(size)} if size > _LARGEST_DEFAULT_MB else {})
    return _disk_is_full(facts, "/var", size) or _by_service(facts, wanted, DPHYS, settings, "dphys-swapfile")


def _by_zram_tools(facts: Facts, wanted: Wanted) -> Verdict:
    return _by_service(facts, wanted, ZRAM_TOOLS, {"PERCENT": None, "SIZE": str(wanted.size_mb)}, "zramswap")


def _by_service(facts: Facts, wanted: Wanted, path: str, settings: Mapping[str, str | None], service: str) -> Change:
    """PERCENT and CONF_MAXSWAP would win over the size (comments of zram-tools' and dphys-swapfile's own files)."""
    there = facts[SWAP].file(path)
    text = with_settings(there.text, settings)
    write: tuple[Action, ...] = () if there.text == text else (Write(path, text, there.sha256),)
    restart = Run(f"restart {service}", f"systemctl enable {service}\nsystemctl restart {service}", timeout=900)
    return Change(
        f"{wanted.size_mb} MiB of swap by {service}",
        (*write, restart),
        diff=diff_lines(there.text.splitlines(), text.splitlines(), path),
        after=lambda later: _with(later, "zram" if path == ZRAM_TOOLS else "file", wanted.size_mb, {path: text}),
    )


def _by_new_zram(facts: Facts, wanted: Wanted) -> Verdict:
    """The file goes first, so that the service starts with it; dpkg leaves a configuration file alone that is there."""
    wrong = clock_is_wrong(facts)
    if wrong:
        return wrong
    set_up = _by_service(facts, wanted, ZRAM_TOOLS, {"PERCENT": None, "SIZE": str(wanted.size_mb)}, "zramswap")
    *write, restart = set_up.actions
    index: tuple[Action, ...] = () if facts[FRESH_INDEX] else (update(facts),)
    actions = (*index, *write, install(facts, "install zram-tools", ("zram-tools",)), restart)

    def after(later: Facts) -> Facts:
        packages = later[PACKAGES].plus({"zram-tools": ""})
        return set_up.after(later).but(PACKAGES, packages).but(FRESH_INDEX, True)

    why = f"{wanted.size_mb} MiB of swap in compressed memory: install zram-tools"
    return replace(set_up, why=why, actions=actions, after=after)


def _by_file(facts: Facts, wanted: Wanted) -> Verdict:
    areas = facts[SWAP].areas
    odd = [area.name for area in areas if not simple_path(area)]
    if odd or len(areas) > 1:
        return Blocked(
            f"swap is on {' and '.join(area.name for area in areas)}, which can't be made {wanted.size_mb} MiB from here",
            "Change it by hand, or leave size_mb: out of the recipe.",
        )
    path = areas[0].name if areas else next((name for name in facts[SWAP].fstab if name.startswith("/swap")), SWAP_FILE)
    new = () if path in facts[SWAP].fstab else (f"{path} none swap sw 0 0",)
    return _disk_is_full(facts, path, wanted.size_mb) or Change(
        f"{wanted.size_mb} MiB of swap in {path}",
        (Run(f"make {path}, and switch it on", file_script(path, wanted.size_mb), timeout=1800),),
        diff=diff_lines([], new, "/etc/fstab"),
        after=lambda later: _with(later, "file", wanted.size_mb, {}, path),
    )


def _by_generator(facts: Facts, wanted: Wanted) -> Verdict:
    return Blocked(
        "systemd-zram-generator sets up swap here, which fleet does not configure",
        "Set its size in /etc/systemd/zram-generator.conf, or leave size_mb: and kind: out of the recipe.",
    )


_SETUPS: dict[str, Callable[[Facts, Wanted], Verdict]] = {
    "rpi-swap": _by_rpi_swap,
    "dphys-swapfile": _by_dphys,
    "zram-tools": _by_zram_tools,
    "systemd-zram-generator": _by_generator,
}


def _disk_is_full(facts: Facts, path: str, size_mb: int) -> Blocked | None:
    free, have = facts[DISK].free_for(path), sum(area.size_kib for area in facts[SWAP].areas if area.kind == "file")
    if free is None or free + have >= size_mb * 1024 + _SPARE_KIB:
        return None
    return Blocked(
        f"only {free // 1024} MiB are free for {size_mb} MiB of swap, and some must be left for Docker",
        "Make room (sudo apt-get clean; sudo journalctl --vacuum-size=50M), or set a smaller size_mb:, or kind: zram.",
    )


def _with(facts: Facts, kind: Kind, size_mb: int, texts: dict[str, str], path: str = "/var/swap") -> Facts:
    """The facts with this swap and no other."""
    swap = facts[SWAP]
    area = Area(path, "file", size_mb * 1024) if kind == "file" else Area("/dev/zram0", "partition", size_mb * 1024)
    files = {**swap.files, **{name: replace(swap.file(name), text=text) for name, text in texts.items()}}
    fstab = swap.fstab if texts or path in swap.fstab else (*swap.fstab, path)
    return facts.but(SWAP, replace(swap, areas=(area,), files=files, fstab=fstab)).but(
        BOARD, replace(facts[BOARD], swap_kib=size_mb * 1024)
    )
