"""Who takes part: each one's command for so many hosts, and how to see that it did the work and changed nothing."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from fleet import facts
from fleet.job import probes_for
from fleet.recipe import DEFAULT
from fleet.recipe.cookbook import Recipes
from fleet.remote.script import root_document

from .world import World

AT_ONCE = 50
_WITH_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""As an installed program has it, wherever the benchmark itself is run from."""


@dataclass(frozen=True)
class Contestant:
    """A command over a number of hosts; its output must match ``proof`` so many times."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    proof: str
    times: int = 1

    def did_it(self, output: str) -> bool:
        """True when the output proves the work."""
        return len(re.findall(self.proof, output, re.M)) >= self.times


def fleet(world: World, count: int) -> Contestant:
    """`fleet provision --all`, the whole process."""
    login = {"user": "pi", "key": str(world.lab.key)}
    hosts = {name: {"address": host.address, "user": host.user} for name, host in world.names(count)}
    defaults = {**login, "vars": {"docker_key_fingerprint": world.lab.box.key_fingerprint}}
    inventory = world.file(f"fleet-{count}.yml", yaml.safe_dump({"defaults": defaults, "hosts": hosts}, sort_keys=False))
    words = (sys.executable, "-m", "fleet", "provision", "--all", "-i", str(inventory), "-F", str(world.ssh_config))
    proof = rf"^provision: {count} hosts in .*: {count} ok; 0 steps changed\.$"
    return Contestant("fleet", words, world.project.environment(**_WITH_BYTECODE), world.folder, proof)


def floor(world: World, count: int) -> Contestant:
    """One OpenSSH per host that sends what `fleet` sends, byte for byte: nobody can be quicker with a process per host."""
    nonce = "f" * 16
    framed = facts.script(probes_for(Recipes().load(DEFAULT).sections), nonce)
    document = root_document(framed.root, 120.0, False, before=f"fleet_now={int(time.time())}\n{framed.user}")
    script = world.folder / "probe.sh"
    script.write_bytes(document)
    names = world.file(f"floor-{count}", "".join(f"{host.user}@{host.address}\n" for _, host in world.names(count)))
    ssh = shlex.join(["ssh", *ssh_options(world)])
    each = f'exec {ssh} "$0" sh -s < {shlex.quote(str(script))}'
    words = ("xargs", "-a", str(names), "-P", str(AT_ONCE), "-I{}", "sh", "-c", each, "{}")
    return Contestant("ssh", words, world.project.environment(), world.folder, f"@fleet {nonce} end-root", count)


def ssh_options(world: World) -> list[str]:
    """OpenSSH at its best: the quickest key exchange, a key that is given, no agent, host keys that are known."""
    options = {
        "KexAlgorithms": "curve25519-sha256",
        "IdentityFile": str(world.lab.key),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
    }
    return ["-F", str(world.ssh_config), *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]
