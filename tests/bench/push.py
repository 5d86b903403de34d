"""`python -m tests.bench.push`: `fleet images push` against what everybody types, `docker save | ssh docker load`.

The archive is made beforehand, so that no side waits for `docker save`. Half of every layer can be compressed. Bytes are
those that the laptop's end of the bridge has sent, of everybody alike; what goes from host to host is not among them.
The last rounds are over a slow uplink: only what the laptop sends is held back (tc-tbf(8) on its end of the bridge).
"""

from __future__ import annotations

import os
import platform
import random
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.lab import needs
from tests.lab.host import Host
from tests.support.archives import Image, old_save, tar

from .contestants import ssh_options
from .timing import Cost, measure
from .world import World, world

ROUNDS = 2
HOSTS = 8
LAYERS, MEGABYTES = 6, 10
"""Of the image; and one of the layers is another the second time."""
UPLINK = "40mbit"
"""In tc's words: what a good line of a household sends."""


@dataclass(frozen=True)
class Contestant:
    """A way to bring an archive to hosts."""

    name: str
    argv: Callable[[World, Sequence[Host], Path], list[str]]


@dataclass(frozen=True)
class Run:
    """What one of them cost, and the bytes that the laptop sent."""

    cost: Cost
    sent: int


def main() -> int:
    """Measure and print; the exit code is 1 when it could not be done."""
    if reasons := needs.ready():
        print("\n".join(f"bench: {reason}" for reason in reasons), file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as folder, world(Path(folder), None, HOSTS) as made:
        archives = _archives(made)
        print(f"{os.cpu_count()} cores, shared by client and hosts; Python {platform.python_version()}", flush=True)
        for count in (1, HOSTS):
            _tell(made, f"{count} hosts", made.hosts[:count], archives)
        with _slow_uplink(made):
            _tell(made, f"{HOSTS} hosts, uplink of {UPLINK}", made.hosts, archives)
    return 0


def _archives(made: World) -> tuple[Path, Path]:
    layers = [_layer(number) for number in range(LAYERS)]
    paths = made.folder / "first.tar", made.folder / "second.tar"
    for path, image in zip(paths, (Image(layers), Image([*layers[:-1], _layer(99)])), strict=True):
        path.write_bytes(old_save({"bench:1": image}))
    return paths


def _layer(seed: int) -> bytes:
    half = MEGABYTES * 500_000
    return tar({f"file-{seed}": random.Random(seed).randbytes(half) + b"some text " * (half // 10)})


@contextmanager
def _slow_uplink(made: World) -> Iterator[None]:
    """What hosts send each other crosses the bridge without coming by its own end."""
    end = ["dev", made.lab.network.bridge, "root"]
    subprocess.run(["tc", "qdisc", "add", *end, "tbf", "rate", UPLINK, "burst", "64kb", "latency", "200ms"], check=True)
    try:
        yield
    finally:
        subprocess.run(["tc", "qdisc", "del", *end], check=True)


def _fleet(*more: str) -> Callable[[World, Sequence[Host], Path], list[str]]:
    def argv(made: World, hosts: Sequence[Host], archive: Path) -> list[str]:
        names = [host.name for host in hosts]
        own = [sys.executable, "-m", "fleet", "images", "push", "bench:1", *names, "--from", str(archive), *more]
        return [*own, "-F", str(made.ssh_config)]

    return argv


def _by_ssh(filter_: str, remote: str) -> Callable[[World, Sequence[Host], Path], list[str]]:
    def argv(made: World, hosts: Sequence[Host], archive: Path) -> list[str]:
        each = f'{filter_} < {shlex.quote(str(archive))} | {shlex.join(["ssh", *ssh_options(made)])} "$0" {shlex.quote(remote)}'
        script = f'for name; do sh -c {shlex.quote(each)} "$name" & done; wait'
        return ["sh", "-c", script, "sh", *(f"{h.user}@{h.address}" for h in hosts)]

    return argv


FLEET = Contestant("fleet", _fleet())
RELAY = Contestant("fleet --relay", _fleet("--relay"))
OTHERS = (
    Contestant("cat | ssh docker load", _by_ssh("cat", "sudo docker load")),
    Contestant("gzip -3 | ssh docker load", _by_ssh("gzip -3", "sudo docker load")),
)


def _tell(made: World, title: str, hosts: Sequence[Host], archives: tuple[Path, Path]) -> None:
    contestants = (FLEET, *((RELAY,) if len(hosts) > 1 else ()), *OTHERS)
    found: dict[str, dict[str, list[Run]]] = {
        kind: {one.name: [] for one in contestants} for kind in ("fresh", "one of six layers")
    }
    for _ in range(ROUNDS):
        for one in contestants:
            for host in hosts:
                host.exec("docker image prune --all --force")
            for runs, archive in zip(found.values(), archives, strict=True):
                runs[one.name].append(_once(made, one, hosts, archive))
    for kind, runs in found.items():
        print(f"{title}, {kind} (load {os.getloadavg()[1]:.1f}):")
        print("\n".join(_row(name, runs[name], runs[FLEET.name]) for name in runs), flush=True)


def _row(name: str, runs: Sequence[Run], base: Sequence[Run]) -> str:
    walls = [run.cost.wall for run in runs]
    ratio = median(run.cost.wall / other.cost.wall for run, other in zip(runs, base, strict=True))
    return (
        f"  {name:<26} wall {median(walls):6.1f} s ({min(walls):.1f}..{max(walls):.1f}), {ratio:.2f} of fleet's; client CPU"
        f" {median(run.cost.cpu for run in runs):.1f} s; {median(run.sent for run in runs) / 1e6:.1f} MB sent"
    )


def _once(made: World, one: Contestant, hosts: Sequence[Host], archive: Path) -> Run:
    output = made.folder / "push.out"
    argv = one.argv(made, hosts, archive)
    before = _sent(made)
    cost = measure(argv, env=made.project.environment(), cwd=made.folder, output=output)
    sent = _sent(made) - before
    for host in hosts:
        if cost.code or "bench:1" not in host.exec("docker images --format '{{.Repository}}:{{.Tag}}'").stdout:
            said = output.read_text(errors="replace")
            raise RuntimeError(f"{one.name} did not do its work on {host.name} (exit code {cost.code}):\n{said[-3000:]}")
    return Run(cost, sent)


def _sent(made: World) -> int:
    return int(Path(f"/sys/class/net/{made.lab.network.bridge}/statistics/tx_bytes").read_text())


if __name__ == "__main__":
    sys.exit(main())
