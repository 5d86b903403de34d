"""What a Pi's firmware does before the kernel runs: read config.txt and cmdline.txt off the FAT partition.

The partition is read and written while the machine is off; when it reboots, it boots with what it left there.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import tools

MIB = 1 << 20
START, SIZE = 1, 64
"""MiB: where the FAT partition begins on the disk, and how large it is."""


def make(image: Path, files: dict[str, str]) -> None:
    """Make a FAT file system with these files in a new file."""
    with image.open("wb") as file:
        file.truncate(SIZE * MIB)
    tools.run("mkfs.fat", "-F", "32", "-s", "1", "-n", "bootfs", str(image))
    for name, content in files.items():
        _put(image, name, content)


def _put(image: Path, name: str, content: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=image.parent) as file:
        file.write(content)
        file.flush()
        tools.run("mcopy", "-D", "o", "-i", str(image), file.name, f"::{name}")


def write(disk: Path, files: dict[str, str]) -> None:
    """Write files onto the FAT partition of a machine's disk."""
    with _partition(disk) as image:
        for name, content in files.items():
            _put(image, name, content)
        tools.run("qemu-io", "-f", "qcow2", "-c", f"write -s {image} {START}M {SIZE}M", str(disk))


def read(disk: Path) -> str:
    """Return the first line of the cmdline.txt that the firmware would take."""
    with _partition(disk) as image:
        prefix = re.findall(r"^os_prefix=(\S+)$", _get(image, "config.txt"), re.M)
        text = _get(image, f"{prefix[-1] if prefix else ''}cmdline.txt")
    return text.partition("\n")[0].strip()


def _get(image: Path, name: str) -> str:
    try:
        return tools.run("mtype", "-i", str(image), f"::{name}")
    except RuntimeError:  # no such file, which a Pi's firmware takes for an empty one
        return ""


@contextmanager
def _partition(disk: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=disk.parent) as folder:
        image = Path(folder, "boot.fat")
        words = [f"skip={START}", f"count={SIZE}", f"if={disk}", f"of={image}"]
        tools.run("qemu-img", "dd", "-f", "qcow2", "-O", "raw", "bs=1M", *words)
        yield image


def command_line(bootargs: str, cmdline: str, more: str) -> str:
    """Return the kernel's command line as a Pi's kernel would understand it.

    Raspberry Pi's kernel knows `cgroup_enable=`, which takes back a `cgroup_disable=` before it (raspberrypi/linux,
    "cgroup: Use kernel command line to disable memory cgroup"). Debian's kernel doesn't, so what was taken back is left out.
    """
    words = f"{bootargs} {cmdline}".replace("console=serial0", "console=ttyAMA0").split()
    kept = [word for number, word in enumerate(words) if not _taken_back(word, words[number:])]
    return " ".join([*kept, more])


def _taken_back(word: str, later: list[str]) -> bool:
    name, _, value = word.partition("=")
    return name == "cgroup_disable" and f"cgroup_enable={value}" in later
