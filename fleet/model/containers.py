"""Containers as Docker tells of them, and what they use."""

from __future__ import annotations

from dataclasses import dataclass

RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Container:
    """One container. ``seconds`` is how long it has been in its state, as the host's clock has it; None: it never ran.

    ``project``, ``service`` and ``number`` are Compose's, empty and 0 for a container of another origin. ``ports`` are as
    `docker ps` writes them; ``health`` is empty where no health check is defined.
    """

    id: str
    name: str
    image: str
    state: str
    health: str = ""
    code: int = 0
    project: str = ""
    service: str = ""
    number: int = 0
    ports: tuple[str, ...] = ()
    seconds: float | None = None
    restarts: int = 0

    @property
    def is_running(self) -> bool:
        """True when something runs in it."""
        return self.state == RUNNING

    @property
    def called(self) -> str:
        """What people call it: the service where Compose made it, else its name."""
        return self.service or self.name


@dataclass(frozen=True, slots=True)
class StackState:
    """One stack of a host, or of its recipe. ``state``: running, degraded, failed (its last start was not a success), absent.

    ``well`` of ``of`` containers run as they did when it was in order. ``since`` is when that was, ``kept`` when the good
    one was that it can go back to, in seconds of the Unix epoch; 0 where there is none. ``recipe`` is how it stands to the
    host's recipe: as wanted, differs, blocked (both with ``why``), not in it.
    """

    name: str
    state: str
    well: int = 0
    of: int = 0
    since: int = 0
    kept: int = 0
    recipe: str = "not in it"
    why: str = ""
    hint: str = ""

    @property
    def is_well(self) -> bool:
        """True when it runs, or is away, as the recipe says; one that the recipe does not have is only to run."""
        return self.recipe == "as wanted" or (self.recipe == "not in it" and self.state == "running")


@dataclass(frozen=True, slots=True)
class Usage:
    """One look at what a container uses: percent of one processor, bytes, processes.

    ``memory_limit`` is the host's memory where the container has no limit. Traffic and disk count from its start.
    """

    name: str
    cpu: float
    memory: int
    memory_limit: int
    received: int
    sent: int
    read: int
    written: int
    processes: int
