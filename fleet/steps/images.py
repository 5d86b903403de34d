"""The named images are on the host, for its platform."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fleet.facts.daemon import DAEMON, Image
from fleet.facts.system import DISK
from fleet.formats.references import ImageReference, fits, parse
from fleet.model import Blocked, Change, Facts, Options, Query, Run, Satisfied, Situation, Step, Unavailable, Verdict
from fleet.queries import ImageQuery
from fleet.shell import words
from fleet.steps.platform import platform

DOCKER = ("docker", "-H", "unix:///var/run/docker.sock")
"""The host's own daemon, whatever root's settings name."""

PULL_SECONDS = 3600
NEEDED_KIB = 300_000
"""Less than this free, and even a small image is likely to stop half-way."""


class ImagesOptions(Options):
    """Which images."""

    pull: tuple[ImageReference, ...] = Field((), description="Images to pull when they are missing, as `docker pull` names them.")


class ImagesStep(Step[ImagesOptions]):
    """Looks at the image's platforms in the registry before a byte is pulled."""

    name = "images"
    title = "images"
    requires = ("service",)
    probes = (DAEMON,)
    options = ImagesOptions

    def queries(self, facts: Facts, options: ImagesOptions) -> tuple[Query[Any], ...]:
        """The platforms of the images that are missing."""
        return tuple(ImageQuery(reference) for reference in missing(facts, options))

    def verdict(self, situation: Situation[ImagesOptions]) -> Verdict:
        """Blocked when one of them has no such platform; what the user asked for is all of them."""
        facts, options = situation.facts, situation.options
        wanting = missing(facts, options)
        if not wanting:
            return Satisfied(f"{len(options.pull)} there" if options.pull else "none asked for")
        for reference in wanting:
            if reason := refused(situation, reference):
                return reason
        return _no_room(facts) or _pull(facts, wanting)


def missing(facts: Facts, options: ImagesOptions) -> tuple[str, ...]:
    """The images that are not there, or there for another platform."""
    daemon, wanted = facts[DAEMON], platform(facts).image_platform
    return tuple(r for r in options.pull if not is_there(daemon.has(parse(r).familiar), wanted))


def is_there(image: Image | None, wanted: str) -> bool:
    """An image of the daemon's, and for this platform."""
    return image is not None and (not image.platform or fits(image.platform, wanted))


def refused(situation: Situation[Any], reference: str) -> Blocked | None:
    """Why an image can't be pulled for this host, as its registry says."""
    image = situation.catalog[ImageQuery(reference)]
    if isinstance(image, Unavailable):
        return Blocked(image.why, image.hint)
    wanted = platform(situation.facts).image_platform
    if any(fits(offered, wanted) for offered in image.platforms):
        return None
    return Blocked(
        f"{reference} has no image for {wanted}; it is made for {', '.join(image.platforms) or 'no platform at all'}",
        f"Take a multi-arch image or one built for {wanted}, or leave this host out with --exclude."
        + (" A 32-bit userland never runs arm64 images; a 64-bit system would." if wanted.startswith("linux/arm/") else ""),
    )


def _no_room(facts: Facts) -> Blocked | None:
    free = [n for n in (facts[DISK].free_for("/var/lib/docker"), facts[DISK].free_for("/var/lib/containerd")) if n is not None]
    if not free or min(free) >= NEEDED_KIB:
        return None
    return Blocked(
        f"only {min(free) // 1024} MiB are free where Docker keeps its images",
        "Make room: fleet run HOST --sudo -- docker system prune",
    )


def _pull(facts: Facts, references: tuple[str, ...]) -> Change:
    wanted = platform(facts).image_platform
    actions = tuple(
        Run(f"pull {r}", words(*DOCKER, "pull", "--quiet", "--platform", wanted, "--", r), timeout=PULL_SECONDS)
        for r in references
    )

    def pulled(later: Facts) -> Facts:
        daemon = later[DAEMON]
        for r in references:
            daemon = daemon.plus(Image((parse(r).familiar,), (parse(r).familiar,), wanted))
        return later.but(DAEMON, daemon)

    return Change(f"pull {', '.join(references)}", actions, after=pulled)
