"""Real OpenSSH servers on 127.0.0.1, run by whoever runs the tests, each with its own configuration, keys and port."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or ""
_BASE = """\
ListenAddress 127.0.0.1
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
AllowTcpForwarding yes
MaxStartups 100:30:200
LogLevel VERBOSE
"""


def why_not() -> str:
    """Why no server can run here; empty if one can."""
    if not SSHD:
        return "no sshd on this machine: apt-get install openssh-server"
    return "" if shutil.which("ssh-keygen") else "no ssh-keygen on this machine: apt-get install openssh-client"


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)], check=True)
    return path


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Sshd:
    """One server. ``lines`` are added to its configuration; ``kinds`` are the types of its host keys."""

    def __init__(self, folder: Path, authorized: Path, *lines: str, kinds: tuple[str, ...] = ("ed25519",), port: int = 0) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.user = getpass.getuser()
        self.host_keys = [make_key(folder / f"host_{kind}", kind) for kind in kinds]
        own = [f"Port {self.port}", f"AuthorizedKeysFile {authorized}", *(f"HostKey {key}" for key in self.host_keys)]
        self._config = folder / "sshd_config"
        self._config.write_text("\n".join([*own, *lines, _BASE]))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What the server logged."""
        return (self.folder / "log").read_text()

    @property
    def pid(self) -> int:
        """The listening process."""
        assert self._process
        return self._process.pid

    def public_key(self, number: int = 0) -> str:
        """Type and key in base64, as known_hosts has them."""
        return " ".join(self.host_keys[number].with_suffix(".pub").read_text().split()[:2])

    def start(self) -> Sshd:
        """Listen; returns when it does."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(self._config)], stderr=log, start_new_session=True)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"sshd did not start: {self.log}")

    def sessions(self) -> list[int]:
        """The processes that serve one connection each."""
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def drop_connections(self) -> None:
        """Kill what serves the connections, as a crash would; the listener goes on."""
        for pid in self.sessions():
            with suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Stop listening and end all connections."""
        if self._process and self._process.poll() is None:
            self.drop_connections()
            self._process.terminate()
            self._process.wait(10)
        self._process = None
