"""The laptop that Vagrant runs on: namespaces over its root file system, with one cable to the lab's bridge.

Everything in it is below one process, which ends with the one that made it; the kernel then removes what was in it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.box.process import tail
from tests.lab.cache import hold
from tests.lab.lab import Lab
from tests.lab.machine import wait_until

from .tools import tools

NUMBER = 251
"""The last part of its address: one that no lab host has."""

INIT = """\
set -eu
mount -t overlay overlay -o lowerdir={tree},upperdir={folder}/upper,workdir={folder}/work,volatile {root}
cd {root}
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/net dev/pts dev/shm
for name in null zero full random urandom tty net/tun; do : > "dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
for folder in {shared}; do mkdir -p ".$folder"; mount --rbind "$folder" ".$folder"; done
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.1; done
ip address add {address}/24 dev eth0
ip link set eth0 up
printf '%s' {names} > etc/hosts
mkdir -p run/libvirt
chroot . virtlogd -d
chroot . libvirtd -d
until [ -S run/libvirt/libvirt-sock ] && chroot . virsh --connect qemu:///system version; do sleep 0.1; done
touch {folder}/ready
while :; do sleep 3600 & wait $!; done
"""
VAGRANT = """\
#!/bin/sh
exec nsenter --target {pid} --mount --net --pid -- chroot {root} sh -c 'cd "$0" && exec "$@"' "$PWD" \
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 VAGRANT_CHECKPOINT_DISABLE=1 \
HOME={home} VAGRANT_DEFAULT_PROVIDER=libvirt {variables} vagrant "$@"
"""


@dataclass(frozen=True)
class World:
    """A laptop with Vagrant; `bin` holds the command `vagrant`, which runs in the folder that it is called from."""

    pid: int
    bin: Path
    home: Path
    """Where Vagrant keeps .vagrant.d."""

    @property
    def way(self) -> tuple[str, ...]:
        """The words in front of a command of this machine, so that it runs in the laptop's network."""
        return ("nsenter", "--target", str(self.pid), "--net", "--")

    def vagrant(self, *words: str, cwd: Path, timeout: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `vagrant` in a folder; RuntimeError with its words if it fails and `check` is set."""
        command = [str(self.bin / "vagrant"), *words]
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"vagrant {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done


@contextmanager
def world(lab: Lab, shared: Iterable[Path], **variables: str) -> Iterator[World]:
    """Run the laptop while in the block; `shared` are folders it sees at their own paths, `variables` Vagrant's environment."""
    folder = lab.folder / "vagrant"
    for part in ("upper", "work", "root", "home", "bin"):
        (folder / part).mkdir(parents=True)
    with _process(lab, folder, [folder / "home", *shared]) as pid:
        script = folder / "bin" / "vagrant"
        words = shlex.join(f"{name}={value}" for name, value in variables.items())
        root, home = shlex.quote(str(folder / "root")), shlex.quote(str(folder / "home"))
        script.write_text(VAGRANT.format(pid=pid, root=root, home=home, variables=words))
        script.chmod(0o755)
        yield World(pid, script.parent, folder / "home")
    shutil.rmtree(folder)


@contextmanager
def _process(lab: Lab, folder: Path, shared: Iterable[Path]) -> Iterator[int]:
    hold(tools().parent)
    script = INIT.format(
        tree=shlex.quote(str(tools())),
        folder=shlex.quote(str(folder)),
        root=shlex.quote(str(folder / "root")),
        shared=shlex.join(map(str, shared)),
        address=f"{lab.network.prefix}.{NUMBER}",
        names=shlex.quote(f"127.0.0.1 localhost\n{lab.box.hosts_file()}"),
    )
    way = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    words = [*way, "--propagation", "private", "sh", "-c", script]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        pid = _inner(process)
        _plug_in(lab, pid)
        if not wait_until(lambda: (folder / "ready").exists() or process.poll() is not None, 60) or process.poll() is not None:
            logs = [folder / "log", folder / "upper/var/log/libvirt/libvirtd.log"]
            raise RuntimeError("\n".join(["Vagrant's laptop did not start.", *(tail(log) for log in logs)]))
        yield pid
    finally:
        process.kill()
        process.wait()


def _inner(process: subprocess.Popen[bytes]) -> int:
    """Return the number of the laptop's first process, once it is in its namespaces."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    own = os.readlink("/proc/self/ns/net")

    def there() -> bool:
        found = children.read_text().split()
        return bool(found) and os.readlink(f"/proc/{found[0]}/ns/net") != own

    if not wait_until(there, 30):
        raise RuntimeError("The namespaces of Vagrant's laptop could not be made.")
    return int(children.read_text().split()[0])


def _plug_in(lab: Lab, pid: int) -> None:
    """Lay the cable from the lab's bridge to the laptop."""
    bridge = lab.network.bridge
    words = ["link", "add", f"{bridge}v", "master", bridge, "up", "type", "veth", "peer", "name", "eth0", "netns", str(pid)]
    subprocess.run(["ip", *words], check=True)
