"""What a host has of an image: pure."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.facts.daemon import Daemon
from fleet.formats.references import best
from fleet.model import Blocked
from fleet.shipping.archive import Packed, sha256
from fleet.steps.archives import unfit


@dataclass(frozen=True, slots=True)
class Stock:
    """``lacking`` are the numbers of the layers that are not there; ``is_whole``: the image is there under its name."""

    lacking: tuple[int, ...]
    is_whole: bool


def stock(name: str, image: Packed, daemon: Daemon, content: frozenset[str]) -> Stock:
    """Compare an image with what a host's daemon says that it has; ``content`` are the digests in containerd's store."""
    there = daemon.has(name)
    by_blobs = daemon.info is not None and daemon.info.containerd_store
    lacking = _lacking_blobs(image, content) if by_blobs else _lacking_chain(image, daemon)
    return Stock(lacking, there is not None and there.id in image.ids and not lacking)


def _lacking_chain(image: Packed, daemon: Daemon) -> tuple[int, ...]:
    """The classic store has a layer together with those below it, or not at all."""
    diff_ids = image.diff_ids
    longest = max((_common(diff_ids, other.layers) for other in daemon.images), default=0)
    return tuple(range(longest, len(diff_ids)))


def _lacking_blobs(image: Packed, content: frozenset[str]) -> tuple[int, ...]:
    """containerd's store knows blobs; one whose image was removed may be collected soon, so what is lacking is asked again."""
    return tuple(n for n, layer in enumerate(image.layers) if layer.digest not in content)


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def spare(image: Packed, found: Stock, daemon: Daemon) -> frozenset[str]:
    """The digests that need not travel again, by either of which another host may have named a layer that is there."""
    there = [layer for number, layer in enumerate(image.layers) if number not in found.lacking]
    by_blobs = daemon.info is not None and daemon.info.containerd_store
    return frozenset(digest for layer in there for digest in (layer.digest, *(() if by_blobs else (layer.diff_id,))))


def choose(name: str, images: tuple[Packed, ...], wanted: str) -> Packed | Blocked:
    """The image that runs on the platform: of several, the one for the highest variant."""
    offered = [image.platform for image in images]
    fitting = best(offered, wanted)
    found = [image for image in images if image.platform == fitting]
    return max(found, key=lambda image: sha256(image.config)) if found else unfit(name, wanted, offered)


def room(layers_kib: int, free: tuple[int | None, ...]) -> Blocked | None:
    """Blocked when the layers, in KiB, would fill the file systems that Docker keeps its images on."""
    known = [kib for kib in free if kib is not None]
    if not known or min(known) > layers_kib * 2 + _SPARE_KIB:
        return None
    return Blocked(
        f"{layers_kib // 1024} MiB of layers don't fit: {min(known) // 1024} MiB are free where Docker keeps its images",
        "Make room: fleet run HOST --sudo -- docker system prune",
    )


_SPARE_KIB = 100_000
"""What a host needs to live; and a layer is on the disk twice while it is loaded."""
