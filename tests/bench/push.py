"""`python -m tests.bench.push`: `fleet images push` against what everybody types, `docker save | ssh docker load`.

The archive is made beforehand, so that no side waits for `docker save`. Half of every layer can be compressed.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.lab import needs
from tests.lab.host import Host
from tests.support.archives import Image, old_save, tar

from .contestants import ssh_options
from .timing import Cost, measure
from .world import World, world

ROUNDS = 3
LAYERS, MEGABYTES = 6, 10
"""Of the image; and one of the layers is another the second time."""


@dataclass(frozen=True)
class Contestant:
    """A way to bring an archive to hosts, and the bytes that its output says it sent (0: the archive's, to each)."""

    name: str
    argv: Callable[[World, Sequence[Host], Path], list[str]]
    sent: Callable[[str, Sequence[Host], Path], int]


def main() -> int:
    """Measure and print; the exit code is 1 when it could not be done."""
    if reasons := needs.ready():
        print("\n".join(f"bench: {reason}" for reason in reasons), file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as folder, world(Path(folder), None) as made:
        first, second = _archives(made)
        print(f"{os.cpu_count()} cores, shared by client and hosts; Python {platform.python_version()}")
        for count in (1, len(made.hosts)):
            _tell(made, made.hosts[:count], first, second)
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


def _fleet(made: World, hosts: Sequence[Host], archive: Path) -> list[str]:
    names = [host.name for host in hosts]
    own = [sys.executable, "-m", "fleet", "images", "push", "bench:1", *names, "--from", str(archive), "--json"]
    return [*own, "-F", str(made.ssh_config)]


def _by_ssh(filter_: str, remote: str) -> Callable[[World, Sequence[Host], Path], list[str]]:
    def argv(made: World, hosts: Sequence[Host], archive: Path) -> list[str]:
        each = f'{filter_} < {shlex.quote(str(archive))} | {shlex.join(["ssh", *ssh_options(made)])} "$0" {shlex.quote(remote)}'
        script = f'for name; do sh -c {shlex.quote(each)} "$name" & done; wait'
        return ["sh", "-c", script, "sh", *(f"{h.user}@{h.address}" for h in hosts)]

    return argv


def _counted(output: str, hosts: Sequence[Host], archive: Path) -> int:
    return sum(host["sent"] for host in json.loads(output[output.index("{") :])["hosts"])


def _whole(output: str, hosts: Sequence[Host], archive: Path) -> int:
    return archive.stat().st_size * len(hosts)


CONTESTANTS = (
    Contestant("fleet", _fleet, _counted),
    Contestant("cat | ssh docker load", _by_ssh("cat", "sudo docker load"), _whole),
    Contestant("gzip -3 | ssh docker load", _by_ssh("gzip -3", "sudo docker load"), lambda *_: 0),
)


def _tell(made: World, hosts: Sequence[Host], first: Path, second: Path) -> None:
    fresh: dict[str, list[tuple[Cost, int]]] = {one.name: [] for one in CONTESTANTS}
    again: dict[str, list[tuple[Cost, int]]] = {one.name: [] for one in CONTESTANTS}
    for _ in range(ROUNDS):
        for one in CONTESTANTS:
            for host in hosts:
                host.exec("docker image prune --all --force")
            fresh[one.name].append(_once(made, one, hosts, first))
            again[one.name].append(_once(made, one, hosts, second))
    for title, found in (("fresh", fresh), ("one layer of six changed", again)):
        print(f"{len(hosts)} hosts, {title}:")
        for one in CONTESTANTS:
            ratios = [cost.wall / base.wall for (cost, _), (base, _) in zip(found[one.name], found["fleet"], strict=True)]
            sent = median(sent for _, sent in found[one.name]) / 1e6
            walls = [cost.wall for cost, _ in found[one.name]]
            cpu = median(cost.cpu for cost, _ in found[one.name])
            print(
                f"  {one.name:<26} wall {median(walls):5.1f} s ({min(walls):.1f}..{max(walls):.1f}), {median(ratios):.2f} of"
                f" fleet's; client CPU {cpu:.1f} s" + (f"; {sent:.1f} MB sent" if sent else "")
            )


def _once(made: World, one: Contestant, hosts: Sequence[Host], archive: Path) -> tuple[Cost, int]:
    output = made.folder / "push.out"
    argv = one.argv(made, hosts, archive)
    cost = measure(argv, env=made.project.environment(), cwd=made.folder, output=output)
    said = output.read_text(errors="replace")
    for host in hosts:
        if cost.code or "bench:1" not in host.exec("docker images --format '{{.Repository}}:{{.Tag}}'").stdout:
            raise RuntimeError(f"{one.name} did not do its work on {host.name} (exit code {cost.code}):\n{said[-3000:]}")
    return cost, one.sent(said, hosts, archive)


if __name__ == "__main__":
    sys.exit(main())
