"""One emulated machine as processes of this one: a supervisor, and below it qemu, started again at each reboot."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.machine import Machine, wait_until

from . import agent, qmp

CLONE = Path(__file__).parents[3]


@dataclass(frozen=True)
class Plan:
    """What the supervisor must know; it stands in vm.json, by whose path the machine is found among all processes."""

    kernel: str
    initramfs: str
    device_tree: str
    cpu: str
    memory: int
    bootargs: str
    mac: str
    tap: str
    bridge: str = ""
    """Empty: the tap leads nowhere."""
    addresses: str = ""
    """With prefix lengths, parted by commas; the initramfs sets them."""
    snapshot: str = ""
    """Begin with this state of the disk's; reboots never do."""


class EmulatedMachine(Machine):
    """The machine whose state is in `folder`: vm.json, disk.qcow2, console.log, and the sockets of qemu and agent."""

    supervisor = "tests.lab.vm.supervise"

    def __init__(self, folder: Path, lab: str, name: str) -> None:
        super().__init__(folder, lab, name)
        self.script = folder / "vm.json"
        self.disk = folder / "disk.qcow2"
        self.monitor = folder / "qmp.sock"
        self.events = folder / "events.sock"
        self.agent = folder / "agent.sock"
        self.log = folder / "console.log"
        self._started: subprocess.Popen[bytes] | None = None

    @property
    def tap(self) -> str:
        """The name of the machine's network interface on this side."""
        return f"lab-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:10]}t"

    def run(self, plan: Plan, pass_fds: Iterable[int], *, tied: bool = False) -> None:
        """Start the supervisor in the background; it outlives this process unless `tied`. RuntimeError when qemu fails."""
        self.script.write_text(json.dumps(asdict(plan)))
        for socket in (self.monitor, self.events, self.agent):
            socket.unlink(missing_ok=True)
        way = ["setpriv", "--pdeathsig", "KILL", "--"] if tied else ["setsid", "--fork"]
        words = [*way, sys.executable, "-m", self.supervisor, str(self.script)]
        with self.log.open("a") as log:
            self._started = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=CLONE, pass_fds=tuple(pass_fds)
            )
        if not tied:
            self._started.wait()
        wait_until(self.alive, 30)
        if not wait_until(lambda: self.agent.exists() or not self.alive(), 120) or not self.alive():
            raise RuntimeError(f"qemu did not start for lab host {self.name}:\n{self.console()}")

    def tell(self, script: str, timeout: float = 600) -> str:
        """Run a sh script as root inside, by no network; return what it printed. AgentError tells what went wrong."""
        try:
            return agent.run(self.agent, script, timeout)
        except (OSError, agent.AgentError) as error:
            raise agent.AgentError(f"Lab host {self.name}: {error}\nIts console:\n{self.console()}") from error

    def save(self, snapshot: str) -> None:
        """Keep the whole state of the machine in its disk's file."""
        with qmp.connect(self.monitor, timeout=600) as control:
            control.monitor(f"savevm {snapshot}")

    def pause(self) -> None:
        """Stop the processor: nothing inside runs, not even the kernel."""
        with qmp.connect(self.monitor) as control:
            control.execute("stop")

    def resume(self) -> None:
        """Undo `pause`."""
        with qmp.connect(self.monitor) as control:
            control.execute("cont")

    def power_off(self, timeout: float = 300) -> None:
        """Shut down in order, as the power button does; pull the plug after `timeout` seconds."""
        if self.alive():
            self.tell("systemctl --no-block poweroff", timeout)
        if not wait_until(lambda: not self.alive(), timeout):
            self.kill()

    def kill(self) -> None:
        """Pull the plug: nothing is flushed or told; returns when all processes are gone."""
        super().kill()
        if self._started:
            self._started.wait()

    def leader(self) -> int | None:
        """Return the number of qemu's process; None when it does not run."""
        return next(iter(self._children()), None)

    def processes(self) -> list[int]:
        """What runs inside can't be seen from here, and signals can't be sent to it."""
        raise RuntimeError(f"Lab host {self.name} has a kernel of its own: its processes are not this machine's.")

    def console(self, size: int = 2000) -> str:
        """Return the end of what the machine printed."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""
