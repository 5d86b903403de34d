"""What the hosts hold: equal images of the fleet in one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fleet.facts.daemon import Daemon, Image
from fleet.formats.references import parse
from fleet.lock import Lock

UNTAGGED = "<none>"


class State(StrEnum):
    """How an image stands to the lock."""

    LOCKED = "locked"
    DRIFT = "drift"
    UNKNOWN = "?"
    """Sent or built, and so without a digest that could be compared."""
    FREE = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One image as some hosts have it: its name, digest, platform and size in bytes (0: unknown).

    ``digest`` is the one of the registry's index where the daemon knows it, else empty: a built or loaded image has none.
    """

    image: str
    digest: str
    platform: str
    size: int
    hosts: tuple[str, ...]
    state: State = State.FREE


def rows(daemons: Mapping[str, Daemon], lock: Lock) -> tuple[Row, ...]:
    """The images of all hosts, by name; hosts in the order given."""
    found: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for host, daemon in daemons.items():
        for image in daemon.images:
            for name, digest in _names(image):
                found.setdefault((name, digest, image.platform), []).append((host, image.size))
    return tuple(
        Row(*key, max(size for _, size in held), tuple(host for host, _ in held), _state(lock, *key[:2]))
        for key, held in sorted(found.items())
    )


def _state(lock: Lock, image: str, digest: str) -> State:
    pin = lock.pins.get(image)
    if pin is None:
        return State.LOCKED if _is_pinned(lock, image, digest) else State.FREE
    return State.UNKNOWN if not digest else State.LOCKED if pin.digest == digest else State.DRIFT


def _is_pinned(lock: Lock, image: str, digest: str) -> bool:
    """Stacks run images by the digest of the lock, and Docker gives one that it pulled so no tag."""
    repository, _, tag = image.rpartition(":")
    return tag == UNTAGGED and any(
        pin.digest == digest and name.rpartition(":")[0] == repository for name, pin in lock.pins.items()
    )


def _names(image: Image) -> tuple[tuple[str, str], ...]:
    """Each tag with its digest; an image without a tag under its repository, or under no name at all."""
    if image.tags:
        return tuple((tag, digest_of(image, tag)) for tag in image.tags)
    if image.digests:
        return tuple((f"{name}:{UNTAGGED}", digest) for name, _, digest in (d.partition("@") for d in image.digests))
    return ((UNTAGGED, ""),)


def digest_of(image: Image, reference: str) -> str:
    """The digest under which the image came from the reference's repository; empty when it did not come from there."""
    try:
        repository = parse(reference).repository_name
    except ValueError:  # an odd name that the daemon allows and we don't
        return ""
    return next((digest for name, _, digest in (d.partition("@") for d in image.digests) if name == repository), "")
