"""Which containers a person means by a word: a service, a container's name, project/service, a pattern, or an id."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from fleet.files.problems import listing, suggest
from fleet.model import Container

_SHORTEST_ID = 6


def is_meant(container: Container, word: str) -> bool:
    """True when the word is meant for this container."""
    names = (container.service, container.name, f"{container.project}/{container.service}")
    return any(name and fnmatchcase(name, word) for name in names) or (
        len(word) >= _SHORTEST_ID and container.id.startswith(word)
    )


def chosen(containers: Sequence[Container], words: Sequence[str]) -> tuple[Container, ...]:
    """Those that are meant; without a word those that run."""
    if not words:
        return tuple(c for c in containers if c.is_running)
    return tuple(c for c in containers if any(is_meant(c, word) for word in words))


def one_of(containers: Sequence[Container]) -> Container | None:
    """The first of several of one service, as `docker compose exec` has it; None when they are of several services."""
    return containers[0] if len({(c.project, c.called) for c in containers}) == 1 else None


def labels(containers: Sequence[Container]) -> tuple[str, ...]:
    """A short name for each: the service, its number where there are several, its project where that tells them apart."""
    called = [c.called for c in containers]
    projects = {name: {c.project for c in containers if c.called == name} for name in called}
    counts = {(c.project, c.called): 0 for c in containers}
    for c in containers:
        counts[c.project, c.called] += 1
    return tuple(
        f"{c.project}/" * (len(projects[c.called]) > 1 and bool(c.project))
        + c.called
        + f"-{c.number}" * (counts[c.project, c.called] > 1)
        for c in containers
    )


def none_of(words: Sequence[str], containers: Sequence[Container], host: str) -> tuple[str, str]:
    """That no container is meant on this host, and what there is."""
    there = sorted({c.called for c in containers})
    wanted = " or ".join(repr(word) for word in words)
    near = suggest(words[0], [*there, *(c.name for c in containers)]) if len(words) == 1 else ""
    return f"there is no container or service {wanted}{near}", what_runs(containers, host)


def what_runs(containers: Sequence[Container], host: str) -> str:
    """A hint with what there is to choose from."""
    running = sorted({c.called for c in containers if c.is_running})
    if running:
        return f"On {host} there run: {listing(running, 20)}."
    return f"Nothing runs on {host}; `fleet ps {host} --stopped` shows what did."
