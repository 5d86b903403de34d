"""Debian's arm64 kernel: unpacked, never installed."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.box import deb
from tests.lab.box.debian import private_apt
from tests.lab.box.process import LabError
from tests.lab.cache import cached

from . import tools

SUITE = "trixie"
META = "linux-image-arm64"
ABSENT = (
    *("sound", "net/wireless", "net/mac80211", "net/bluetooth", "drivers/gpu", "drivers/media", "drivers/infiniband"),
    *("drivers/iio", "drivers/staging", "drivers/scsi", "drivers/usb", "drivers/input", "drivers/hwmon", "drivers/mtd"),
    *("drivers/net/ethernet", "drivers/net/wireless", "drivers/bluetooth"),
)
"""Drivers of hardware that an emulated machine does not have: two thirds of all modules."""


@dataclass(frozen=True)
class Kernel:
    """A kernel in the cache: its file, and its modules below `tree`."""

    folder: Path

    @property
    def image(self) -> Path:
        """What qemu boots."""
        return self.folder / "vmlinuz"

    @property
    def modules(self) -> Path:
        """The folder of its modules."""
        return next((self.folder / "tree/usr/lib/modules").iterdir())


def kernel() -> Kernel:
    """Return the kernel, unpacked now if need be (half a minute)."""
    return Kernel(cached("vm-kernel", f"2 {SUITE} {META} {ABSENT}", lambda folder: unpack(folder, ABSENT)))


def unpack(folder: Path, absent: Sequence[str], device_tree: str = "") -> None:
    """Fill a folder with the kernel, its modules but for those of `absent`, and one of its device trees if named."""
    tree = folder / "tree"
    with tempfile.TemporaryDirectory(dir=folder) as work:
        unpacked = _download(Path(work))
        shutil.move(next((unpacked / "boot").glob("vmlinuz-*")), folder / "vmlinuz")
        if device_tree:
            shutil.move(next(unpacked.glob(f"usr/lib/linux-image-*/{device_tree}")), folder / "board.dtb")
        modules = next((unpacked / "usr/lib/modules").iterdir())
        for part in absent:
            shutil.rmtree(modules / "kernel" / part, ignore_errors=True)
        (tree / "usr/lib/modules").mkdir(parents=True)
        shutil.move(modules, tree / "usr/lib/modules" / modules.name)
    tools.run("depmod", "-b", str(tree / "usr"), modules.name)


def _download(work: Path) -> Path:
    apt = private_apt(work, "arm64", (SUITE,), optional="none")
    simulated = apt.simulate(META)
    found = re.search(r"^Inst (linux-image-\d\S+)", simulated, re.M)
    if not found:
        raise LabError(f"Debian's mirror has no {META}; apt-get said:\n{simulated[-2000:]}")
    apt.download([found[1]], SUITE, work / "debs")
    (work / "tree").mkdir()
    deb.unpack(next((work / "debs").iterdir()), work / "tree")
    return work / "tree"
