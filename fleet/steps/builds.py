"""The named images are built on the host itself, for its platform, from a folder of the laptop."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fleet.facts.board import BOARD
from fleet.facts.daemon import BUILT, DAEMON, Image
from fleet.files.fields import refuse
from fleet.files.problems import show
from fleet.formats.references import ImageReference, fits, parse
from fleet.model import (
    Action,
    Blocked,
    Change,
    Facts,
    Options,
    Query,
    Run,
    Satisfied,
    SendContext,
    Situation,
    Step,
    Unavailable,
    Verdict,
)
from fleet.queries import Context, ContextQuery, ImageQuery
from fleet.shell import quote, words
from fleet.steps.platform import platform
from fleet.steps.pulling import DOCKER

CONTEXTS = "/var/cache/fleet/contexts"
"""Where hosts keep contexts, so that the next time only what differs is sent; only root can look."""

_VERSION = 1
"""Of what goes into the label: another number builds everything again."""

_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INSIDE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def _argument(text: str) -> str:
    if not _ARGUMENT.fullmatch(text):
        refuse(f"{show(text)} is no name of a build argument", "use letters, digits and _, as ARG in the Dockerfile does")
    return text


def _inside(text: str) -> str:
    if not _INSIDE.fullmatch(text):
        refuse(f"{show(text)} is no file inside the context", "write its path from the context, such as docker/Dockerfile")
    return text


def _tag(text: str) -> str:
    if "@" in text:
        refuse(f"{show(text)} has a digest: what is built gets one, it can't be asked for", "write name:tag")
    return text


ArgumentName = Annotated[str, AfterValidator(_argument)]


class Build(BaseModel):
    """One image to build."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    tag: Annotated[ImageReference, AfterValidator(_tag)] = Field(description="The image's name and tag, such as shop/web:1.")
    context: str = Field(min_length=1, description="The folder to build from; a relative one from the recipe's own folder.")
    dockerfile: Annotated[str, AfterValidator(_inside)] = Field("Dockerfile", description="The Dockerfile, inside the context.")
    bases: dict[ArgumentName, ImageReference] = Field(
        default_factory=dict,
        description="Build arguments that name base images (ARG BASE, FROM ${BASE}): checked for the platform before the build.",
    )
    args: dict[ArgumentName, str] = Field(
        default_factory=dict, description="Other build arguments; they show in the image's history, so put no secret here."
    )
    target: Annotated[str, AfterValidator(_argument)] | None = Field(None, description="The stage of the Dockerfile to build.")
    network: Literal["default", "host", "none"] = Field("default", description="The network of RUN.")
    platforms: tuple[str, ...] = Field(
        (), description="Platforms that it can be built for, such as linux/arm64; hosts of others are refused. Empty: all."
    )
    memory: int = Field(0, ge=0, le=1 << 20, description="MiB of memory and swap together that the build takes at least.")
    timeout: int = Field(7200, ge=10, le=86400, description="Seconds that the build may take.")


def _once(builds: tuple[Build, ...]) -> tuple[Build, ...]:
    tags = [parse(build.tag).familiar for build in builds]
    for tag in tags:
        if tags.count(tag) > 1:
            refuse(f"{show(tag)} is built twice", "give each image a tag of its own")
    return builds


class BuildsOptions(Options):
    """Which images."""

    images: Annotated[tuple[Build, ...], AfterValidator(_once)] = Field(
        (), description="Images to build on the host when what they are made from has changed."
    )


class BuildsStep(Step[BuildsOptions]):
    """A label holds a digest of all that an image was made from, so "is it built?" has an answer."""

    name = "builds"
    title = "built images"
    requires = ("service",)
    probes = (DAEMON,)
    paths = (("images", "*", "context"),)
    options = BuildsOptions

    def queries(self, facts: Facts, options: BuildsOptions) -> tuple[Query[Any], ...]:
        """The contexts, which are on the laptop, and what the base images are; those that are locked are known already."""
        return (*(context_of(b) for b in options.images), *(ImageQuery(base) for base in self.images(options)))

    def images(self, options: BuildsOptions) -> tuple[str, ...]:
        """The base images."""
        return tuple(dict.fromkeys(base for b in options.images for base in b.bases.values()))

    def verdict(self, situation: Situation[BuildsOptions]) -> Verdict:
        """What the user asked for is all of them: one that can't be built blocks the others."""
        options = situation.options
        digests: dict[str, str] = {}
        for build in options.images:
            refused = _refused(situation, build)
            if refused:
                return refused
            digests[build.tag] = digest(situation, build)
        wanting = [b for b in options.images if not _is_built(situation, b, digests[b.tag])]
        if not wanting:
            return Satisfied(f"{len(options.images)} built" if options.images else "none asked for")
        for build in wanting:
            refused = _impossible(situation, build)
            if refused:
                return refused
        return _change(situation, wanting, digests)


def context_of(build: Build) -> ContextQuery:
    """The question about an image's context."""
    return ContextQuery(build.context, build.dockerfile)


def digest(situation: Situation[BuildsOptions], build: Build) -> str:
    """Of all that the image is made from: the recipe's own words, a dot, and what the base images are."""
    said = [_VERSION, _context(situation, build).digest, build.dockerfile, build.bases, build.args, build.target, build.network]
    return f"{_sha256(said)}.{_sha256(_pinned(situation, build))}"


def _sha256(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:40]


def _pinned(situation: Situation[BuildsOptions], build: Build) -> dict[str, str]:
    """The base images by their digests, so that every host builds upon the same; one that is unknown by its name."""
    found: dict[str, str] = {}
    for argument, base in build.bases.items():
        image = situation.catalog[ImageQuery(base)]
        found[argument] = base if isinstance(image, Unavailable) else f"{parse(base).repository_name}@{image.digest}"
    return found


def _is_built(situation: Situation[BuildsOptions], build: Build, wanted: str) -> bool:
    """Made from the same; where a registry can't tell what the base is now, that is no reason to build it again."""
    have, ask = _built(situation.facts, build).partition("."), wanted.partition(".")
    unknown = any(isinstance(situation.catalog[ImageQuery(base)], Unavailable) for base in build.bases.values())
    return have == ask or (unknown and have[0] == ask[0])


def _built(facts: Facts, build: Build) -> str:
    image = facts[DAEMON].has(parse(build.tag).familiar)
    return image.built if image else ""


def _context(situation: Situation[BuildsOptions], build: Build) -> Context:
    context = situation.catalog[context_of(build)]
    if isinstance(context, Unavailable):
        raise AssertionError("refused before")
    return context


def _refused(situation: Situation[BuildsOptions], build: Build) -> Blocked | None:
    context = situation.catalog[context_of(build)]
    if isinstance(context, Unavailable):
        return Blocked(context.why, context.hint)
    here = platform(situation.facts).image_platform
    if build.platforms and not any(fits(offered, here) for offered in build.platforms):
        return Blocked(
            f"{build.tag} can't be built for {here}, only for {', '.join(build.platforms)}",
            "Leave this host out with --exclude." + _bits(here),
        )
    return None


def _bits(here: str) -> str:
    return " A 32-bit userland never runs arm64 images; a 64-bit system would." if here.startswith("linux/arm/") else ""


def _impossible(situation: Situation[BuildsOptions], build: Build) -> Blocked | None:
    return _no_base(situation, build) or _no_memory(situation.facts, build)


def _no_base(situation: Situation[BuildsOptions], build: Build) -> Blocked | None:
    here = platform(situation.facts).image_platform
    for base in build.bases.values():
        image = situation.catalog[ImageQuery(base)]
        if isinstance(image, Unavailable):
            return Blocked(f"the base image of {build.tag}: {image.why}", image.hint)
        if not any(fits(offered, here) for offered in image.platforms):
            offers = ", ".join(image.platforms) or "no platform at all"
            return Blocked(
                f"{build.tag} can't be built for {here}: its base {base} is made for {offers}",
                "Take another base image, or leave this host out with --exclude." + _bits(here),
            )
    return None


def _no_memory(facts: Facts, build: Build) -> Blocked | None:
    board = facts[BOARD]
    has = (board.memory_kib + board.swap_kib) // 1024
    if not build.memory or has >= build.memory or not board.memory_kib:
        return None
    return Blocked(
        f"building {build.tag} takes {build.memory} MiB, and the host has {has} MiB of memory and swap",
        "Give it swap, or build it on a larger machine and bring it here: fleet images push IMAGE HOST.",
    )


def _change(situation: Situation[BuildsOptions], wanting: list[Build], digests: dict[str, str]) -> Change:
    facts = situation.facts
    actions = tuple(a for build in wanting for a in _actions(situation, build, digests[build.tag]))
    images = [Image((parse(b.tag).familiar,), (), platform(facts).image_platform, built=digests[b.tag]) for b in wanting]

    def after(later: Facts) -> Facts:
        daemon = later[DAEMON]
        for image in images:
            daemon = daemon.without(image.tags[0]).plus(image)
        return later.but(DAEMON, daemon)

    return Change(f"build {', '.join(b.tag for b in wanting)}", actions, after=after)


def _actions(situation: Situation[BuildsOptions], build: Build, built: str) -> tuple[Action, ...]:
    folder = f"{CONTEXTS}/{hashlib.sha256(parse(build.tag).familiar.encode()).hexdigest()[:16]}"
    return (
        SendContext(build.tag, build.context, build.dockerfile, _context(situation, build).digest, folder),
        Run(f"build {build.tag}", _script(build, folder, built, _pinned(situation, build)), timeout=build.timeout),
    )


def _script(build: Build, folder: str, built: str, bases: dict[str, str]) -> str:
    """`docker build`, with its progress as lines. Without attestations an image is one manifest in both image stores
    (docs.docker.com/build/metadata/attestations)."""
    arguments = [f"--build-arg={name}={value}" for name, value in sorted({**build.args, **bases}.items())]
    target = [f"--target={build.target}"] if build.target else []
    command = words(
        *DOCKER,
        "build",
        f"--tag={build.tag}",
        f"--label={BUILT}={built}",
        f"--network={build.network}",
        f"--file={folder}/{build.dockerfile}",
        *arguments,
        *target,
        "--",
        folder,
    )
    return f"export BUILDX_NO_DEFAULT_ATTESTATIONS=1 BUILDKIT_PROGRESS=plain DOCKER_BUILDKIT=1\ncd {quote(folder)}\n{command}"
