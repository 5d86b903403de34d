"""Revision codes of Raspberry Pis: a number whose bits say what the board is.

The bits of a new-style code are NOQuuuWuFMMMCCCCPPPPTTTTTTTTRRRR: F tells the new style, M the memory, P the processor, T the
type, R the revision of the board. Source: raspberrypi/documentation, revision-codes.adoc. A board that is newer than these
words still tells its memory and whether it can run 64 bits; only its names are missing then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NEW_STYLE = 1 << 23
_CODE = re.compile(r"[0-9a-fA-F]{4,8}")
_SOCS = ("BCM2835", "BCM2836", "BCM2837", "BCM2711", "BCM2712")
_FIRST_64_BIT = 2
"""BCM2837, the processor of the Pi 3, and of late Pi 2s; all before it are ARMv6 or ARMv7, all after it ARMv8."""
_RESERVED_MEMORY = 7

_TYPES = {
    0x00: "A", 0x01: "B", 0x02: "A+", 0x03: "B+", 0x04: "2B", 0x06: "CM1", 0x08: "3B", 0x09: "Zero", 0x0A: "CM3",
    0x0C: "Zero W", 0x0D: "3B+", 0x0E: "3A+", 0x10: "CM3+", 0x11: "4B", 0x12: "Zero 2 W", 0x13: "400", 0x14: "CM4",
    0x15: "CM4S", 0x17: "5", 0x18: "CM5", 0x19: "500", 0x1A: "CM5 Lite", 0x1B: "CM0",
}  # fmt: skip
_OLD_STYLE = {
    0x02: ("B", "1.0", 256), 0x03: ("B", "1.0", 256), 0x04: ("B", "2.0", 256), 0x05: ("B", "2.0", 256),
    0x06: ("B", "2.0", 256), 0x07: ("A", "2.0", 256), 0x08: ("A", "2.0", 256), 0x09: ("A", "2.0", 256),
    0x0D: ("B", "2.0", 512), 0x0E: ("B", "2.0", 512), 0x0F: ("B", "2.0", 512), 0x10: ("B+", "1.2", 512),
    0x11: ("CM1", "1.0", 512), 0x12: ("A+", "1.1", 256), 0x13: ("B+", "1.2", 512), 0x14: ("CM1", "1.0", 512),
    0x15: ("A+", "1.1", 0),
}  # fmt: skip
"""Numbered one after the other, before the Pi 2; 0015 was sold with 256 MB and with 512 MB."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What a code says. ``type`` and ``soc`` are empty, the numbers 0, where it says nothing that is known.

    ``memory_mb`` is in MiB, as sold; ``board`` is the revision of the board, as in "Rev 1.4"; ``cpu_bits`` is what the
    processor can do, 64 or 32, whatever runs on it.
    """

    type: str = ""
    board: str = ""
    soc: str = ""
    memory_mb: int = 0
    cpu_bits: int = 0


def decode(code: str) -> Revision:
    """Decode a revision code, hexadecimal as in /proc/cpuinfo; what is none, or is 0000, says nothing."""
    number = int(code, 16) if _CODE.fullmatch(code) else 0
    if number & _NEW_STYLE:
        return _new_style(number)
    if not number:
        return Revision()
    kind, board, memory = _OLD_STYLE.get(number & 0xFF, ("", "", 0))
    return Revision(kind, board, _SOCS[0], memory, 32)


def _new_style(number: int) -> Revision:
    processor, memory = number >> 12 & 0xF, number >> 20 & 0x7
    return Revision(
        type=_TYPES.get(number >> 4 & 0xFF, ""),
        board=f"1.{number & 0xF}",
        soc=_SOCS[processor] if processor < len(_SOCS) else "",
        memory_mb=0 if memory == _RESERVED_MEMORY else 256 << memory,
        cpu_bits=64 if processor >= _FIRST_64_BIT else 32,
    )


def from_bytes(text: str) -> str:
    """The code as /proc/cpuinfo writes it, from the four bytes of the device tree (as hexadecimal words, big end first)."""
    digits = "".join(text.split())
    return f"{int(digits, 16):04x}" if _CODE.fullmatch(digits) and len(digits) == 8 else ""


def from_compatible(text: str) -> Revision:
    """The chip alone, from the device tree's `compatible` words: raspberrypi,3-model-b brcm,bcm2837."""
    words = text.split()
    for number, soc in enumerate(_SOCS):
        if f"brcm,{soc.lower()}" in words:
            return Revision(soc=soc, cpu_bits=64 if number >= _FIRST_64_BIT else 32)
    return Revision()
