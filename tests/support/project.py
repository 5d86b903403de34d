"""A project folder as a user has it, and the `fleet` command run in it, seen from the lab's laptop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.lab import laptop
from tests.lab.host import Host
from tests.lab.lab import Lab

CLONE = Path(__file__).parents[2]


def fleet_command(*words: str) -> list[str]:
    """The words that run this clone's `fleet`."""
    return [sys.executable, "-m", "fleet", *words]


@dataclass(frozen=True)
class Said:
    """What a run of `fleet` said; printed whole when a test fails."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The report of a run with --json."""
        return json.loads(self.out)

    def hosts(self) -> dict[str, Any]:
        """The hosts of a --json report, by name."""
        return {host["name"]: host for host in self.json["hosts"]}

    def steps(self, host: str) -> dict[str, str]:
        """Outcome by step of one host."""
        return {step["step"]: step["outcome"] for step in self.hosts()[host]["steps"]}

    def changed(self, host: str) -> list[str]:
        """The steps that were changed on one host."""
        return [name for name, outcome in self.steps(host).items() if outcome == "changed"]

    def __str__(self) -> str:
        return f"fleet {' '.join(self.words)} → {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


@dataclass
class Project:
    """A folder with inventory/fleet.yml; `fleet` runs in it with a state folder of its own."""

    lab: Lab
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    way: tuple[str, ...] = ()
    """Words in front of `fleet`, for another network than this machine's."""

    def inventory(self, hosts: Iterable[Host], **settings: Mapping[str, Any]) -> Path:
        """Write an inventory of these hosts; ``settings`` go over the host of that name (- written as _)."""
        entries = {host.name: self.entry(host) | dict(settings.get(host.name.replace("-", "_"), {})) for host in hosts}
        return self.write_inventory(entries)

    def write_inventory(self, entries: Mapping[str, Any], **more: Any) -> Path:
        """Write an inventory of these entries, with the lab's key for Docker's repository."""
        path = self.folder / "inventory" / "fleet.yml"
        path.parent.mkdir(exist_ok=True)
        variables = {"docker_key_fingerprint": self.lab.box.key_fingerprint}
        path.write_text(yaml.safe_dump({"defaults": {"vars": variables}, "hosts": dict(entries), **more}, sort_keys=False))
        return path

    def entry(self, host: Host, **settings: Any) -> dict[str, Any]:
        """One host's entry."""
        return {"address": host.address, "user": host.user, "key": str(self.lab.key), **settings}

    def recipe(self, name: str, **sections: Any) -> Path:
        """Write a recipe that includes `docker` and has these sections."""
        path = self.folder / "recipes" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({"include": ["docker"], **sections}, sort_keys=False))
        return path

    def environment(self, **extra: str) -> dict[str, str]:
        """The environment that `fleet` runs in."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        own = {"HOME": str(home), "XDG_STATE_HOME": str(self.folder / "state"), "XDG_CACHE_HOME": str(self.folder / "cache")}
        return {"PYTHONPATH": str(CLONE), "COLUMNS": "80", **own, **self.env, **extra}

    def fleet(self, *words: str, timeout: float = 600, input: str | None = None, **env: str) -> Said:
        """Run `fleet` to its end."""
        done = laptop.run(
            [*self.way, *fleet_command(*words)],
            box=self.lab.box,
            env=self.environment(**env),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=input or "",
        )
        return Said(words, done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start `fleet` and go on; its output comes by pipes."""
        return subprocess.Popen(
            laptop.command([*self.way, *fleet_command(*words)], box=self.lab.box),
            env=laptop.environment(self.lab.box, self.environment(**env)),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def interrupt(process: subprocess.Popen[str]) -> None:
    """What Ctrl-C does: the signal goes to the whole foreground process group."""
    os.killpg(process.pid, signal.SIGINT)
