"""A lab host that is qemu's Raspberry Pi 3: it can't be kept as a snapshot, so its disk is its own from the first byte."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.cache import hold
from tests.lab.host import Spec
from tests.lab.machine import wait_until
from tests.lab.upper import Layers

from . import disk, models, tools
from .board import board
from .board_supervise import BoardMachine
from .host import EmulatedFaults, EmulatedHost
from .machine import Plan
from .roots import arm_root

if TYPE_CHECKING:
    from tests.lab.lab import Lab

BOOT_TIMEOUT = 3600
"""A minute on a quiet machine."""


class BoardHost(EmulatedHost):
    """The host whose `spec.machine` is the board; it boots from its disk each time, and can't be frozen."""

    machine: BoardMachine

    def __init__(self, lab: Lab, name: str, number: int, spec: Spec) -> None:
        super().__init__(lab, name, number, spec)
        self.machine = BoardMachine(self.folder, lab.name, name)
        self.faults = EmulatedFaults(self)

    @staticmethod
    def prepare(kind: models.Kind, suite: str) -> None:
        """Unpack the kernel and make the root, if they are not there."""
        board()
        arm_root(kind.architecture, suite)

    def lowers(self) -> list[Path]:
        """Return the root file system that the disk is made of."""
        return [arm_root(self.kind.architecture, self.identity.suite)]

    def create(self) -> None:
        """Make the disk of the root, the board's modules and the host's own files."""
        upper, tree = self.folder / "upper", self.folder / "tree"
        upper.mkdir()
        self._lay_out()
        self._lay_over(Layers(upper, self.lowers()))
        boot = {path.name: path.read_text() for path in (upper / "boot/firmware").iterdir()}
        shutil.rmtree(upper / "boot/firmware")
        _copy(self.lowers()[0], tree)
        shutil.rmtree(tree / "usr/lib/modules")
        _copy(board().modules.parent, tree / "usr/lib/modules")
        _copy(upper, tree)
        base = self.folder / "disk.img"
        disk.make(base, tree, boot)
        disk.overlay(self.machine.disk, base)
        for folder in (upper, tree):
            shutil.rmtree(folder)

    def _lay_over(self, layers: Layers) -> None:
        for path, content in models.FILES.items():
            if path not in self.spec.files:
                layers.write(path, content, 0o755 if path.startswith("usr/bin/") else 0o644)
        layers.link("etc/systemd/system/lab-agent.service", "/dev/null")

    def start(self) -> None:
        """Boot, and wait until people can log in."""
        model = self.kind.model
        plan = Plan(
            kernel=str(board().image),
            initramfs=str(board().initramfs),
            device_tree=str(board().device_tree),
            cpu=model.cpu,
            memory=model.memory,
            bootargs=model.bootargs,
            mac=self._mac,
            tap=self.machine.tap,
            bridge=self.lab.network.bridge,
            addresses=",".join(self._addresses()),
        )
        self.machine.run(plan, [hold(folder) for folder in (board().folder, tools.tools().parent)])
        self.wait_for_ssh(BOOT_TIMEOUT)

    def stop(self) -> None:
        """Shut down in order and wait for the end; pull the plug if that takes too long."""
        self.exec("systemctl --no-block poweroff", check=False)
        wait_until(lambda: not self.machine.alive(), BOOT_TIMEOUT / 4)
        self.machine.kill()

    def freeze(self, layer: Path) -> Path:
        """RuntimeError: no state of the board can be kept."""
        raise RuntimeError(f"Lab host {self.name} is a board: it can't be frozen to start others from {layer}.")


def _copy(folder: Path, into: Path) -> None:
    into.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", "--reflink=auto", f"{folder}/.", str(into)], check=True)
