"""Images out of archives of the laptop are on the host, for its platform; no registry is asked."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from fleet.facts.daemon import DAEMON, Image
from fleet.facts.uses import needed
from fleet.files.fields import refuse
from fleet.files.named import FileOrFolder
from fleet.files.problems import show
from fleet.formats.references import ImageReference, best, parse
from fleet.model import Blocked, Change, Facts, Options, Query, Satisfied, SendImage, Situation, Step, Unavailable, Verdict
from fleet.queries import ArchivedImage, ArchiveQuery
from fleet.steps.platform import platform


def _tag(text: str) -> str:
    if "@" in text:
        refuse(f"{show(text)} has a digest: an archive names its images by tags", "write name:tag")
    return text


class ArchivesOptions(Options):
    """Which images, out of which archives."""

    images: dict[Annotated[ImageReference, AfterValidator(_tag)], FileOrFolder] = Field(
        default_factory=dict,
        description="The archive of each image: what `docker save` wrote, or an OCI layout; from the recipe's own folder.",
    )


class ArchivesStep(Step[ArchivesOptions]):
    """Sends the layers that are lacking, as `fleet images push` does; the image's ID tells whether it is there."""

    name = "archives"
    title = "images from archives"
    requires = ("service",)
    probes = (DAEMON,)
    paths = (("images", "*"),)
    options = ArchivesOptions

    def queries(self, facts: Facts, options: ArchivesOptions) -> tuple[Query[Any], ...]:
        """What is in the archives, which are on the laptop."""
        return tuple(ArchiveQuery(name, path) for name, path in options.images.items())

    def verdict(self, situation: Situation[ArchivesOptions]) -> Verdict:
        """What the user asked for is all of them: one that can't be had blocks the others."""
        wanted = situation.options.images
        chosen: dict[str, ArchivedImage] = {}
        for name, path in wanted.items():
            found = _chosen(situation, name, path)
            if isinstance(found, Blocked):
                return found
            chosen[name] = found
        lacking = [name for name in wanted if not _is_there(situation.facts, name, chosen[name])]
        if not lacking:
            why = f"{len(wanted)} there" if wanted else "none asked for"
            return Satisfied(why, after=lambda later: needed(later, *map(_name, wanted)))
        return _change(wanted, {name: chosen[name] for name in lacking})


def _chosen(situation: Situation[ArchivesOptions], name: str, path: str) -> ArchivedImage | Blocked:
    archived = situation.catalog[ArchiveQuery(name, path)]
    if isinstance(archived, Unavailable):
        return Blocked(archived.why, archived.hint)
    here = platform(situation.facts).image_platform
    offered = [image.platform for image in archived.images]
    fitting = best(offered, here)
    return next((i for i in archived.images if i.platform == fitting), None) or unfit(name, here, offered)


def unfit(name: str, wanted: str, offered: list[str]) -> Blocked:
    """Why none of the platforms offered will do."""
    return Blocked(
        f"{name} is not made for {wanted}, but for {', '.join(sorted(set(offered)))}",
        f"Build it for {wanted} too (docker buildx build --platform), or leave this host out with --exclude."
        + (" A 32-bit userland never runs arm64 images; a 64-bit system would." if wanted.startswith("linux/arm/") else ""),
    )


def _is_there(facts: Facts, name: str, image: ArchivedImage) -> bool:
    held = facts[DAEMON].has(parse(name).familiar)
    return held is not None and held.id in image.ids


def _name(reference: str) -> str:
    return parse(reference).familiar


def _change(paths: dict[str, str], lacking: dict[str, ArchivedImage]) -> Change:
    actions = tuple(SendImage(name, paths[name], image.ids[0]) for name, image in lacking.items())

    def after(later: Facts) -> Facts:
        daemon = later[DAEMON]
        for name, image in lacking.items():
            familiar = parse(name).familiar
            daemon = daemon.without(familiar).plus(Image((familiar,), (), image.platform, id=image.ids[0]))
        return needed(later.but(DAEMON, daemon), *map(_name, paths))

    return Change(f"send {', '.join(lacking)}", actions, after=after)
