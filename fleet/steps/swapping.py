"""How swap is set up by what is there for it: texts of configuration files, and scripts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fleet.facts.swap import Area
from fleet.shell import quote, script_of

SLACK_KIB = 1024
"""The kernel takes a page for itself, and tools round."""


def is_about(kib: int, wanted_mb: int) -> bool:
    """True when a size is the wanted one, but for rounding."""
    return abs(kib - wanted_mb * 1024) <= SLACK_KIB


def rpi_conf(kind: str | None, size_mb: int | None) -> str:
    """A drop-in for rpi-swap (swap.conf(5) of raspberrypi/rpi-swap). Without a kind its own choice stays: zram, with a file that
    idle pages are moved to."""
    lines = ["# Written by fleet. A change takes effect at the next boot."]
    if kind:
        lines += ["[Main]", f"Mechanism={'swapfile' if kind == 'file' else 'zram'}"]
    if size_mb:
        lines += [line for part in _rpi_parts(kind) for line in (f"[{part}]", f"FixedSizeMiB={size_mb}")]
    return "".join(f"{line}\n" for line in lines)


def _rpi_parts(kind: str | None) -> tuple[str, ...]:
    return {"file": ("File",), "zram": ("Zram",)}.get(kind or "", ("File", "Zram"))


def with_settings(text: str, settings: Mapping[str, str | None]) -> str:
    """A file of NAME=VALUE lines, read by a shell, with some names set and others (None) taken out; the rest stays as it is."""
    kept = []
    for line in text.splitlines():
        found = re.match(r"\s*([A-Z_]+)=", line)
        name = found[1] if found else ""
        if name not in settings:
            kept.append(line)
        elif settings[name] is None:
            kept.append(f"#{line}")
    kept += [f"{name}={value}" for name, value in settings.items() if value is not None]
    return "".join(f"{line}\n" for line in kept)


def on_script(areas_wanted: str, size_mb: int | None) -> str:
    """An sh test that needs no root: swap of this kind (awk's condition on a line of /proc/swaps) is on, in this size."""
    low, high = (size_mb * 1024 - SLACK_KIB, size_mb * 1024 + SLACK_KIB) if size_mb else (1, 2**40)
    program = f"NR > 1 && {areas_wanted} {{ sum += $3 }} END {{ exit !(sum >= {low} && sum <= {high}) }}"
    return f"awk {quote(program)} /proc/swaps"


def file_script(path: str, size_mb: int) -> str:
    """Make a swap file of this size, switch it on, and add it to /etc/fstab, of which all other lines stay.

    fallocate is quick; where the file system does not let such a file be swapped to (swapon(8), "Files with holes"), it is
    written in full. A file that can't be used is taken away again.
    """
    size = size_mb * 1024 * 1024
    return script_of(
        f"target={quote(path)}",
        'is_on() { while read -r name rest; do [ "$name" != "$target" ] || return 0; done </proc/swaps; return 1; }',
        "full() {",
        f'  rm -f "$target"; (umask 077; dd if=/dev/zero of="$target" bs=1M count={size_mb} status=none conv=fsync) &&',
        '    mkswap "$target" >/dev/null && swapon "$target"',
        "}",
        f'if [ "$(stat -c %s "$target" 2>/dev/null)" != {size} ]; then',
        '  ! is_on || swapoff "$target"',
        '  rm -f "$target"',
        f'  (umask 077; fallocate -l {size} "$target" 2>/dev/null) || :',
        "fi",
        "if ! is_on; then",
        '  { mkswap "$target" >/dev/null 2>&1 && swapon "$target" 2>/dev/null; } || full || { rm -f "$target"; exit 1; }',
        "fi",
        'if ! awk -v t="$target" \'$1 == t && $3 == "swap" { found = 1 } END { exit !found }\' /etc/fstab; then',
        "  temporary=$(mktemp /etc/.fleet.XXXXXX)",
        "  trap 'rm -f \"$temporary\"' EXIT HUP INT TERM",
        '  { cat /etc/fstab; [ -z "$(tail -c 1 /etc/fstab)" ] || echo; } >"$temporary" 2>/dev/null || :',
        '  printf \'%s none swap sw 0 0\\n\' "$target" >>"$temporary"',
        '  chmod --reference=/etc/fstab "$temporary" 2>/dev/null || chmod 0644 "$temporary"',
        '  sync "$temporary"',
        '  mv -f "$temporary" /etc/fstab',
        "fi",
    )


def simple_path(area: Area) -> bool:
    """True for a swap file whose name needs no thought."""
    return area.kind == "file" and re.fullmatch(r"(/[A-Za-z0-9._+-]+)+", area.name) is not None
