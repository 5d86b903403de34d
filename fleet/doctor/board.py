"""The board: power, heat and memory."""

from __future__ import annotations

import re

from fleet.doctor.words import HOST, error, lines, warning
from fleet.facts import BOARD
from fleet.model import Facts, Finding, Probe

BITS = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
"""Of `vcgencmd get_throttled`; the same bits from 16 on say that it has happened since the boot (raspberrypi/documentation,
os/using-vcgencmd)."""

ENOUGH_KIB = 400_000
"""dockerd and containerd alone take some 150 MB; a board that is sold with 512 MB has some 430 left for Linux."""

TIGHT_KIB = 1_000_000
"""Below, an image or a build takes all of it, and without swap the kernel ends processes."""


def read_throttled(text: str) -> int | None:
    """Read ``throttled=0x50005``; None where no Raspberry Pi firmware says it."""
    found = re.search(r"throttled=0x([0-9a-fA-F]+)", text)
    return int(found[1], 16) if found else None


# Without vcgencmd, Raspberry Pi's own kernel shows the same number (raspberrypi/linux, drivers/firmware/raspberrypi.c).
THROTTLED: Probe[int | None] = Probe(
    name="throttled",
    script="""
f=/sys/devices/platform/soc/soc:firmware/get_throttled
if command -v vcgencmd >/dev/null; then timeout -k 1 5 vcgencmd get_throttled
elif [ -r "$f" ]; then printf 'throttled=0x'; cat "$f"; fi
""",
    parse=read_throttled,
    unknown=None,
    as_root=True,
)


def power(facts: Facts) -> Finding | None:
    """Under-voltage and throttling, now or since the boot: the usual cause of crashes and broken cards."""
    value = facts[THROTTLED]
    if not value:
        return None
    now = [name for bit, name in BITS.items() if value >> bit & 1]
    before = [name for bit, name in BITS.items() if value >> bit >> 16 & 1]
    told = [f"{when}: {', '.join(names)}" for when, names in (("now", now), ("since the boot", before)) if names]
    hungry = "under-voltage" in (*now, *before)
    make = error if "under-voltage" in now else warning
    return make(
        "power",
        "the power supply is too weak for this board" if hungry else "the board gets too hot and slows itself down",
        f"throttled=0x{value:x}; {'; '.join(told)}",
        lines(
            "Use the power supply made for it, and a short cable." if hungry else "Give it air or a heat sink.",
            "Boot it, and look again:",
            f"fleet doctor {HOST}",
        ),
    )


def memory(facts: Facts) -> Finding | None:
    """Little memory, or not much and no swap."""
    board = facts[BOARD]
    if not board.memory_kib or board.memory_kib >= TIGHT_KIB or (board.swap_kib and board.memory_kib >= ENOUGH_KIB):
        return None
    has_swap = f"swap: {board.swap_kib // 1024} MiB" if board.swap_kib else "no swap"
    few = "Run small containers only, one at a time, and build images elsewhere."
    return warning(
        "memory",
        f"{board.memory_kib // 1024} MiB of memory are little for Docker{'' if board.swap_kib else ', and there is no swap'}",
        f"memory: {board.memory_kib // 1024} MiB, {has_swap}",
        few if board.swap_kib else f"fleet provision {HOST} --recipe pi --step swap",
    )
