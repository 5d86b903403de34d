"""`python -m tests.bench`: measure and print. Takes some minutes; the slow peers take most of them."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.lab import needs

from . import contestants, peers
from .contestants import Contestant
from .table import aims_table, costs_table
from .timing import Cost, measure
from .world import World, give_python, world

FEW = 10
"""Hosts at which the slow peers take part."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 1 only when it could not be run."""
    wish = _parser().parse_args(argv)
    if reasons := needs.ready():
        print("\n".join(f"bench: {reason}" for reason in reasons), file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as folder, world(Path(folder), wish.lab) as made:
        try:
            found = {count: _measure(made, count, wish) for count in sorted({FEW, wish.names})}
        except RuntimeError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    _show(found)
    if wish.json:
        wish.json.write_text(json.dumps(_as_data(found), indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="fleet against its peers, as ratios.")
    parser.add_argument("--quick", action="store_true", help="two rounds, no slow peers")
    parser.add_argument("--names", type=int, default=100, metavar="N", help="names in the large inventory (default: 100)")
    parser.add_argument("--rounds", type=int, default=5, metavar="R", help="rounds of fleet and ssh (default: 5)")
    parser.add_argument("--skip-peers", action="store_true", help="without pyinfra and ansible-core")
    parser.add_argument("--lab", metavar="NAME", help="use the hosts of this lab, and leave them up")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single measurement there")
    return parser


def _measure(made: World, count: int, wish: argparse.Namespace) -> dict[str, list[Cost]]:
    quick = [contestants.fleet(made, count), contestants.floor(made, count)]
    slow: list[Contestant] = []
    if count == FEW and not (wish.quick or wish.skip_peers):
        give_python(made)
        slow = [peers.pyinfra(made, count), peers.ansible(made, count)]
    rounds = 2 if wish.quick else wish.rounds
    return _interleaved(made, quick, slow, rounds, 2)


def _interleaved(
    made: World, quick: list[Contestant], slow: list[Contestant], rounds: int, slow_rounds: int
) -> dict[str, list[Cost]]:
    """One after the other, again and again, after a first time that does not count."""
    costs: dict[str, list[Cost]] = {one.name: [] for one in (*quick, *slow)}
    for number in range(rounds + 1):
        for one in (*quick, *(slow if number <= slow_rounds else ())):
            cost = _once(made, one)
            _say(f"{one.name}: {cost.wall:.2f} s, CPU {cost.cpu:.2f} s{'' if number else ' (warm-up)'}")
            if number:
                costs[one.name].append(cost)
    return costs


def _once(made: World, one: Contestant) -> Cost:
    output = made.folder / f"{one.name}.out"
    cost = measure(one.argv, env=one.env, cwd=one.cwd, output=output)
    said = output.read_text(errors="replace")
    if cost.code or not one.did_it(said):
        raise RuntimeError(f"{one.name} did not do its work (exit code {cost.code}):\n{said[-3000:]}")
    return cost


def _show(found: dict[int, dict[str, list[Cost]]]) -> None:
    lines = [line for count, costs in found.items() for line in (*costs_table(count, costs), "")]
    print("\n".join([_machine(), "", *lines, *aims_table(found)]))


def _machine() -> str:
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, shared by client and hosts; Python {platform.python_version()}; load {load:.1f}"


def _as_data(found: dict[int, dict[str, list[Cost]]]) -> dict[str, object]:
    plain: Callable[[list[Cost]], list[dict[str, float]]] = lambda costs: [asdict(cost) for cost in costs]  # noqa: E731
    sizes = {str(count): {name: plain(costs) for name, costs in by_name.items()} for count, by_name in found.items()}
    return {"version": 1, "machine": _machine(), "costs": sizes}


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
