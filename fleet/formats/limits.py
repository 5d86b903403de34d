"""Limits of a container: as people write them, as Docker takes them, and as the kernel keeps them."""

from __future__ import annotations

from dataclasses import dataclass

_PAGE = 1 << 16
"""The kernel rounds memory down to a page; the largest of ARM has 64 KiB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``memory`` in bytes, ``cpus`` as a number of processors, ``pids`` as a number of processes; None: no limit."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None

    def __bool__(self) -> bool:
        """False when nothing is limited."""
        return (self.memory, self.cpus, self.pids) != (None, None, None)


def not_held(wanted: Limits, held: Limits) -> tuple[str, ...]:
    """What is wanted and not so, each in a few words: ``memory: 64 MiB wanted, none in force``. Empty when all is kept."""
    pairs = (
        ("memory", wanted.memory, held.memory, _PAGE),
        ("cpus", wanted.cpus, held.cpus, 0.01),
        ("pids", wanted.pids, held.pids, 0.5),
    )
    return tuple(
        f"{name}: {_shown(name, want)} wanted, {_shown(name, have)} in force"
        for name, want, have, slack in pairs
        if want is not None and (have is None or abs(want - have) >= slack)
    )


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value / (1 << 20):.3g} MiB" if name == "memory" and value < 1 << 30 else _large(name, value)


def _large(name: str, value: float) -> str:
    return f"{value / (1 << 30):.3g} GiB" if name == "memory" else f"{value:g}"
