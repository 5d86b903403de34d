"""One lab host: a booted machine with an address, an identity, login users and SSH keys."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import users
from .cache import hold
from .faults import Faults
from .identities import Sudo, identity
from .machine import Machine, wait_until
from .roots import root
from .upper import Change, Layers, Snapshot, compare, snapshot

if TYPE_CHECKING:
    from .lab import Lab

BOOT_TIMEOUT = 120
MASKED = (
    "systemd-modules-load.service",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "systemd-tmpfiles-clean.timer",
)
APT_TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
CGROUP_V1_UNIT = """\
[Unit]
Description=Make the version 1 control groups writable for Docker
DefaultDependencies=no
Before=basic.target
ConditionPathExists=!/sys/fs/cgroup/cgroup.controllers

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for place in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw "$place"; done; true'

[Install]
WantedBy=basic.target
"""
"""nspawn mounts version 1 hierarchies read-only; a remount without `bind` says that they are busy."""


@dataclass(frozen=True)
class Spec:
    """How a host is made."""

    identity: str = "debian-trixie"
    user: str = "pi"
    """Who the inventory logs in as."""
    sudo: Sudo | None = None
    """None: what the identity has."""
    timers: bool = False
    """Keep apt's own timers, which take dpkg's lock some time after the boot."""
    sshd: str = ""
    """Lines added to sshd's configuration, such as ``MaxStartups 200:30:400``."""
    files: Mapping[str, str] = field(default_factory=dict)
    """More files to lay over the root: path without leading slash, content."""
    layer: str | None = None
    """Folder of a frozen host to start from."""


class Host:
    """A host of a lab, running or not; `Lab.up` makes them, `Lab.host` finds them again."""

    def __init__(self, lab: Lab, name: str, number: int, spec: Spec) -> None:
        self.lab = lab
        self.name = name
        self.number = number
        self.spec = spec
        self.identity = identity(spec.identity)
        self.user = spec.user
        self.folder = lab.folder / "hosts" / name
        self.address, self.address6 = lab.network.host_addresses(number)
        self.machine = Machine(self.folder, lab.name, name)
        self.faults = Faults(self)

    # -- making and booting -------------------------------------------------------------------------

    def create(self) -> None:
        """Lay out the host's folder: state, upper layer with identity, users' keys and host keys."""
        (self.folder / "upper").mkdir(parents=True)
        if self.spec.layer:
            for part in ("docker", "containerd"):
                command = ["cp", "-a", "--reflink=auto", f"{self.spec.layer}/{part}", str(self.folder / part)]
                subprocess.run(command, check=True)
        layers = Layers(self.folder / "upper", self.lowers())
        self._write_identity(layers)
        self._write_network(layers)
        self._write_logins(layers)
        for path, content in self.spec.files.items():
            layers.write(path.lstrip("/"), content)
        state = {"number": self.number, "spec": {**asdict(self.spec), "files": dict(self.spec.files)}}
        (self.folder / "host.json").write_text(json.dumps(state, indent=2))

    def start(self) -> None:
        """Boot and wait until people can log in."""
        lowers = self.lowers()
        held = [hold(lowers[-1].parent)]  # the cache keeps a root as long as a host stands on it
        self.machine.boot(lowers, self.lab.network.bridge, (), held)
        self.wait_for_ssh()

    def stop(self) -> None:
        """Shut down in order and wait for the end."""
        self.machine.power_off()

    def destroy(self) -> None:
        """Pull the plug if it runs, and forget everything about the host."""
        self.machine.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def freeze(self, layer: Path) -> Path:
        """Stop the host and keep what it wrote as `layer`, a folder to start others from; the host is gone then."""
        self.stop()
        layer.mkdir(parents=True)
        for part in ("upper", "docker", "containerd"):
            shutil.move(self.folder / part, layer / part)
        (layer / "lowers").write_text("\n".join(map(str, self.lowers())))
        shutil.rmtree(self.folder)
        return layer

    def lowers(self) -> list[Path]:
        """Return the layers below the host's own, the root last."""
        if self.spec.layer:
            layer = Path(self.spec.layer)
            return [layer / "upper", *map(Path, (layer / "lowers").read_text().splitlines())]
        return [root(self.identity.suite) / "tree"]

    def _write_identity(self, layers: Layers) -> None:
        for path, content in self.identity.files.items():
            layers.write(path, content)
        if (self.spec.sudo or self.identity.sudo) == "rs":  # the way Ubuntu 25.10 and later link it
            layers.link("usr/bin/sudo", "/etc/alternatives/sudo")
            layers.link("etc/alternatives/sudo", "/usr/lib/cargo/bin/sudo")
        for unit in (*MASKED, *(() if self.spec.timers else APT_TIMERS)):
            layers.link(f"etc/systemd/system/{unit}", "/dev/null")
        unit = "etc/systemd/system/lab-cgroup-v1.service"
        layers.write(unit, CGROUP_V1_UNIT)
        layers.link("etc/systemd/system/basic.target.wants/lab-cgroup-v1.service", f"/{unit}")
        layers.write("etc/machine-id", f"{uuid.uuid4().hex}\n")
        layers.write("etc/apt/sources.list.d/debian.sources", self.lab.box.mirror_sources(self.identity.suite))

    def _write_network(self, layers: Layers) -> None:
        layers.write("etc/hostname", f"{self.name}\n")
        names = f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost ip6-localhost ip6-loopback\n"
        layers.write("etc/hosts", names + self.lab.box.hosts_file())
        network = f"[Match]\nName=host0\n\n[Network]\nAddress={self.address}/24\nAddress={self.address6}/64\n"
        options = "LinkLocalAddressing=no\nIPv6AcceptRA=no\nIPv6DuplicateAddressDetection=0\n"
        layers.write("etc/systemd/network/10-lab.network", network + options)
        authority = self.lab.box.ca_pem.read_text()
        bundle = "etc/ssl/certs/ca-certificates.crt"
        layers.write("usr/local/share/ca-certificates/fleet-lab.crt", authority)
        layers.write(bundle, layers.read(bundle) + authority)

    def _write_logins(self, layers: Layers) -> None:
        keys = "".join(path.with_suffix(".pub").read_text() for path in (self.lab.key, self.lab.encrypted_key))
        for one in users.USERS:
            owner = layers.owner(users.home(one.name))
            layers.folder(f"{users.home(one.name)}/.ssh", 0o700, owner)
            layers.write(f"{users.home(one.name)}/.ssh/authorized_keys", keys, 0o600, owner)
        if self.spec.sshd:
            layers.write("etc/ssh/sshd_config.d/lab.conf", self.spec.sshd.rstrip("\n") + "\n")
        for path, content, mode in self.new_host_keys():
            layers.write(path, content, mode)
            if path.endswith(".pub"):
                with (self.folder / "known_keys").open("a") as file:
                    file.write(" ".join(content.split()[:2]) + "\n")

    def new_host_keys(self) -> list[tuple[str, str, int]]:
        """Return freshly made host key files as (path, content, mode)."""
        made = []
        with tempfile.TemporaryDirectory() as folder:
            for kind in ("ed25519", "ecdsa"):
                key = Path(folder, f"ssh_host_{kind}_key")
                words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{self.name}", "-f", str(key)]
                subprocess.run(words, check=True)
                made.append((f"etc/ssh/{key.name}", key.read_text(), 0o600))
                made.append((f"etc/ssh/{key.name}.pub", key.with_suffix(".pub").read_text(), 0o644))
        return made

    # -- looking and touching -----------------------------------------------------------------------

    def wait_for_ssh(self, timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until sshd talks and logins are allowed; RuntimeError with the end of the console otherwise."""
        if not wait_until(self._admits, timeout):
            log = (self.folder / "console.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Lab host {self.name} let nobody log in within {timeout:.0f} s. Its console:\n{log}")

    def _admits(self) -> bool:
        leader = self.machine.leader()
        if leader is None or Path(f"/proc/{leader}/root/run/nologin").exists():
            return False  # systemd-user-sessions.service removes it when the boot is done
        try:
            with socket.create_connection((self.address, 22), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    @property
    def root(self) -> Path:
        """The running host's root folder, seen from this machine."""
        return Path(f"/proc/{self._leader()}/root")

    def _leader(self) -> int:
        leader = self.machine.leader()
        if leader is None:
            raise RuntimeError(f"Lab host {self.name} does not run.")
        return leader

    def _inside(self, command: str | Sequence[str]) -> list[str]:
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        enter = ["nsenter", f"--target={self._leader()}", *"--mount --uts --ipc --net --pid --cgroup --root --wd".split()]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return [*enter, "--", "env", "-i", path, "HOME=/root", "LANG=C.UTF-8", *words]

    def exec(
        self, command: str | Sequence[str], *, check: bool = True, stdin: str = "", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root inside, not through SSH: a sh text or words. RuntimeError if it fails."""
        inside = self._inside(command)
        done = subprocess.run(inside, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode:
            text = command if isinstance(command, str) else shlex.join(command)
            raise RuntimeError(f"Lab host {self.name}: `{text}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def start_process(self, command: str | Sequence[str]) -> subprocess.Popen[str]:
        """Start a command as root inside and return at once; the caller ends it."""
        return subprocess.Popen(self._inside(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def read(self, path: str) -> str:
        """Return the text of a file inside."""
        return self.exec(["cat", "--", path]).stdout

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Write a file inside as root, with the folders above it."""
        script = 'mkdir -p "$(dirname "$1")" && rm -f "$1" && cat > "$1" && chmod "$2" "$1"'
        self.exec(["sh", "-c", script, "sh", path, f"{mode:o}"], stdin=content)

    def ssh(self, command: str, *, user: str | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command through OpenSSH with the lab's key, as a reference for what SSH itself does."""
        words = [*self.ssh_words(user), command]
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )

    def ssh_words(self, user: str | None = None) -> list[str]:
        """Return the beginning of an ssh command line for this host, free of the user's own configuration."""
        options = {
            "IdentityFile": str(self.lab.key),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": str(self.lab.write_known_hosts()),
            "GlobalKnownHostsFile": "/dev/null",
            "BatchMode": "yes",
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "/dev/null", *flags, f"{user or self.user}@{self.address}"]

    def known_hosts_lines(self) -> list[str]:
        """Return the host's lines for a known_hosts file: the keys it was made with."""
        keys = (self.folder / "known_keys").read_text().splitlines()
        return [f"{self.name},{self.address},{self.address6} {key}" for key in keys]

    def settle(self, quiet: float = 1.0, timeout: float = 60) -> None:
        """Wait until the boot is over and nothing has been written for `quiet` seconds."""
        self.exec("systemctl is-system-running --wait", check=False)
        end = time.monotonic() + timeout
        before = self._snapshot()
        while time.monotonic() < end:
            time.sleep(quiet)
            after = self._snapshot()
            if not compare(before, after):
                return
            before = after

    def snapshot(self) -> Snapshot:
        """Let the host come to rest, and return all that it has written to its disk so far."""
        self.settle()
        return self._snapshot()

    def upper_changes(self, since: Snapshot) -> list[Change]:
        """Return what was added, changed or removed on the host's disk since a snapshot."""
        self.exec("sync", check=False)
        return compare(since, self._snapshot())

    def _snapshot(self) -> Snapshot:
        plain = {"var/lib/docker": self.folder / "docker", "var/lib/containerd": self.folder / "containerd"}
        return snapshot(self.folder / "upper", plain)
