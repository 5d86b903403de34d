"""One lab host: a booted machine with an address, an identity, login users and SSH keys."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .cache import hold
from .faults import Faults
from .identities import identity
from .layout import Spec, lay_out, new_host_keys
from .machine import Machine, wait_until
from .roots import root
from .upper import Change, Layers, Snapshot, compare, snapshot

if TYPE_CHECKING:
    from .lab import Lab

__all__ = ["Host", "Spec"]

BOOT_TIMEOUT = 120
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")


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
        self._known_keys = self.folder / "known_keys"

    # -- making and booting -------------------------------------------------------------------------

    def register(self) -> None:
        """Take the name: make the host's folder with what `Lab.host` reads. FileExistsError if it is taken."""
        self.folder.mkdir(parents=True)
        state = {"number": self.number, "spec": {**asdict(self.spec), "files": dict(self.spec.files)}}
        (self.folder / "host.json").write_text(json.dumps(state, indent=2))

    def create(self) -> None:
        """Fill the host's layers: those of its layer if any, identity, users' keys and host keys."""
        (self.folder / "upper").mkdir()
        if self.spec.layer:
            for part in ("docker", "containerd"):
                command = ["cp", "-a", "--reflink=auto", f"{self.spec.layer}/{part}", str(self.folder / part)]
                subprocess.run(command, check=True)
        self._lay_out()

    def _lay_out(self) -> None:
        keys = new_host_keys(self.name)
        lay_out(self, Layers(self.folder / "upper", self.lowers()), keys)
        public = [key.content.split()[:2] for key in keys if key.path.endswith(".pub")]
        self._known_keys.write_text("".join(f"{kind} {key}\n" for kind, key in public))

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

    # -- looking and touching -----------------------------------------------------------------------

    def wait_for_ssh(self, timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until sshd talks and logins are allowed; RuntimeError with the end of the console otherwise."""
        if not wait_until(self._admits, timeout):
            log = (self.folder / "console.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Lab host {self.name} let nobody log in within {timeout:.0f} s. Its console:\n{log}")

    def wait_for_new_boot(self, old_leader: int | None, timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until the host, told to reboot, runs under another PID 1 than `old_leader` and admits users."""
        wait_until(lambda: self.machine.leader() not in (None, old_leader), timeout)
        self.wait_for_ssh(timeout)

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
        enter = ["nsenter", f"--target={self._leader()}", *NAMESPACES]
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
        """Start a command as root inside and return at once; it ends when the caller kills what is returned."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        inside = self._inside(["setpriv", "--pdeathsig", "KILL", "--", *words])  # nsenter itself is only its parent
        return subprocess.Popen(inside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

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
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)

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
        keys = self._known_keys.read_text().splitlines() if self._known_keys.exists() else []
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
