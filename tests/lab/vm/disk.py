"""The disk of an emulated machine: a FAT partition for the firmware, and the root file system."""

from __future__ import annotations

import struct
from pathlib import Path

from . import firmware, tools
from .firmware import MIB, SIZE, START

TOTAL = 8192
"""MiB; the file is sparse."""


def make(disk: Path, tree: Path, boot: dict[str, str]) -> None:
    """Make a disk of a root file system's folder and the files of /boot/firmware."""
    fat = disk.with_suffix(".fat")
    firmware.make(fat, boot)
    with disk.open("wb") as file:
        file.write(_partition_table())
        file.seek(START * MIB)
        file.write(fat.read_bytes())
        file.truncate(TOTAL * MIB)
    fat.unlink()
    root = START + SIZE
    words = ["-q", "-F", "-t", "ext4", "-L", "rootfs", "-d", str(tree), "-E", f"offset={root * MIB}"]
    tools.run("mke2fs", *words, str(disk), f"{TOTAL - root}M")


def _partition_table() -> bytes:
    """Return an MBR with a FAT32 and a Linux partition; its disk identifier is the 00000000 of PARTUUID=00000000-02."""
    places = ((0x0C, START, SIZE), (0x83, START + SIZE, TOTAL - START - SIZE))
    entries = b"".join(
        struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start * MIB // 512, size * MIB // 512)
        for kind, start, size in places
    )
    return bytes(446) + entries + bytes(32) + b"\x55\xaa"


def overlay(new: Path, backing: Path) -> None:
    """Make a qcow2 over a raw disk that lies in the same folder."""
    tools.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", backing.name, new.name, cwd=new.parent)


def copy(new: Path, old: Path, backing: Path) -> None:
    """Copy a qcow2 with the snapshots in it; the copy stands on `backing` wherever it lies."""
    tools.copy(old, new)
    tools.run("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", str(backing), str(new))
