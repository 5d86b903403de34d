"""A lab host that is a whole emulated machine; it is used like any other, except for what looks into an overlay."""

from __future__ import annotations

import base64
import shlex
import shutil
import subprocess
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.cache import hold
from tests.lab.faults import Faults
from tests.lab.host import Host, Spec
from tests.lab.machine import wait_until
from tests.lab.upper import Layers, Snapshot

from . import disk, firmware, models
from .machine import EmulatedMachine
from .snapshot import NAME, Booted, booted

if TYPE_CHECKING:
    from tests.lab.lab import Lab

FROZEN = "frozen"
BOOT_TIMEOUT = 900
"""Half a minute on a quiet machine, four seconds from the snapshot."""

PERSONAL = """\
set -e
date -u -s @{now} >/dev/null
base64 -d <<'END' | tar -xzpf - -C /
{archive}
END
hostname {name}
ip link set eth0 down
ip link set eth0 address {mac}
for address in {addresses}; do ip address replace "$address" dev eth0; done
ip link set eth0 up
systemctl reset-failed ssh.service || true
systemctl restart ssh.service
rm -f /run/lab-script
"""
"""What makes a machine that was restored, or booted for the first time, one particular host."""


class EmulatedFaults(Faults):
    """Those faults that mean something else on an emulated machine."""

    def __init__(self, host: EmulatedHost) -> None:
        super().__init__(host)
        self._machine = host.machine

    def hang(self) -> None:
        """Stop the processor: the host answers nothing at all, not even pings."""
        self._machine.pause()

    def resume(self) -> None:
        """Undo `hang`."""
        self._machine.resume()


class EmulatedHost(Host):
    """A host with a kernel of its own; `spec.machine` says which."""

    machine: EmulatedMachine

    def __init__(self, lab: Lab, name: str, number: int, spec: Spec) -> None:
        self.kind = models.kind(spec.machine or "")
        super().__init__(lab, name, number, spec)
        self.machine = EmulatedMachine(self.folder, lab.name, name)
        self.faults = EmulatedFaults(self)
        self._personal = self.folder / "personal.tar.gz"

    @staticmethod
    def prepare(kind: models.Kind, suite: str) -> None:
        """Make what hosts of this kind need from the cache, if it is not there."""
        booted(kind, suite)

    @property
    def booted(self) -> Booted:
        """The snapshot that this host begins with, made now if need be."""
        return booted(self.kind, self.identity.suite)

    def lowers(self) -> list[Path]:
        """Return the root file system that the disk was made of."""
        return [self.booted.root]

    def create(self) -> None:
        """Lay the host's own files out, and copy the snapshot: that of the first boot, or of its layer."""
        (self.folder / "upper").mkdir()
        self._lay_out()
        layers = Layers(self.folder / "upper", self.lowers())
        for path, content in models.FILES.items():
            if path not in self.spec.files:
                layers.write(path, content, 0o755 if path.startswith("usr/bin/") else 0o644)
        state = Path(self.spec.layer, "disk.qcow2") if self.spec.layer else self.booted.disk
        disk.copy(self.machine.disk, state, self.booted.base)
        if own := self._own_boot_files():
            firmware.write(self.machine.disk, own)
        shutil.rmtree(self.folder / "upper/boot/firmware", ignore_errors=True)
        with tarfile.open(self._personal, "w:gz") as archive:
            archive.add(self.folder / "upper", ".")

    def _own_boot_files(self) -> dict[str, str]:
        """Those of /boot/firmware that were asked for; with them the machine boots anew, as from another card."""
        prefix = "boot/firmware/"
        named = {path.lstrip("/"): text for path, text in self.spec.files.items()}
        return {path.removeprefix(prefix): text for path, text in named.items() if path.startswith(prefix)}

    def start(self) -> None:
        """Begin with the snapshot the first time, else boot; and wait until people can log in."""
        first = self._personal.exists()
        snapshot = (FROZEN if self.spec.layer else NAME) if first and not self._own_boot_files() else ""
        more = {"bridge": self.lab.network.bridge, "addresses": ",".join(self._addresses()), "snapshot": snapshot}
        plan = self.booted.plan(self.machine, self._mac, **more)
        self.machine.run(plan, [hold(folder) for folder in self.booted.used()])
        if first:
            self.machine.tell(self._personal_script(), BOOT_TIMEOUT)
            self._personal.unlink()
        self.wait_for_ssh()

    @property
    def _mac(self) -> str:
        return f"02:00:00:00:00:{self.number:02x}"

    def _addresses(self) -> list[str]:
        return [f"{self.address}/24", f"{self.address6}/64"]

    def _personal_script(self) -> str:
        archive = base64.encodebytes(self._personal.read_bytes()).decode()
        addresses = " ".join(self._addresses())
        return PERSONAL.format(now=int(time.time()), archive=archive, name=self.name, mac=self._mac, addresses=addresses)

    def freeze(self, layer: Path) -> Path:
        """When its boot is over, keep the machine's state as `layer`, to start others from; the host is gone then."""
        self.machine.tell("systemctl is-system-running --wait; ip address flush dev eth0; ip link set eth0 down; sync")
        self.machine.save(FROZEN)
        self.machine.kill()
        layer.mkdir(parents=True)
        shutil.move(self.machine.disk, layer / "disk.qcow2")
        shutil.rmtree(self.folder)
        return layer

    def wait_for_ssh(self, timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until root can log in; RuntimeError with the end of the console otherwise."""
        if not wait_until(self._admits, timeout, pause=0.5):
            raise RuntimeError(f"Lab host {self.name} let nobody log in within {timeout:.0f} s:\n{self.machine.console()}")

    def _admits(self) -> bool:
        return self._answer("test ! -e /run/nologin") is not None

    def _answer(self, command: str) -> str | None:
        """Return what root is told, None when nobody answers: a machine that reboots leaves connections hanging."""
        try:
            done = self.ssh(command, user="root", timeout=60)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def boot_id(self) -> str:
        """Return what the kernel calls this boot."""
        return self.read("/proc/sys/kernel/random/boot_id").strip()

    def wait_for_other_boot(self, old: str, timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until the host, told to reboot, has another `boot_id` than `old` and admits users."""

        command = "cat /proc/sys/kernel/random/boot_id"
        wait_until(lambda: self._answer(command) not in (None, old), timeout, pause=0.5)
        self.wait_for_ssh(timeout)

    def _inside(self, command: str | Sequence[str]) -> list[str]:
        """Root's way in is ssh: there is no other that carries several commands at once."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        return [*self.ssh_words("root"), shlex.join(words)]

    def _snapshot(self) -> Snapshot:
        raise self._no_overlay()

    def _no_overlay(self) -> RuntimeError:
        return RuntimeError(f"Lab host {self.name} is an emulated machine: its disk is no overlay that can be looked into.")
