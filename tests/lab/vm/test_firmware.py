"""What the emulated firmware makes of a command line, and the archives and tables that are made without any tool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.vm import board, disk, firmware, initramfs, models
from tests.lab.vm.firmware import command_line

OFF = models.PI4.bootargs


@pytest.mark.parametrize(
    ("cmdline", "off"),
    [
        ("root=/dev/x", True),
        ("root=/dev/x cgroup_enable=memory", False),
        ("cgroup_enable=memory cgroup_disable=memory", True),
        ("cgroup_enable=cpuset cgroup_memory=1", True),
    ],
)
def test_memory_cgroup(cmdline: str, off: bool) -> None:
    """cgroup_enable=memory takes back what the firmware said before it, and nothing else does."""
    assert ("cgroup_disable=memory" in command_line(OFF, cmdline, "").split()) == off


def test_command_line_is_otherwise_kept() -> None:
    """The firmware's words, those of cmdline.txt, those of the lab; the first serial port gets its real name."""
    assert command_line("a", "console=serial0,115200 b", "c") == "a console=ttyAMA0,115200 b c"


def test_partition_table() -> None:
    """The partitions follow each other to the end of the disk."""
    table = disk._partition_table()
    assert len(table) == 512
    assert table.endswith(b"\x55\xaa")
    starts = [int.from_bytes(table[446 + n + 8 : 446 + n + 12], "little") for n in (0, 16)]
    sizes = [int.from_bytes(table[446 + n + 12 : 446 + n + 16], "little") for n in (0, 16)]
    assert starts[1] == starts[0] + sizes[0]
    assert starts[1] + sizes[1] == disk.TOTAL * firmware.MIB // 512


@pytest.mark.skipif(not shutil.which("cpio"), reason="cpio reads the archive")
def test_cpio_reads_the_archive(tmp_path: Path) -> None:
    """The initramfs is an archive as cpio knows it."""
    archive = initramfs._entry("folder", 0o040755, b"") + initramfs._entry("folder/a", 0o100644, b"12345")
    archive += initramfs._entry("TRAILER!!!", 0, b"")
    subprocess.run(["cpio", "-idm", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "folder/a").read_text() == "12345"


@pytest.mark.parametrize("script", [initramfs.INIT, board.INIT], ids=["machine", "board"])
def test_first_script_can_be_read(script: str) -> None:
    """A slip in the initramfs's script would show as a machine that stays silent for minutes."""
    assert subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False).stderr == ""


def test_revisions_tell_the_memory() -> None:
    """Bits 20 to 22 of a new-style revision code are the memory: 0 is 256 MB, and each step doubles it."""
    for kind in models.KINDS:
        assert 256 << (kind.model.revision >> 20 & 7) == kind.model.memory, kind
