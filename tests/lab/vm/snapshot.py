"""A machine that was booted once and is kept as it was then, so that hosts begin where it had got to."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.lab.cache import cached, say
from tests.lab.identities import identity

from . import disk, firmware, initramfs, supervise, tools
from .kernel import kernel
from .machine import EmulatedMachine, Plan
from .models import Kind
from .roots import arm_root

NAME = "booted"
SETTLED = "systemctl is-system-running --wait; systemctl --failed --no-legend --plain; sync"
BOOT_TIMEOUT = 1200
"""Half a minute on a quiet machine."""


class Booted:
    """The snapshot of one kind in the cache."""

    def __init__(self, kind: Kind, suite: str) -> None:
        self.kind = kind
        self.suite = suite
        self.root = arm_root(kind.architecture, suite)
        entries = (self.root.parent.name, kernel().folder.name, tools.tools().parent.name)
        sources = [Path(str(module.__file__)).read_text() for module in (supervise, initramfs, disk, firmware)]
        parts = ("1", kind, *entries, boot_files(kind), *sources)  # the state is only good for the very same devices
        self.folder = cached(f"vm-{kind.name}-{suite}", "\n".join(map(str, parts)), self._make)

    @property
    def base(self) -> Path:
        """The disk as it was before the first boot."""
        return self.folder / "disk.img"

    @property
    def disk(self) -> Path:
        """What the first boot wrote, and the machine's state after it."""
        return self.folder / "disk.qcow2"

    def used(self) -> list[Path]:
        """Return the entries of the cache that a running machine reads."""
        return [self.folder, kernel().folder, tools.tools().parent]

    def plan(self, machine: EmulatedMachine, mac: str, **more: str) -> Plan:
        """Return how such a machine is run."""
        return self._plan(self.folder, machine, mac, **more)

    def _plan(self, folder: Path, machine: EmulatedMachine, mac: str, **more: str) -> Plan:
        model = self.kind.model
        return Plan(
            kernel=str(kernel().image),
            initramfs=str(folder / "initramfs"),
            device_tree=str(folder / "board.dtb"),
            cpu=model.cpu,
            memory=model.memory,
            bootargs=model.bootargs,
            mac=mac,
            tap=machine.tap,
            **more,
        )

    def _make(self, folder: Path) -> None:
        say(f"booting {self.kind.name} for the first time")
        device_tree(folder / "board.dtb", self.kind)
        initramfs.make(folder / "initramfs", kernel().modules)
        disk.make(folder / "disk.img", self.root, boot_files(self.kind))
        disk.overlay(folder / "disk.qcow2", folder / "disk.img")
        machine = EmulatedMachine(folder, "", self.kind.name)
        try:
            machine.run(self._plan(folder, machine, "02:00:00:00:01:00"), [], tied=True)
            say(f"{self.kind.name}: {' '.join(machine.tell(SETTLED, BOOT_TIMEOUT).split())}")
            machine.save(NAME)
        finally:
            machine.kill()
        for path in folder.glob("*.sock"):
            path.unlink()


@cache
def booted(kind: Kind, suite: str) -> Booted:
    """Return the snapshot of a kind with a userland of this suite, made now if need be (minutes)."""
    return Booted(kind, suite)


def boot_files(kind: Kind) -> dict[str, str]:
    """Return the files of /boot/firmware by name."""
    files = identity(kind.identity).files
    return {Path(path).name: text for path, text in files.items() if path.startswith("boot/firmware/")}


def device_tree(file: Path, kind: Kind) -> None:
    """Write the device tree of qemu's board with the names, revision and serial number of a Pi."""
    model = kind.model
    words = [*supervise.board(model.cpu, model.memory)[:-1], f"virt,dumpdtb={file}"]
    tools.run("qemu-system-aarch64", "-L", str(tools.tools() / "usr/share/qemu"), "-nodefaults", "-display", "none", *words)
    tools.run("fdtput", "-t", "s", str(file), "/", "model", model.label)
    tools.run("fdtput", "-t", "s", str(file), "/", "compatible", *model.compatible)
    tools.run("fdtput", "-t", "s", str(file), "/", "serial-number", "10000000a1b2c3d4")
    tools.run("fdtput", "-c", str(file), "/system")
    tools.run("fdtput", "-t", "x", str(file), "/system", "linux,revision", f"{model.revision:x}")
