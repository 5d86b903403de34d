"""One booted systemd-nspawn machine as processes, mounts and control groups of this machine.

All mounts (the overlay; where systemd is not PID 1 also the /run/systemd that nspawn insists on) are
made in a private mount namespace, so they are gone when the last process of the machine is.
A machine is found again by the path of its boot script, which stands in its first process's arguments.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .needs import systemd_is_init

CGROUPS = Path("/sys/fs/cgroup")
REBOOT = 133
"""nspawn's exit status when the machine asks for a reboot and nspawn may not restart it by itself."""

INOTIFY_PER_HOST = 4
"""systemd 3, logind or dockerd 1; all hosts share what the machine allows its root."""

BOOT = """\
#!/bin/sh
# Boots lab host {name}; run in a mount namespace of its own.
set -eu
{session}
mount -t overlay overlay -o {overlay} {mount}
while :; do
    status=0
    sh -c {boot} || status=$?
    [ "$status" -eq {reboot} ] || exit "$status"
done
"""

SESSION = """\
mount -t tmpfs -o mode=755 tmpfs /run/systemd
mkdir /run/systemd/system
"""

OWN_CGROUPS = """\
set -- /sys/fs/cgroup/*
[ ! -f /sys/fs/cgroup/cgroup.procs ] || set -- /sys/fs/cgroup
for hierarchy; do
    [ -f "$hierarchy/cgroup.procs" ] || continue
    place=$hierarchy
    for part in {parts}; do
        up=$place; place=$place/$part
        mkdir -p "$place"
        for list in cpuset.cpus cpuset.mems; do
            [ -f "$up/$list" ] || continue
            [ -n "$(cat "$place/$list")" ] || cat "$up/$list" > "$place/$list"
        done
    done
    echo $$ > "$place/cgroup.procs"
done
"""


class Machine:
    """The machine whose state is in `folder`: upper, work, mnt, docker, containerd, boot.sh, console.log."""

    def __init__(self, folder: Path, lab: str, name: str) -> None:
        self.folder = folder
        self.lab = lab
        self.name = name
        self.script = folder / "boot.sh"

    def boot(self, lowers: Sequence[Path], bridge: str, options: Sequence[str], pass_fds: Iterable[int]) -> None:
        """Start the machine in the background; it outlives this process."""
        for part in ("upper", "work", "mnt", "docker", "containerd"):
            (self.folder / part).mkdir(exist_ok=True)
        shutil.rmtree(self.folder / "work" / "work" / "incompat", ignore_errors=True)  # left by `volatile`, else no mount
        self.script.write_text(self._script(lowers, bridge, options))
        command = ["setsid", "--fork", "unshare", "--mount", "--propagation", "private", "/bin/sh", str(self.script)]
        with (self.folder / "console.log").open("a") as log:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, cwd="/", pass_fds=tuple(pass_fds)
            )

    def _script(self, lowers: Sequence[Path], bridge: str, options: Sequence[str]) -> str:
        overlay = f"lowerdir={':'.join(map(str, lowers))},upperdir={self.folder}/upper,workdir={self.folder}/work"
        overlay += ",volatile"  # no fsync reaches this machine's disk: dpkg is faster, throwing away too
        return BOOT.format(
            name=self.name,
            session="" if systemd_is_init() else SESSION,
            overlay=shlex.quote(overlay),
            mount=shlex.quote(f"{self.folder}/mnt"),
            boot=shlex.quote(self._boot_command(bridge, options)),
            reboot=REBOOT,
        )

    def _boot_command(self, bridge: str, options: Sequence[str]) -> str:
        command = [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", f"--directory={self.folder}/mnt"),
            *(f"--machine={self.lab}-{self.name}", f"--hostname={self.name}", f"--network-bridge={bridge}"),
            *("--capability=all", "--system-call-filter=@known", "--link-journal=no", "--resolv-conf=off"),
            *("--timezone=off", f"--bind={self.folder}/docker:/var/lib/docker"),
            *(f"--bind={self.folder}/containerd:/var/lib/containerd", *options),
        ]
        if systemd_is_init():  # then nspawn gets a scope of its own from systemd
            return f"exec {shlex.join(command)}"
        parts = " ".join(shlex.quote(part) for part in self._cgroup_parts())
        return OWN_CGROUPS.format(parts=parts) + f"exec {shlex.join([*command, '--keep-unit'])}"

    def _cgroup_parts(self) -> tuple[str, str, str]:
        return "fleet-lab", self.lab, self.name

    def leader(self) -> int | None:
        """Return the number, on this machine, of the PID 1 inside; None when it does not run."""
        return next(filter(_is_init, self._children()), None)

    def _children(self) -> list[int]:
        """Return the numbers of all processes below the boot script, nearest first."""
        table = _processes()
        return _below(table, self._shells(table))

    def _shells(self, table: dict[int, int]) -> list[int]:
        wanted = os.fsencode(self.script)
        return [pid for pid in table if wanted in _arguments(pid)]

    def alive(self) -> bool:
        """Say whether any process of the machine is left."""
        return bool(self._shells(_processes()))

    def power_off(self, timeout: float = 60) -> None:
        """Shut down in order, as the power button does; pull the plug after `timeout` seconds."""
        if leader := self.leader():
            _send(leader, signal.SIGRTMIN + 4)  # systemd(1): poweroff.target
        if not wait_until(lambda: not self.alive(), timeout):
            self.kill()
        self._remove_cgroups()

    def kill(self) -> None:
        """Pull the plug: nothing is flushed or told; returns when all processes are gone."""
        table = _processes()
        shells = self._shells(table)
        doomed = [*shells, *_below(table, shells)]  # the loop's shell goes first, so that nothing starts again
        leader = self.leader()
        for pid in [*shells, *([leader] if leader else []), *doomed]:
            _send(pid, signal.SIGKILL)
        if not wait_until(lambda: not set(doomed) & _processes().keys(), 30):
            raise RuntimeError(f"Processes of lab host {self.name} can't be ended; look at them with `ps -ef`.")
        self._remove_cgroups()

    def processes(self) -> list[int]:
        """Return the numbers, on this machine, of all processes inside."""
        leader = self.leader()
        if leader is None:
            return []
        space = os.readlink(f"/proc/{leader}/ns/pid")
        return [pid for pid in _processes() if _namespace(pid) == space]

    def _remove_cgroups(self) -> None:
        """Control groups can be removed a moment after their last process ended."""
        wait_until(lambda: not remove_cgroups(*self._cgroup_parts()), 5)


def room_for(hosts: int) -> bool:
    """Say whether this many more hosts find inotify instances, without which systemd hangs in mid-boot."""
    used = sum(_inotify_instances(pid) for pid in _processes())
    return used + hosts * INOTIFY_PER_HOST <= int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())


def _inotify_instances(pid: int) -> int:
    """Count those of a process of root; other users have a limit of their own."""
    folder = Path(f"/proc/{pid}/fd")
    try:
        if folder.parent.stat().st_uid != 0:
            return 0
        return sum(os.readlink(place) == "anon_inode:inotify" for place in folder.iterdir())
    except OSError:
        return 0


def remove_cgroups(*parts: str) -> bool:
    """Remove the empty control groups at and below a path in every hierarchy; say whether some are left."""
    left = False
    for hierarchy in (CGROUPS, *CGROUPS.glob("*/")):
        for folder, _, _ in os.walk(hierarchy.joinpath(*parts), topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                left = True
    return left


def wait_until(true: Callable[[], bool], timeout: float, pause: float = 0.05) -> bool:
    """Call `true` until it says so; return False after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def _processes() -> dict[int, int]:
    """Return {process: parent} of everything that runs; a zombie does not, and PID 1 may leave it for seconds."""
    table = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                status = Path(entry.path, "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if status[0] != "Z":
                table[int(entry.name)] = int(status[1])
    return table


def _below(table: dict[int, int], tops: Sequence[int]) -> list[int]:
    """Return all descendants of `tops`, nearest first."""
    found: list[int] = []
    level = list(tops)
    while level:
        level = [pid for pid, parent in table.items() if parent in level]
        found += level
    return found


def _arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_init(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    line = next((line for line in status.splitlines() if line.startswith("NSpid:")), "")
    numbers = line.split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
