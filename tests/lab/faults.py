"""Things that go wrong on real hosts, done to a lab host on purpose.

Each is undone by its counterpart, or by throwing the host away. A wrong clock is not among them: all lab
hosts share this machine's clock.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .layout import new_host_keys
from .machine import wait_until

if TYPE_CHECKING:
    from .host import Host

DPKG_LOCK = "/var/lib/dpkg/lock-frontend"
LISTS_LOCK = "/var/lib/apt/lists/lock"

HOLD_LOCK = r"""
$0 = $ARGV[2];
use Fcntl;
open(my $file, ">>", $ARGV[0]) or die $!;
my $lock = pack("s s l! l! i", F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die $!;
$| = 1; print "held\n"; open(STDOUT, ">", "/dev/null"); sleep $ARGV[1];
"""
"""perl-base is on every Debian; this takes the same POSIX lock that dpkg and apt take."""


class Faults:
    """The faults of one running host: ``host.faults.hang()``."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @contextmanager
    def hold_lock(self, seconds: float, path: str = DPKG_LOCK, name: str = "unattended-upgr") -> Iterator[subprocess.Popen[str]]:
        """Hold dpkg's lock (or `LISTS_LOCK`) as a process called `name`, for `seconds` or until the block ends."""
        words = ["perl", "-e", HOLD_LOCK, path, str(max(1, round(seconds))), name]
        with self._host.start_process(words) as holder:
            assert holder.stdout is not None
            if holder.stdout.readline() != "held\n":
                raise RuntimeError(f"Lab host {self._host.name}: the lock {path} is held by somebody else.")
            try:
                yield holder
            finally:
                holder.kill()

    def stop_sshd(self) -> None:
        """Connections are refused from now on; those that are open stay."""
        self._host.exec("systemctl stop ssh.socket ssh.service 2>&1 || systemctl stop ssh.service")

    def start_sshd(self) -> None:
        """Undo `stop_sshd`."""
        self._host.exec("systemctl start ssh.service")
        self._host.wait_for_ssh()

    def mute_sshd(self) -> None:
        """Stop the listener with SIGSTOP: new connections are accepted by the kernel and never hear a word."""
        os.kill(self._sshd(), signal.SIGSTOP)

    def unmute_sshd(self) -> None:
        """Undo `mute_sshd`."""
        os.kill(self._sshd(), signal.SIGCONT)

    def hang(self) -> None:
        """Stop every process with SIGSTOP: the host answers pings, accepts connections, and does nothing."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `hang`."""
        self._signal_all(signal.SIGCONT)

    def fill(self, path: str, spare_kib: int = 0) -> None:
        """Put a small tmpfs with the same content over a folder and fill it up to `spare_kib`."""
        quoted = shlex.quote(path)
        self._host.exec(f"""set -eu
            used=$(du -skx {quoted} | cut -f1)
            mkdir -p /run/lab-fill; mount -t tmpfs -o size=$((used * 2 + 1024 + {spare_kib}))k lab-full /run/lab-fill
            cp -a --one-file-system {quoted}/. /run/lab-fill/
            mount --bind /run/lab-fill {quoted}; umount -l /run/lab-fill
            free=$(df -k --output=avail {quoted} | tail -n1)
            [ "$free" -le {spare_kib} ] || fallocate -l $((free - {spare_kib}))K {quoted}/.lab-fill""")

    def unfill(self, path: str) -> None:
        """Undo `fill`; what was written meanwhile is lost."""
        self._host.exec(f"umount -l {shlex.quote(path)}")

    def pull_plug(self) -> None:
        """Cut the power: SIGKILL to everything. `host.start()` boots it again with the disk as it was."""
        self._host.machine.kill()

    def change_host_key(self) -> None:
        """Give the host new SSH keys, as a re-flashed card has; the lab's known_hosts keeps the old ones."""
        for path, content, mode in new_host_keys(self._host.name):
            self._host.write(f"/{path}", content, mode)
        self._host.exec("systemctl restart ssh.service")
        self._host.wait_for_ssh()

    def _sshd(self) -> int:
        """The listener's number on this machine, whose command line says so in every Debian."""
        for pid in self._host.machine.processes():
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"[listener]" in file.read():
                    return pid
        raise RuntimeError(f"Lab host {self._host.name} runs no sshd.")

    def _signal_all(self, number: int) -> None:
        pids = self._host.machine.processes()
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        wanted = number == signal.SIGSTOP
        wait_until(lambda: all(_stopped(pid) == wanted for pid in pids), 5)


def _stopped(pid: int) -> bool | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return None
