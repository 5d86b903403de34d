"""A lab: one bridge, one Internet in a box, any number of hosts; on disk, so that separate commands see it.

What runs is found by looking at the machine's processes, never by trusting a number in a file, so tear-down
works after any crash.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from . import laptop, users
from .box import Box
from .cache import say
from .host import Host, Spec
from .identities import identity
from .machine import CGROUPS, remove_cgroups, room_for
from .network import Network, choose
from .roots import root
from .state import State, home, lock, names
from .vm import models
from .vm.board_host import BoardHost
from .vm.host import EmulatedHost

__all__ = ["Host", "Lab", "Spec", "home", "names", "reap"]

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")


class Lab:
    """A lab by its name. `create` makes it, `open` finds it, `destroy` leaves nothing of it."""

    def __init__(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a lab: use up to 30 lower-case letters, digits and inner hyphens.")
        self.name = name
        self.folder = home() / name
        self.state = State(self.folder / "lab.json")
        self.key = self.folder / "keys" / "id_ed25519"
        self.encrypted_key = self.folder / "keys" / "id_encrypted"
        self.known_hosts = self.folder / "known_hosts"

    # -- life ---------------------------------------------------------------------------------------

    @classmethod
    def create(cls, name: str, owner: int | None = None) -> Lab:
        """Make a lab with its bridge, keys and box. `owner` is the process at whose end `reap` removes it."""
        lab = cls(name)
        Box.prepare()
        with lock():
            if lab.exists():
                raise FileExistsError(f"The lab {name!r} exists already; `python -m tests.lab --lab {name} down --all`.")
            lab.state.create(choose(name), owner)
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
        return self.state.exists()

    def destroy(self) -> None:
        """Pull the plug of every host, stop the box, delete bridge and state; also of a half-made lab."""
        with ExitStack() as steps:  # the last one first, and each of them even if another fails
            steps.callback(_rmdir, home())
            steps.callback(self._forget)
            steps.callback(self._remove_cgroups)
            if self.exists():
                steps.callback(self.network.down)
                steps.callback(self.box.stop)
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(Host.destroy, self.hosts()))

    def _remove_cgroups(self) -> None:
        remove_cgroups("fleet-lab", self.name)
        for place in (CGROUPS, *CGROUPS.glob("*/")):
            _rmdir(place / "fleet-lab")

    def _forget(self) -> None:
        """Delete the folder, the file that says whose lab it is last, so that `reap` can go on after a crash."""
        for path in self.folder.glob("*/"):
            shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

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
        if not self.network.is_up():
            raise RuntimeError(f"The bridge of lab {self.name!r} is gone (a restart?); `down --all`, and begin again.")
        if not room_for(sum(spec.machine is None for spec in specs.values())):
            raise RuntimeError(
                "This machine has too few inotify instances left for more hosts. Throw some away, or allow more: "
                "`sysctl fs.inotify.max_user_instances=1024`."
            )
        for name, spec in specs.items():
            self._check(name, spec)
        with lock():
            numbers = self.state.numbers({host.number for host in self.hosts()})
            hosts = {name: self._made(name, next(numbers), spec) for name, spec in specs.items()}
            for host in hosts.values():
                host.register()
        return hosts

    def _check(self, name: str, spec: Spec) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a host: use lower-case letters, digits and inner hyphens.")
        if (self.folder / "hosts" / name).exists():
            raise FileExistsError(f"The host {name!r} exists already in the lab {self.name!r}.")
        users.user(spec.user)
        suite = identity(spec.identity).suite
        if spec.machine:
            _emulated(spec.machine).prepare(models.kind(spec.machine), suite)
        else:
            root(suite)

    def _made(self, name: str, number: int, spec: Spec) -> Host:
        return (_emulated(spec.machine) if spec.machine else Host)(self, name, number, spec)

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
        return self._made(name, state["number"], Spec(**state["spec"]))

    # -- what the laptop gets -----------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The lab's bridge and addresses."""
        return self.state.network

    @property
    def box(self) -> Box:
        """The Internet in a box of this lab."""
        return Box(self.network.address, self.folder / "box")

    def write_known_hosts(self) -> Path:
        """Write the keys that all hosts were made with to the lab's known_hosts file; return its path."""
        lines = [line for host in self.hosts() for line in host.known_hosts_lines()]
        new = self.known_hosts.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        new.write_text("".join(f"{line}\n" for line in lines))
        return new.rename(self.known_hosts)

    def inventory(self) -> str:
        """Return a fleet inventory (YAML) of the hosts that are up."""
        lines = ["defaults:", "  vars:", f'    docker_key_fingerprint: "{self.box.key_fingerprint}"']
        hosts = self.hosts()
        lines.append("hosts:" if hosts else "hosts: {}")
        for host in hosts:
            lines += [f"  {host.name}:", f"    address: {host.address}", f"    user: {host.user}", f"    key: {self.key}"]
        return "\n".join(lines) + "\n"

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


def _emulated(machine: str) -> type[EmulatedHost]:
    return BoardHost if machine == models.BOARD else EmulatedHost


def _create_and_start(host: Host) -> None:
    host.create()
    host.start()


def reap() -> list[str]:
    """Destroy labs whose owner has ended without doing so; return their names."""
    with lock():
        found = [lab for lab in map(Lab, names()) if lab.state.abandoned()]
        for lab in found:
            say(f"removing lab {lab.name}: its owner has ended")
            lab.destroy()
    return [lab.name for lab in found]


def _rmdir(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
