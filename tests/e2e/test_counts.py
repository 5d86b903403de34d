"""What must not grow: connections and execs of a converged host, look-ups, memory, and what is imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import laptop
from tests.lab.host import Host
from tests.support.project import CLONE, Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

MEASURED = """\
import atexit, sys
from pathlib import Path
atexit.register(lambda: Path(sys.argv.pop()).write_text(Path("/proc/self/status").read_text()))
path = sys.argv.pop(1)
from fleet.cli import main
code = main()
sys.argv.append(path)
sys.exit(code)
"""
"""Runs `fleet` and leaves the kernel's account of the process; getrusage would count what it was forked from as well."""

HEAVY = ("fabric", "paramiko", "invoke", "cryptography", "tenacity")


def _since(host: Host, cursor: str) -> list[str]:
    return host.exec(["journalctl", "-u", "ssh", "-o", "cat", f"--after-cursor={cursor}"]).stdout.splitlines()


def _cursor(host: Host) -> str:
    last = host.exec("journalctl -u ssh -n 0 --show-cursor").stdout
    return last.rpartition("-- cursor: ")[2].strip()


@pytest.mark.parametrize("verb", ["plan", "provision"])
def test_one_connection_and_one_exec(verb: str, converged: Callable[..., Host], project: Project) -> None:
    """A host that is as wanted costs exactly one connection and one exec, and the laptop looks nothing up."""
    host = converged(sshd="LogLevel VERBOSE")
    project.inventory([host])
    asked, cursor = len(project.lab.box.requests()), _cursor(host)

    said = project.fleet(verb, "--all", "--json")
    assert said.code == 0, said
    assert said.hosts()[host.name]["changes"] == 0, said
    lines = _since(host, cursor)
    assert sum(line.startswith("Connection from ") for line in lines) == 1, lines
    assert [line.partition(" for ")[0] for line in lines if line.startswith("Starting session")] == ["Starting session: command"]
    assert project.lab.box.requests()[asked:] == []


def test_memory(converged: Callable[..., Host], project: Project) -> None:
    """100 names over two hosts take at most 80 MB and 0.1 MB more for each host."""
    hosts = [converged(sshd="MaxStartups 200:30:400") for _ in range(2)]
    names = {f"pi-{number:03}": project.entry(hosts[number % 2]) for number in range(100)}
    project.write_inventory(names)
    account = project.folder / "status"
    done = laptop.run(
        [sys.executable, "-c", MEASURED, str(account), "provision", "--all", "--json"],
        box=project.lab.box,
        env=project.environment(),
        cwd=project.folder,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    peak = next(int(line.split()[1]) for line in account.read_text().splitlines() if line.startswith("VmHWM"))
    assert peak / 1024 <= 80 + 0.1 * len(names), f"{peak / 1024:.1f} MB"


@pytest.mark.parametrize("words", [("--help",), ("provision", "--help"), ("hosts",), ("validate",)], ids=" ".join)
def test_what_needs_no_connection_loads_none(words: tuple[str, ...], project: Project) -> None:
    """Verbs that connect to nothing import nothing that is for connections."""
    project.write_inventory({"a": {}})
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "fleet", *words],
        env={**project.environment(), "PATH": "/usr/bin:/bin"},
        cwd=project.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "fleet" in loaded, Path(CLONE)
    assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)
