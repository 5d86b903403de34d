"""A lab: one bridge, one Internet in a box, any number of hosts; on disk, so that separate commands see it.

State is in ``$FLEET_LAB_HOME`` (``/var/lib/fleet-lab``), a folder per lab. What runs is found by looking
at the machine's processes, never by trusting a number in a file, so tear-down works after any crash.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import laptop, users
from .box import Box
from .cache import say
from .host import Host, Spec
from .identities import identity
from .machine import CGROUPS, remove_cgroups
from .network import FIRST_HOST, LAST_HOST, Network, choose
from .roots import root

__all__ = ["Host", "Lab", "Spec", "home", "names", "reap"]

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")


def home() -> Path:
    """The folder of all labs' state; an overlay's upper layer must not be on a tmpfs, hence not /run."""
    return Path(os.environ.get("FLEET_LAB_HOME") or "/var/lib/fleet-lab")


def names() -> list[str]:
    """Return the names of all labs that exist, up or half torn down."""
    return sorted(path.name for path in home().glob("*/") if not path.name.startswith("."))


class Lab:
    """A lab by its name. `create` makes it, `open` finds it, `destroy` leaves nothing of it."""

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a lab: use up to 30 lower-case letters, digits and inner hyphens.")
        self.name = name
        self.folder = home() / name
        self.key = self.folder / "keys" / "id_ed25519"
        self.encrypted_key = self.folder / "keys" / "id_encrypted"
        self.known_hosts = self.folder / "known_hosts"

    # -- life ---------------------------------------------------------------------------------------

    @classmethod
    def create(cls, name: str, owner: int | None = None) -> Lab:
        """Make a lab with its bridge, keys and box. `owner` is the process at whose end `reap` removes it."""
        lab = cls(name)
        Box.prepare()
        with _lock():
            if lab.exists():
                raise FileExistsError(f"The lab {name!r} exists already; `python -m tests.lab --lab {name} down --all`.")
            lab.folder.mkdir(parents=True, exist_ok=True)
            state = {"network": asdict(choose(name)), "owner": _identify(owner) if owner else None}
            lab._state_file.write_text(json.dumps(state))
            lab.network.up()
        try:
            lab._make_keys()
            lab.box.start()
        except BaseException:
            lab.destroy()
            raise
        return lab

    @classmethod
    def open(cls, name: str) -> Lab:
        """Return an existing lab; FileNotFoundError if there is none."""
        lab = cls(name)
        if not lab.exists():
            raise FileNotFoundError(f"There is no lab {name!r}; `python -m tests.lab --lab {name} up HOST` makes it.")
        return lab

    def exists(self) -> bool:
        """Say whether the lab was made and not torn down."""
        return self._state_file.exists()

    def destroy(self) -> None:
        """Pull the plug of every host, stop the box, delete bridge and state; also of a half-made lab."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(Host.destroy, self.hosts()))
        if self.exists():
            self.box.stop()
            self.network.down()
        remove_cgroups("fleet-lab", self.name)
        for place in (CGROUPS, *CGROUPS.glob("*/")):
            _rmdir(place / "fleet-lab")
        shutil.rmtree(self.folder, ignore_errors=True)
        _rmdir(home())

    # -- hosts --------------------------------------------------------------------------------------

    def up(self, name: str, identity: str = "debian-trixie", **options: Any) -> Host:
        """Make a host and boot it; `options` are the fields of `Spec`."""
        return self.up_many({name: Spec(identity, **options)})[name]

    def up_many(self, specs: Mapping[str, Spec]) -> dict[str, Host]:
        """Make several hosts and boot them side by side. If one fails, it is named and the others stay."""
        hosts = self._allocate(specs)
        with ThreadPoolExecutor(max(1, len(hosts))) as pool:
            list(pool.map(_create_and_start, hosts.values()))
        return hosts

    def _allocate(self, specs: Mapping[str, Spec]) -> dict[str, Host]:
        for name, spec in specs.items():
            self._check(name, spec)
        with _lock():
            taken = {host.number for host in self.hosts()}
            free = (number for number in range(FIRST_HOST, LAST_HOST) if number not in taken)
            hosts = {name: Host(self, name, next(free), spec) for name, spec in specs.items()}
            for host in hosts.values():
                host.register()
        return hosts

    def _check(self, name: str, spec: Spec) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a host: use lower-case letters, digits and inner hyphens.")
        if (self.folder / "hosts" / name).exists():
            raise FileExistsError(f"The host {name!r} exists already in the lab {self.name!r}.")
        users.user(spec.user)
        root(identity(spec.identity).suite)

    def hosts(self) -> list[Host]:
        """Return all hosts of the lab, running or not, by name."""
        return [self.host(path.parent.name) for path in sorted(self.folder.glob("hosts/*/host.json"))]

    def host(self, name: str) -> Host:
        """Return a host that was made earlier; FileNotFoundError lists those that exist."""
        file = self.folder / "hosts" / name / "host.json"
        if not file.exists():
            there = ", ".join(path.parent.name for path in sorted(self.folder.glob("hosts/*/host.json"))) or "none"
            raise FileNotFoundError(f"The lab {self.name!r} has no host {name!r}; it has: {there}.")
        state = json.loads(file.read_text())
        return Host(self, name, state["number"], Spec(**state["spec"]))

    # -- what the laptop gets -----------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The lab's bridge and addresses."""
        return Network(**self._state["network"])

    @property
    def box(self) -> Box:
        """The Internet in a box of this lab."""
        return Box(self.network.address, self.folder / "box")

    def write_known_hosts(self) -> Path:
        """Write the keys that all hosts were made with to the lab's known_hosts file; return its path."""
        lines = [line for host in self.hosts() for line in host.known_hosts_lines()]
        new = self.known_hosts.with_suffix(f".{os.getpid()}")
        new.write_text("".join(f"{line}\n" for line in lines))
        return new.rename(self.known_hosts)

    def inventory(self) -> str:
        """Return a fleet inventory (YAML) of the hosts that are up."""
        lines = ["hosts:"]
        for host in self.hosts():
            lines += [f"  {host.name}:", f"    address: {host.address}", f"    user: {host.user}", f"    key: {self.key}"]
        return "\n".join(lines) + "\n" if len(lines) > 1 else "hosts: {}\n"

    def environment(self) -> dict[str, str]:
        """Return environment variables that tell a command in the lab's shell where it is."""
        return {"FLEET_LAB": self.name, "FLEET_LAB_KEY": str(self.key), "FLEET_LAB_KNOWN_HOSTS": str(self.known_hosts)}

    def run(self, argv: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """Run a command on the laptop's side, where production names lead to the box; see laptop.run."""
        env = {**self.environment(), **options.pop("env", {})}
        return laptop.run(argv, box=self.box, env=env, **options)

    def _make_keys(self) -> None:
        self.key.parent.mkdir(mode=0o700, exist_ok=True)
        for path, passphrase in ((self.key, ""), (self.encrypted_key, users.PASSPHRASE)):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", f"lab-{self.name}", "-f", str(path)]
            subprocess.run(words, check=True)

    @property
    def _state_file(self) -> Path:
        return self.folder / "lab.json"

    @property
    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self._state_file.read_text())
        return state

    def abandoned(self) -> bool:
        """Say whether the lab belonged to a process that has ended."""
        if not self.exists():
            return False
        owner = self._state["owner"]
        return owner is not None and _identify(owner[0]) != owner


def _create_and_start(host: Host) -> None:
    host.create()
    host.start()


def reap() -> list[str]:
    """Destroy labs whose owner has ended without doing so; return their names."""
    found = [lab for lab in map(Lab, names()) if lab.abandoned()]
    for lab in found:
        say(f"removing lab {lab.name}: its owner has ended")
        lab.destroy()
    return [lab.name for lab in found]


def _identify(pid: int) -> list[int]:
    """Return the process number with its start time, which together never come again."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return [pid, -1]
    return [pid, int(fields[19])]


def _rmdir(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


@contextmanager
def _lock() -> Iterator[None]:
    """One lab at a time chooses its network and its hosts' numbers."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
