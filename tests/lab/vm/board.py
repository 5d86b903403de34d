"""The Raspberry Pi 3 Model B that qemu emulates as a board: its own chip, mailbox, USB controller and device tree.

Nothing of the device tree is made up: Debian's kernel has it. So it is what an unhelped board says of itself, without
the revision code and the "Rev 1.2" that a Pi's firmware would add.
"""

from __future__ import annotations

import lzma
import re
from functools import cache
from pathlib import Path

from tests.lab.cache import cached

from . import initramfs, kernel, tools

DEVICE_TREE = "broadcom/bcm2837-rpi-3-b.dtb"
ABSENT = tuple(part for part in kernel.ABSENT if part not in ("drivers/scsi", "drivers/usb"))
NEEDED = (
    *("phy_generic", "dwc2", "usb_storage", "sd_mod", "cdc_ether", "bcm2835_wdt", "bcm2835_rng"),
    *("crc32c_generic", "ext4", "vfat", "nls_cp437", "nls_ascii"),
)
"""Modules that the initramfs loads: disk and network hang on the USB controller, a reboot on the watchdog."""

INIT = """\
#!/bin/sh
export PATH=/bin
mkdir -p /proc /sys /dev /root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules); do insmod /lib/$module; done
addresses=
for word in $(cat /proc/cmdline); do
    case $word in
        lab.address=*) addresses=${word#*=} ;;
        lab.now=*) read -r up rest </proc/uptime; date -u -s @$((${word#*=} + ${up%.*})) >/dev/null ;;
    esac
done
network() {
    for place in /sys/class/net/eth* /sys/class/net/usb*; do [ -e "$place" ] && echo "${place##*/}" && return; done
    return 1
}
tries=0
until [ -b /dev/sda2 ] && network >/dev/null || [ $tries -ge 1800 ]; do sleep 0.1; tries=$((tries + 1)); done
mount -t ext4 /dev/sda2 /root || { dmesg | tail -n 50; poweroff -f; }
mkdir -p /root/boot/firmware
mount -t vfat -o umask=0022 /dev/sda1 /root/boot/firmware
device=$(network)
[ "$device" = eth0 ] || ip link set "$device" name eth0
IFS=,
for one in $addresses; do ip address add "$one" dev eth0 && ip link set eth0 up; done
unset IFS
umount /proc /sys
exec switch_root /root /sbin/init
"""
"""A Pi has no clock that goes on while it is off, so the time of power-on comes by a word, as it would from the network.

The kernel calls the network usb0 where a MAC address is of the local kind, as the lab's are (drivers/net/usb/usbnet.c); a
Pi's is called eth0.
"""


class Board(kernel.Kernel):
    """The entry of the cache: Debian's kernel, the board's device tree, an initramfs."""

    @property
    def device_tree(self) -> Path:
        """The device tree as it came with the kernel."""
        return self.folder / "board.dtb"

    @property
    def initramfs(self) -> Path:
        """What the kernel runs first."""
        return self.folder / "initramfs"


@cache
def board() -> Board:
    """Return what the board boots, unpacked now if need be (half a minute)."""
    parts = ("1", kernel.SUITE, kernel.META, ABSENT, DEVICE_TREE, NEEDED, INIT, Path(initramfs.__file__).read_text())
    return Board(cached("vm-pi3-board", "\n".join(map(str, parts)), _make))


def _make(folder: Path) -> None:
    kernel.unpack(folder, ABSENT, DEVICE_TREE)
    made = Board(folder)
    initramfs.make(made.initramfs, made.modules)
    with made.initramfs.open("ab") as file:  # the kernel unpacks one archive after the other, and the later one wins
        file.write(_more(made.modules))


def _more(modules: Path) -> bytes:
    files = _in_load_order(modules)
    names = [file.name.removesuffix(".xz") for file in files]
    entries = [initramfs._entry("bin/date", 0o120777, b"busybox"), initramfs._entry("init", 0o100755, INIT.encode())]
    entries += [initramfs._entry(f"lib/{name}", 0o100644, _plain(file)) for name, file in zip(names, files, strict=True)]
    entries += [initramfs._entry("modules", 0o100644, "\n".join(names).encode()), initramfs._entry("TRAILER!!!", 0, b"")]
    return b"".join(entries)


def _in_load_order(modules: Path) -> list[Path]:
    """Return the files of the needed modules, each after those that it needs."""
    tree = modules.parents[2]
    shown = tools.run("modprobe", "--dirname", str(tree), "--set-version", modules.name, "--show-depends", "--all", *NEEDED)
    return list(dict.fromkeys(Path(path) for path in re.findall(r"^insmod (\S+)", shown, re.M)))


def _plain(file: Path) -> bytes:
    content = file.read_bytes()
    return lzma.decompress(content) if file.suffix == ".xz" else content
