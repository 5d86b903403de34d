"""What is known of a lab on disk, in ``$FLEET_LAB_HOME`` (``/var/lib/fleet-lab``), a folder per lab.

An overlay's upper layer must not be on a tmpfs, hence this is not below /run.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .network import NUMBERS, Network


def home() -> Path:
    """The folder of all labs."""
    return Path(os.environ.get("FLEET_LAB_HOME") or "/var/lib/fleet-lab")


def names() -> list[str]:
    """Return the names of all labs that exist, up or half torn down."""
    return sorted(path.name for path in home().glob("*/") if not path.name.startswith("."))


@contextmanager
def lock() -> Iterator[None]:
    """One process at a time chooses a network, or numbers for hosts."""
    home().mkdir(parents=True, exist_ok=True)
    folder = os.open(home(), os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class State:
    """The file that says which network a lab has, whose it is, and which number its next host gets."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def exists(self) -> bool:
        """Say whether the lab was made and not torn down."""
        return self._file.exists()

    def create(self, network: Network, owner: int | None) -> None:
        """Write the file of a new lab; `owner` is a process, or None for a lab that stays."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._write({"network": asdict(network), "owner": owner and _identify(owner)})

    @property
    def network(self) -> Network:
        """The lab's network."""
        return Network(**self._read()["network"])

    def abandoned(self) -> bool:
        """Say whether the lab belonged to a process that has ended."""
        owner = self._read()["owner"] if self.exists() else None
        return owner is not None and _identify(owner[0]) != owner

    def numbers(self, taken: set[int]) -> Iterator[int]:
        """Yield free numbers, those that no host ever had first: known_hosts files remember used addresses."""
        taken = set(taken)
        while len(taken) < len(NUMBERS):
            state = self._read()
            number = state.get("next", NUMBERS[0])
            self._write({**state, "next": NUMBERS[(number - NUMBERS[0] + 1) % len(NUMBERS)]})
            if number not in taken:
                taken.add(number)
                yield number
        raise RuntimeError(f"This lab has {len(NUMBERS)} hosts; there are no addresses for more.")

    def _read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self._file.read_text())
        return state

    def _write(self, state: dict[str, Any]) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.rename(self._file)


def _identify(pid: int) -> list[int]:
    """Return the process number with its start time, which together never come again."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return [pid, -1]
    return [pid, int(fields[19])]
