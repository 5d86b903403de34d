"""The program that a proof runs: a static ELF executable per architecture, written out instruction by instruction.

It writes one line and exits 0, with two system calls and no library, so the source is shorter than a build of it would
be. Each instruction stands beside its bytes; a test assembles the words and compares. Files are laid out as in elf(5):
header, two program headers, the line, the code. The numbers of the system calls are those of syscall(2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_ADDRESS = 0x400000
"""Where the file is mapped, well above vm.mmap_min_addr."""
_ALIGNMENT = 0x10000
"""The largest page that any of these architectures has; a Pi 5's kernel uses pages of 16 KiB."""
_LOAD, _GNU_STACK = 1, 0x6474E551
_READ, _WRITE, _EXECUTE = 4, 2, 1


@dataclass(frozen=True, slots=True)
class Instruction:
    """The bytes of one instruction, in hexadecimal as they lie in memory, and its words for GNU as."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Program:
    """One architecture's program; ``machine`` and ``flags`` are e_machine and e_flags of elf(5)."""

    name: str
    bits: int
    machine: int
    flags: int
    instructions: tuple[Instruction, ...]

    @property
    def line(self) -> str:
        """What it prints, without the end of the line."""
        return f"Hello from fleet: a container runs on linux/{self.name}"

    @property
    def code(self) -> bytes:
        """The instructions one behind the other."""
        return b"".join(bytes.fromhex(i.code) for i in self.instructions)

    @property
    def message(self) -> bytes:
        """The line, padded so that the code behind it begins at a multiple of four."""
        text = self.line.encode() + b"\n"
        return text + bytes(-len(text) % 4)

    def elf(self) -> bytes:
        """The executable file."""
        before = len(self._header(0)) + 2 * len(self._segment(0, 0, 0))
        body = self.message + self.code
        header = self._header(_ADDRESS + before + len(self.message))
        load = self._segment(_LOAD, _READ | _EXECUTE, before + len(body))
        return header + load + self._segment(_GNU_STACK, _READ | _WRITE, 0) + body

    def _header(self, entry: int) -> bytes:
        wide = self.bits == 64
        header, segment = (64, 56) if wide else (52, 32)
        identity = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
        fields = (2, self.machine, 1, entry, header, 0, self.flags, header, segment, 2, 0, 0, 0)
        return identity + struct.pack("<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH", *fields)

    def _segment(self, kind: int, rights: int, size: int) -> bytes:
        address, alignment = (_ADDRESS, _ALIGNMENT) if kind == _LOAD else (0, 16)
        if self.bits == 64:
            return struct.pack("<IIQQQQQQ", kind, rights, 0, address, address, size, size, alignment)
        return struct.pack("<IIIIIIII", kind, 0, address, address, size, size, rights, alignment)


AMD64 = Program(
    name="amd64",
    bits=64,
    machine=62,
    flags=0,
    instructions=(
        Instruction("b8 01 00 00 00", "mov $1, %eax"),  # write(
        Instruction("bf 01 00 00 00", "mov $1, %edi"),  # standard output,
        Instruction("48 8d 35 bb ff ff ff", "lea message(%rip), %rsi"),
        Instruction("ba 32 00 00 00", "mov $50, %edx"),
        Instruction("0f 05", "syscall"),
        Instruction("b8 3c 00 00 00", "mov $60, %eax"),  # exit(
        Instruction("31 ff", "xor %edi, %edi"),
        Instruction("0f 05", "syscall"),
    ),
)

ARM64 = Program(
    name="arm64",
    bits=64,
    machine=183,
    flags=0,
    instructions=(
        Instruction("20 00 80 d2", "mov x0, #1"),
        Instruction("41 fe ff 10", "adr x1, message"),
        Instruction("42 06 80 d2", "mov x2, #50"),
        Instruction("08 08 80 d2", "mov x8, #64"),  # write
        Instruction("01 00 00 d4", "svc #0"),
        Instruction("00 00 80 d2", "mov x0, #0"),
        Instruction("a8 0b 80 d2", "mov x8, #93"),  # exit
        Instruction("01 00 00 d4", "svc #0"),
    ),
)

ARM = Program(
    name="arm",
    bits=32,
    machine=40,
    flags=0x05000200,  # EABI 5; every instruction is in ARMv4 already, so a wrong processor shows itself elsewhere
    instructions=(
        Instruction("01 00 a0 e3", "mov r0, #1"),
        Instruction("3c 10 4f e2", "adr r1, message"),
        Instruction("30 20 a0 e3", "mov r2, #48"),
        Instruction("04 70 a0 e3", "mov r7, #4"),  # write
        Instruction("00 00 00 ef", "svc #0"),
        Instruction("00 00 a0 e3", "mov r0, #0"),
        Instruction("01 70 a0 e3", "mov r7, #1"),  # exit
        Instruction("00 00 00 ef", "svc #0"),
    ),
)
