"""What the kernel runs first: a busybox and a few modules, which find the disk, set the address and hand over."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path

from tests.lab.box.programs import programs

NEEDED = (
    *("virtio_mmio", "virtio_blk", "virtio_net", "virtio-rng", "virtio_console"),
    *("crc32c_generic", "ext4", "vfat", "nls_cp437", "nls_ascii"),
)
"""Modules that the initramfs loads, as far as the kernel has not got them built in."""


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
    esac
done
tries=0
until [ -b /dev/vda2 ] || [ $tries -ge 300 ]; do sleep 0.1; tries=$((tries + 1)); done
mount -t ext4 /dev/vda2 /root || { dmesg | tail -n 20; poweroff -f; }
mkdir -p /root/boot/firmware
mount -t vfat -o umask=0022 /dev/vda1 /root/boot/firmware
IFS=,
for one in $addresses; do ip address add "$one" dev eth0 && ip link set eth0 up; done
unset IFS
umount /proc /sys
exec switch_root /root /sbin/init
"""


def make(file: Path, modules: Path) -> None:
    """Write an initramfs with those of the kernel's modules that it needs."""
    file.write_bytes(b"".join(_parts(modules)))


def _load_order(modules: Path) -> list[str]:
    """Return paths of the needed modules below `modules`, each after those that it needs."""
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    by_name = {Path(path).name.partition(".")[0]: path for path in needs}
    order: list[str] = []
    for name in NEEDED:
        if name in by_name:
            path = by_name[name]
            order += [one for one in (*reversed(needs[path]), path) if one not in order]
    return order


def _parts(modules: Path) -> Iterator[bytes]:
    """Yield a cpio archive's entries (newc, see the kernel's Documentation/driver-api/early-userspace/buffer-format.rst)."""
    for folder in ("bin", "lib"):
        yield _entry(folder, 0o040755, b"")
    yield _entry("bin/busybox", 0o100755, programs("arm64").busybox.read_bytes())
    for applet in ("sh", "mkdir", "mount", "umount", "cat", "insmod", "sleep", "ip", "switch_root", "dmesg", "tail", "poweroff"):
        yield _entry(f"bin/{applet}", 0o120777, b"busybox")
    yield _entry("init", 0o100755, INIT.encode())
    names = _load_order(modules)
    plain = [Path(name).name.removesuffix(".xz") for name in names]
    for name, file in zip(names, plain, strict=True):
        content = (modules / name).read_bytes()
        yield _entry(f"lib/{file}", 0o100644, lzma.decompress(content) if name.endswith(".xz") else content)
    yield _entry("modules", 0o100644, "\n".join(plain).encode())
    yield _entry("TRAILER!!!", 0, b"")


def _entry(name: str, mode: int, content: bytes) -> bytes:
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)
