"""Which Raspberry Pi it is, by the bits of its revision code, and how old its processor's instruction set is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fleet.facts.framing import pairs
from fleet.model import Probe

_SOCS = {0: "BCM2835", 1: "BCM2836", 2: "BCM2837", 3: "BCM2711", 4: "BCM2712"}
_NEW_STYLE = 1 << 23


@dataclass(frozen=True, slots=True)
class Board:
    """The hardware. ``model`` is the device tree's own words and empty on a PC; memory and swap are in KiB.

    ``cpu_level`` is v6, v7 or v8 on ARM, and empty elsewhere.
    """

    model: str = ""
    revision: str = ""
    cpu: str = ""
    cpu_level: str = ""
    memory_kib: int = 0
    swap_kib: int = 0

    @property
    def is_raspberry_pi(self) -> bool:
        """True when the device tree says so; works under any distribution."""
        return "Raspberry Pi" in self.model

    @property
    def soc(self) -> str:
        """The chip, decoded from the revision code; empty when there is none. Other boards have a Revision line too."""
        return soc(self.revision) if self.is_raspberry_pi else ""


def soc(revision: str) -> str:
    """The system on chip of a revision code (hexadecimal): bits 12 to 15 of a new-style code.

    Old-style codes (bit 23 clear) all belong to the first Pi. Source: raspberrypi/documentation,
    revision-codes.adoc.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{4,8}", revision):
        return ""
    code = int(revision, 16)
    if not code & _NEW_STYLE:
        return "BCM2835" if code else ""
    return _SOCS.get((code >> 12) & 0xF, "")


def read_board(text: str) -> Board:
    """Read the answer of the probe ``board``."""
    found = pairs(text)
    board = Board(
        model=found.get("model", ""),
        revision=found.get("Revision", ""),
        cpu=found.get("model name") or found.get("Processor") or "",
        memory_kib=_kib(found.get("MemTotal", "")),
        swap_kib=_kib(found.get("SwapTotal", "")),
    )
    return replace(board, cpu_level=_cpu_level(found.get("uname", ""), board))


def _cpu_level(machine: str, board: Board) -> str:
    """The kernel of an ARMv6 Pi says "CPU architecture: 7", so only its name and the model name tell (containerd/platforms)."""
    if machine.startswith("armv6") or "ARMv6" in board.cpu or board.soc == "BCM2835":
        return "v6"
    if machine.startswith("armv7"):
        return "v7"
    return "v8" if machine in ("aarch64", "armv8l", "arm64") else ""


def _kib(text: str) -> int:
    number = text.partition(" ")[0]
    return int(number) if number.isdecimal() else 0


BOARD = Probe(
    name="board",
    script="""
printf 'uname='; uname -m || echo
printf 'model='; tr -d '\\000\\n' </proc/device-tree/model; echo
awk -F'[ \\t]*:[ \\t]*' '/^(model name|Processor|Revision|MemTotal|SwapTotal)/ && !seen[$1]++ { print $1 "=" $2 }' \\
  /proc/cpuinfo /proc/meminfo
""",
    parse=read_board,
    unknown=Board(),
)
