"""Which Raspberry Pi it is, by the bits of its revision code, and how old its processor's instruction set is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.facts.framing import pairs
from fleet.formats.revision import Revision, decode, from_bytes, from_compatible
from fleet.model import Probe


@dataclass(frozen=True, slots=True)
class Board:
    """The hardware. ``model`` is the device tree's own words and empty on a PC; memory and swap are in KiB.

    ``cpus`` counts the processors that the kernel uses, and is 0 where nothing tells. ``cpu_level`` is v6, v7 or v8 on ARM,
    and empty elsewhere. ``kernel_bits`` is 64 when the kernel is one for 64 bits.
    """

    model: str = ""
    revision: str = ""
    compatible: str = ""
    cpu: str = ""
    cpu_level: str = ""
    memory_kib: int = 0
    swap_kib: int = 0
    kernel_bits: int = 0
    cpus: int = 0

    @property
    def is_raspberry_pi(self) -> bool:
        """True when the device tree says so; works under any distribution."""
        return "Raspberry Pi" in self.model

    @property
    def pi(self) -> Revision:
        """What the revision code says, on a Raspberry Pi: other boards have a Revision line too.

        A Pi whose device tree is the kernel's own (u-boot with Debian's or Fedora's) has no code, but names its chip.
        """
        if not self.is_raspberry_pi:
            return Revision()
        return decode(self.revision) if self.revision else from_compatible(self.compatible)

    @property
    def cpu_bits(self) -> int:
        """64 or 32: what the processor can do, whatever runs on it; 0 where nothing tells."""
        return self.pi.cpu_bits or self.kernel_bits


def read_board(text: str) -> Board:
    """Read the answer of the probe ``board``."""
    found = pairs(text)
    board = Board(
        model=found.get("model") or found.get("Model") or "",
        revision=found.get("Revision") or from_bytes(found.get("dt_revision", "")),
        compatible=found.get("compatible", ""),
        cpu=found.get("model name") or found.get("Processor") or "",
        memory_kib=_kib(found.get("MemTotal", "")),
        swap_kib=_kib(found.get("SwapTotal", "")),
        kernel_bits=_kernel_bits(found.get("uname", "")),
        cpus=_number(found.get("cpus", "")),
    )
    return replace(board, cpu_level=_cpu_level(found.get("uname", ""), board))


def _kernel_bits(machine: str) -> int:
    """64 for a kernel of 64 bits. One of 32 bits tells nothing of the processor, save on ARMv6 and older."""
    if machine in ("x86_64", "aarch64", "riscv64", "ppc64le", "s390x", "armv8l"):
        return 64
    return 32 if machine.startswith(("armv4", "armv5", "armv6")) else 0


def _cpu_level(machine: str, board: Board) -> str:
    """The kernel of an ARMv6 Pi says "CPU architecture: 7", so only its name and the model name tell (containerd/platforms)."""
    if machine.startswith("armv6") or "ARMv6" in board.cpu or board.pi.soc == "BCM2835":
        return "v6"
    if machine.startswith("armv7"):
        return "v7"
    return "v8" if machine in ("aarch64", "armv8l", "arm64") else ""


def _kib(text: str) -> int:
    return _number(text.partition(" ")[0])


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


# Kernels that are not Raspberry Pi's own have no Revision in /proc/cpuinfo; the firmware puts it into the device tree too.
BOARD = Probe(
    name="board",
    script="""
f=/proc/device-tree/system/linux,revision
printf 'uname='; uname -m || echo
printf 'model='; tr -d '\\000\\n' </proc/device-tree/model; echo
if [ -r "$f" ]; then printf 'dt_revision=%s\\n' "$(od -An -v -tx1 "$f")"
elif [ -r /proc/device-tree/compatible ]; then printf 'compatible='; tr '\\000\\n' '  ' </proc/device-tree/compatible; echo; fi
awk -F'[ \\t]*:[ \\t]*' '/^(model name|Processor|Revision|Model|MemTotal|SwapTotal)/ && !seen[$1]++ { print $1 "=" $2 }
  $1 == "processor" { n++ } END { if (n) print "cpus=" n }' \\
  /proc/cpuinfo /proc/meminfo
""",
    parse=read_board,
    unknown=Board(),
)
