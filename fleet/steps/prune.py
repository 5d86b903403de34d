"""Images that nothing needs any more are gone, by a policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from fleet.facts.daemon import DAEMON, Image
from fleet.facts.stacks import FOLDER
from fleet.facts.uses import USES, Uses
from fleet.files.fields import refuse
from fleet.formats.ages import AgeError, seconds
from fleet.formats.references import ImageReference, parse
from fleet.formats.sizes import size
from fleet.model import Change, Facts, Options, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import quote, words
from fleet.steps.pulling import DOCKER


def _age(text: str) -> str:
    try:
        seconds(text)
    except AgeError as problem:
        refuse(str(problem), "write a number of hours or days, such as 24h or 30d")
    return text


class PruneOptions(Options):
    """Which images."""

    older_than: Annotated[str, AfterValidator(_age)] = Field(
        "30d", description="Only images that got their last name here longer ago, such as 24h or 30d."
    )
    unused: bool = Field(False, description="Also images with a name that no container has and this recipe does not name.")
    keep: tuple[ImageReference, ...] = Field((), description="Images to keep all the same.")


class PruneStep(Step[PruneOptions]):
    """Comes last, and plans from what the steps before it leave behind. What a container has, running or not, stays, and
    so does what a stack can go back to."""

    name = "prune"
    title = "no images that nothing needs"
    requires = ("service",)
    probes = (DAEMON, USES)
    options = PruneOptions

    def verdict(self, situation: Situation[PruneOptions]) -> Verdict:
        """One command an image, so that the log tells what became of each."""
        facts = situation.facts
        found = list(_needless(facts[DAEMON].images, facts[USES], situation.options))
        if not found:
            return Satisfied("nothing to remove")
        gone = {image.id for image in found}

        def after(later: Facts) -> Facts:
            return later.but(DAEMON, later[DAEMON].only(lambda image: image.id not in gone))

        count = "an image that nothing needs" if len(found) == 1 else f"{len(found)} images that nothing needs"
        named = ", ".join(f"{_shown(image)} ({size(image.size)})" for image in found)
        return Change(f"remove {count}: {named}", tuple(_removal(image) for image in found), after=after)


def _needless(images: tuple[Image, ...], uses: Uses, options: PruneOptions) -> Iterator[Image]:
    """Sorted, since the daemon tells them in no order. An image whose age is not known stays."""
    wanted = uses.wanted | {parse(name).familiar for name in options.keep}
    limit = uses.now - seconds(options.older_than)
    for image in sorted(images, key=lambda image: (image.tags, image.digests, image.id)):
        is_old = 0 < uses.named.get(image.id, 0) <= limit
        is_free = image.id not in uses.held and not wanted.intersection((*image.tags, *image.digests))
        if is_old and is_free and (options.unused or not image.tags):
            yield image


def _names(image: Image) -> tuple[str, ...]:
    """What `docker image rm` takes; by its ID it would refuse an image of several names."""
    digests = tuple(digest for digest in image.digests if not digest.startswith("<none>"))
    return image.tags or digests or (image.id,)


def _shown(image: Image) -> str:
    """Digests cut to what people compare."""
    return " ".join(name if "sha256:" not in name else name[: name.index("sha256:") + 19] for name in _names(image))


def _removal(image: Image) -> Run:
    """By now a container or a kept stack may have it, for instance since a deployment went back."""
    kept = f"grep -qs -- {quote(f' {image.id} ')} {FOLDER}/*/.previous/manifest"
    used = f'[ -n "$({words(*DOCKER, "ps", "-aq", "--filter", f"ancestor={image.id}")})" ]'
    remove = words(*DOCKER, "image", "rm", "--", *_names(image))
    return Run(f"remove {_shown(image)}", remove, unless=f"{kept} || {used}", timeout=600)
