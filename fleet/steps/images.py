"""The named images are on the host, for its platform, each by the digest that the whole fleet has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from fleet.facts.daemon import DAEMON, Image
from fleet.facts.system import DISK
from fleet.facts.uses import needed
from fleet.formats.references import HUB, ImageReference, fits, parse
from fleet.formats.sizes import size
from fleet.model import Blocked, Change, Facts, Options, Query, Satisfied, Situation, Step, Unavailable, Verdict
from fleet.queries import ImageQuery, ImageSize, Quota, QuotaQuery, RemoteImage, SizeQuery
from fleet.steps.platform import platform
from fleet.steps.pulling import pull

NEEDED_KIB = 300_000
"""Less than this free, and even a small image is likely to stop half-way."""
UNPACKED = 4
"""Room that an image takes beside what is fetched of it: layers unpack to two to three times their size, and the
containerd image store keeps the packed ones too (docs.docker.com/engine/storage/containerd)."""


class ImagesOptions(Options):
    """Which images."""

    pull: tuple[ImageReference, ...] = Field((), description="Images to pull when they are missing, as `docker pull` names them.")


class ImagesStep(Step[ImagesOptions]):
    """Looks at platforms, sizes and the Hub's quota before a byte is pulled.

    What a tag means is asked once for the whole fleet, unless the lock has it: then the network is asked for no image
    that is there.
    """

    name = "images"
    title = "images"
    requires = ("service",)
    probes = (DAEMON,)
    options = ImagesOptions

    def queries(self, facts: Facts, options: ImagesOptions) -> tuple[Query[Any], ...]:
        """What each image is; one that is named by its digest says so itself when it is there."""
        return tuple(ImageQuery(r) for r in options.pull if not (parse(r).digest and _found(facts, r)))

    def questions(self, situation: Situation[ImagesOptions]) -> tuple[Query[Any], ...]:
        """Of those that have to be pulled, how large they are; and how many the Hub grants."""
        if any(refused(situation, reference) for reference in situation.options.pull):
            return ()
        wanted, missing = platform(situation.facts).image_platform, wanting(situation)
        sizes = tuple(SizeQuery(reference, wanted) for reference in missing)
        return (*sizes, *(QuotaQuery(count) for count in _pulls(situation, missing)))

    def images(self, options: ImagesOptions) -> tuple[str, ...]:
        """Those to pull."""
        return options.pull

    def verdict(self, situation: Situation[ImagesOptions]) -> Verdict:
        """Blocked when one of them can't be; what the user asked for is all of them."""
        options = situation.options
        for reference in options.pull:
            if reason := refused(situation, reference):
                return reason
        missing = wanting(situation)
        if not missing:
            why = f"{len(options.pull)} there" if options.pull else "none asked for"
            return Satisfied(why, tuple(_unlocked(situation)), after=lambda later: needed(later, *_names(situation)))
        return _no_room(situation, missing) or _no_quota(situation, missing) or _pull(situation, missing)


def _names(situation: Situation[ImagesOptions]) -> tuple[str, ...]:
    return tuple(parse(reference).familiar for reference in situation.options.pull)


def wanting(situation: Situation[ImagesOptions]) -> tuple[str, ...]:
    """The images that are not there, are there for another platform, or are not those of the lock."""
    return tuple(r for r in situation.options.pull if _wants(situation, r))


def _wants(situation: Situation[ImagesOptions], reference: str) -> bool:
    local = _found(situation.facts, reference)
    if local is None:
        return True
    remote = _remote(situation, reference)
    return remote is not None and _was_pulled(local, reference) and _exact(reference, remote.digest) not in local.digests


def _was_pulled(image: Image, reference: str) -> bool:
    """False for one that was built or loaded under this name: it has no digest there that could be held against the lock."""
    return any(digest.startswith(f"{parse(reference).repository_name}@") for digest in image.digests)


def _found(facts: Facts, reference: str) -> Image | None:
    """The image of this name, if it is there for the host's platform."""
    image = facts[DAEMON].has(parse(reference).familiar)
    return image if is_there(image, platform(facts).image_platform) else None


def _remote(situation: Situation[ImagesOptions], reference: str) -> RemoteImage | None:
    """What the image is to be, as far as it is known."""
    query = ImageQuery(reference)
    answer = situation.catalog.get(query)
    return answer if isinstance(answer, RemoteImage) else None


def _exact(reference: str, digest: str) -> str:
    return f"{parse(reference).repository_name}@{digest}"


def is_there(image: Image | None, wanted: str) -> bool:
    """An image of the daemon's, and for this platform."""
    return image is not None and (not image.platform or fits(image.platform, wanted))


def refused(situation: Situation[Any], reference: str) -> Blocked | None:
    """Why an image can't be pulled for this host, as its registry says; one that is there needs no registry's answer."""
    query = ImageQuery(reference)
    image = situation.catalog.get(query)
    local = _found(situation.facts, reference)
    if isinstance(image, Unavailable):
        return None if local else Blocked(image.why, image.hint)
    wanted = platform(situation.facts).image_platform
    if image is None or any(fits(offered, wanted) for offered in image.platforms):
        return None
    return Blocked(
        f"{reference} has no image for {wanted}; it is made for {', '.join(image.platforms) or 'no platform at all'}",
        f"Take a multi-arch image or one built for {wanted}, or leave this host out with --exclude."
        + (" A 32-bit userland never runs arm64 images; a 64-bit system would." if wanted.startswith("linux/arm/") else ""),
    )


def _unlocked(situation: Situation[ImagesOptions]) -> Iterator[str]:
    for reference in situation.options.pull:
        answer = situation.catalog.get(ImageQuery(reference))
        local = _found(situation.facts, reference)
        if isinstance(answer, Unavailable):
            yield f"{reference} is there, but is not locked: {answer.why}"
        elif answer and local and not _was_pulled(local, reference):
            yield f"{reference} was sent or built and not pulled: whether it is the locked one can't be told"


def _no_room(situation: Situation[ImagesOptions], missing: tuple[str, ...]) -> Blocked | None:
    folders = ("/var/lib/docker", "/var/lib/containerd")
    free = [n for folder in folders if (n := situation.facts[DISK].free_for(folder)) is not None]
    fetched = sum(_size(situation, reference) for reference in missing)
    needed = max(NEEDED_KIB, fetched * UNPACKED // 1024)
    if not free or min(free) >= needed:
        return None
    largest = f"; {', '.join(missing)}: {size(fetched)} to fetch, some {size(fetched * UNPACKED)} on the disk" if fetched else ""
    return Blocked(
        f"only {min(free) // 1024} MiB are free where Docker keeps its images{largest}",
        "Make room: fleet run HOST --sudo -- docker system prune",
    )


def _size(situation: Situation[ImagesOptions], reference: str) -> int:
    query = SizeQuery(reference, platform(situation.facts).image_platform)
    answer = situation.catalog.get(query)
    return answer.size if isinstance(answer, ImageSize) else 0


# ── the Hub's quota ──────────────────────────────────────────────────────────────────────────────────────────────────


def _pulls(situation: Situation[ImagesOptions], missing: tuple[str, ...]) -> tuple[int, ...]:
    """How many pulls the Hub would count; none through a mirror, which asks the Hub itself, and once for all."""
    count = sum(parse(reference).registry == HUB for reference in missing)
    return (count,) if count and not situation.facts[DAEMON].has_mirror else ()


def _no_quota(situation: Situation[ImagesOptions], missing: tuple[str, ...]) -> Blocked | None:
    for count in _pulls(situation, missing):
        quota = situation.catalog[QuotaQuery(count)]
        if isinstance(quota, Quota) and quota.left is not None and quota.left < count:
            return _exceeded(quota, count)
    return None


def _exceeded(quota: Quota, count: int) -> Blocked:
    """The quota is the one of this network, seen from the laptop: hosts behind the same address share it."""
    hours = f" in {quota.seconds / 3600:g} hours" if quota.seconds else ""
    return Blocked(
        f"Docker Hub grants {quota.left} more of its {quota.limit} pulls{hours}, and this host needs {count};"
        f" they are counted for {quota.source or 'one address'}, so for all machines behind it, as the laptop sees it",
        f"Wait{hours and f' (at most{hours[3:]})'}; log the hosts in to the Hub; let them pull through a mirror of your own"
        " (registry-mirrors in daemon.json); or send the images without a registry: fleet images push --help",
    )


# ── what is done ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _pull(situation: Situation[ImagesOptions], missing: tuple[str, ...]) -> Change:
    wanted = platform(situation.facts).image_platform
    digests = {r: image.digest for r in missing if (image := _remote(situation, r))}
    actions = tuple(pull(reference, digest, wanted) for reference, digest in digests.items())

    def pulled(later: Facts) -> Facts:
        daemon = later[DAEMON]
        for reference, digest in digests.items():
            name, exact = parse(reference).familiar, _exact(reference, digest)
            daemon = daemon.without(name).plus(Image((name,), (exact,), wanted))
        return needed(later.but(DAEMON, daemon), *_names(situation))

    return Change("; ".join(_what(situation, r, digest) for r, digest in digests.items()), actions, after=pulled)


def _what(situation: Situation[ImagesOptions], reference: str, digest: str) -> str:
    fetched = _size(situation, reference)
    said = f" ({size(fetched)})" if fetched else ""
    if _found(situation.facts, reference):
        return f"replace {reference} by the locked {digest[:19]}…{said}"
    return f"pull {reference}{said}"
