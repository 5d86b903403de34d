"""Where a Raspberry Pi's kernel command line comes from, and what the running kernel was given."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleet.model import Probe

PLACES = ("/boot/firmware/current/cmdline.txt", "/boot/firmware/cmdline.txt", "/boot/cmdline.txt")
"""Ubuntu for Pi since 25.10 (piboot's A/B folders, docs.ubuntu.com/boards); Raspberry Pi OS since Debian 12 and older
Ubuntus; older Raspberry Pi OS. In this order: what comes later may be there as well, and is not read then."""

STUB = "DO NOT EDIT"
"""Begins /boot/cmdline.txt where the file has moved to /boot/firmware (RPi-Distro/pi-gen, stage1)."""

_ENABLED = re.compile(r"(?<![^ \t])cgroup_enable=([^ \t]+)")


@dataclass(frozen=True, slots=True)
class Cmdline:
    """``running`` is /proc/cmdline; ``path`` and ``text`` are the file that the next boot takes (empty: none was found),
    without the line breaks at its end. ``old_memory`` tells of a memory hierarchy of version 1 control groups."""

    running: str = ""
    path: str = ""
    text: str = ""
    writable: bool = False
    old_memory: bool = False


def enables_memory(line: str) -> bool:
    """True when a kernel command line asks for the memory controller."""
    return any("memory" in found.split(",") for found in _ENABLED.findall(line))


def read_cmdline(text: str) -> Cmdline:
    """Read the answer of the probe ``cmdline``."""
    values: dict[str, str] = {}
    lines: list[str] = []
    for row in text.split("\n"):
        key, _, value = row.partition("=")
        if key == "text":
            lines.append(value)
        else:
            values.setdefault(key, value)
    return Cmdline(
        running=values.get("running", ""),
        path=values.get("path", ""),
        text="\n".join(lines).rstrip("\n"),
        writable="writable" in values,
        old_memory="old_memory" in values,
    )


# All of it is done by the shell itself, without a process. `-w` is false on a file system that is mounted read-only.
CMDLINE = Probe(
    name="cmdline",
    script=f"""
read -r v </proc/cmdline; printf 'running=%s\\n' "$v"
[ -d /sys/fs/cgroup/memory ] && echo old_memory=1
for f in {" ".join(PLACES)}; do
  [ -f "$f" ] || continue
  read -r v <"$f"
  case $v in *'{STUB}'*) continue ;; esac
  printf 'path=%s\\n' "$f"
  [ -w "$f" ] && echo writable=1
  while IFS= read -r v || [ -n "$v" ]; do printf 'text=%s\\n' "$v"; done <"$f"
  break
done
""",
    parse=read_cmdline,
    unknown=Cmdline(),
    as_root=True,
)
