"""The named images are built from a folder of the laptop for the host's platform: on the host itself, or elsewhere for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fleet.facts.board import BOARD
from fleet.facts.daemon import DAEMON, Image
from fleet.facts.uses import needed
from fleet.formats.references import fits, parse
from fleet.model import Action, Blocked, Change, Facts, Query, Satisfied, Situation, Step, Unavailable, Verdict
from fleet.queries import BuilderQuery, ImageQuery, Pushed
from fleet.steps.build_actions import actions
from fleet.steps.build_labels import built, context_of, is_same, label
from fleet.steps.build_options import Build, BuildsOptions
from fleet.steps.build_push import label_of, push, pushed_query
from fleet.steps.platform import platform
from fleet.steps.pulling import pull


class BuildsStep(Step[BuildsOptions]):
    """A label holds a digest of all that an image was made from, so "is it built?" has an answer."""

    name = "builds"
    title = "built images"
    requires = ("service",)
    probes = (DAEMON,)
    paths = (("images", "*", "context"),)
    options = BuildsOptions

    def queries(self, facts: Facts, options: BuildsOptions) -> tuple[Query[Any], ...]:
        """The contexts, which are on the laptop, what the base images are (those that are locked are known already), and
        what registries have of those that are pushed."""
        pushes = (pushed_query(facts, build) for build in options.images if build.push)
        return (*(context_of(b) for b in options.images), *(ImageQuery(base) for base in self.images(options)), *pushes)

    def questions(self, situation: Situation[BuildsOptions]) -> tuple[Query[Any], ...]:
        """Can the laptop build what it has to?"""
        if any(_refused(situation, build) for build in situation.options.images):
            return ()
        return (BuilderQuery(),) if any(_is_laptops(situation, build) for build in _wanting(situation)) else ()

    def images(self, options: BuildsOptions) -> tuple[str, ...]:
        """The base images."""
        return tuple(dict.fromkeys(base for b in options.images for base in b.bases.values()))

    def verdict(self, situation: Situation[BuildsOptions]) -> Verdict:
        """What the user asked for is all of them: one that can't be built blocks the others."""
        images = situation.options.images
        for build in images:
            if refused := _refused(situation, build):
                return refused
        wanting = _wanting(situation)
        for build in wanting:
            if impossible := _impossible(situation, build):
                return impossible
        pushes = {build.tag: _push(situation, build, wanted=build in wanting) for build in images if build.push}
        for found in pushes.values():
            if isinstance(found, Blocked):
                return found
        due = [_Due(b, label(situation, b), b in wanting, pushes.get(b.tag) is True, _at_hand(situation, b)) for b in images]
        due = [each for each in due if each.build_it or each.push_it]
        unknown = tuple(found.text for found in pushes.values() if isinstance(found, _Unknown))
        names = [parse(build.tag).familiar for build in images]
        if due:
            return _change(situation, due, names)
        return Satisfied(_in_short(images), unknown, after=lambda later: needed(later, *names))


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be done for one image, and its label."""

    build: Build
    label: str
    build_it: bool
    push_it: bool
    digest: str
    """Of what is pulled in place of building it; empty where it is built."""


def _in_short(images: tuple[Build, ...]) -> str:
    pushed = sum(build.push for build in images)
    return f"{len(images)} built{f', {pushed} pushed' if pushed else ''}" if images else "none asked for"


def _wanting(situation: Situation[BuildsOptions]) -> tuple[Build, ...]:
    """Those that the host does not have as they would be built now."""
    return tuple(
        build
        for build in situation.options.images
        if not is_same(situation, build, built(situation.facts, build), label(situation, build))
    )


def _is_laptops(situation: Situation[BuildsOptions], build: Build) -> bool:
    return build.where == "laptop" and not _at_hand(situation, build)


def _at_hand(situation: Situation[BuildsOptions], build: Build) -> str:
    """The digest of what its registry has, where that is the image for this host and one that hosts share; else nothing."""
    found = situation.catalog[pushed_query(situation.facts, build)] if build.push and build.where != "each" else None
    if not isinstance(found, Pushed):
        return ""
    there = label_of(found, platform(situation.facts).image_platform)
    return found.digest if is_same(situation, build, there, label(situation, build)) else ""


# ── what must not or can't be ────────────────────────────────────────────────────────────────────────────────────────


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
    if _at_hand(situation, build):
        return None
    if refused := _no_base(situation, build):
        return refused
    if build.where == "laptop":
        builder = situation.catalog[BuilderQuery()]
        return Blocked(f"{build.tag}: {builder.why}", builder.hint) if isinstance(builder, Unavailable) else None
    lacking = _no_memory(situation.facts, build)
    if lacking and build.where == "each":
        return Blocked(
            f"building {build.tag} takes {build.memory} MiB, and {lacking}",
            "Give it swap, or let a larger host of the fleet build it: where: fleet beside its tag.",
        )
    return None


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


def _no_memory(facts: Facts, build: Build) -> str:
    """Why this host is too small to build it; empty when it is not."""
    board = facts[BOARD]
    has = (board.memory_kib + board.swap_kib) // 1024
    if not build.memory or has >= build.memory or not board.memory_kib:
        return ""
    return f"the host has {has} MiB of memory and swap"


# ── registries ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Unknown:
    """The registry could not be asked: no reason to push what is built already."""

    text: str


def _push(situation: Situation[BuildsOptions], build: Build, *, wanted: bool) -> bool | _Unknown | Blocked:
    """Whether it is to be pushed for this host's platform; ``wanted``: it has to be built first."""
    found = situation.catalog[pushed_query(situation.facts, build)]
    if isinstance(found, Unavailable):
        return wanted or _Unknown(f"whether {build.tag} is pushed can't be told: {found.why}")
    if found.refused:
        return wanted or Blocked(f"whether {build.tag} is pushed can't be told: {found.refused}", found.hint)
    there = label_of(found, platform(situation.facts).image_platform)
    return not is_same(situation, build, there, label(situation, build))


# ── the change ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _change(situation: Situation[BuildsOptions], due: list[_Due], names: list[str]) -> Change:
    here = platform(situation.facts).image_platform
    todo = tuple(action for each in due for action in _actions(situation, each, here))
    images = [Image((parse(d.build.tag).familiar,), (), here, built=d.label) for d in due if d.build_it]

    def after(later: Facts) -> Facts:
        daemon = later[DAEMON]
        for image in images:
            daemon = daemon.without(image.tags[0]).plus(image)
        return needed(later.but(DAEMON, daemon), *names)

    why = "; ".join(words for each in due for words in _why(situation.facts, each, here))
    laptops = [d.build.tag for d in due if d.build_it and _is_laptops(situation, d.build)]
    return Change(why, todo, after=after, warnings=_warnings(situation, laptops, here))


def _actions(situation: Situation[BuildsOptions], due: _Due, here: str) -> Iterator[Action]:
    if due.build_it and due.digest:
        yield pull(due.build.tag, due.digest, here)
    elif due.build_it:
        yield from actions(situation, due.build, due.label, here, _no_memory(situation.facts, due.build))
    if due.push_it:
        yield push(situation.facts, due.build, due.label, here)


def _why(facts: Facts, due: _Due, here: str) -> Iterator[str]:
    tag, where = due.build.tag, due.build.where
    if due.build_it and due.digest:
        yield f"pull {tag}, which is built and pushed"
    elif due.build_it and where == "laptop":
        yield f"build {tag} for {here} on this machine and send it"
    elif due.build_it and where == "fleet":
        there = f"from the host that builds it for {here}"
        yield f"take {tag} {there}" if _no_memory(facts, due.build) else f"build {tag}, or take it {there}"
    elif due.build_it:
        yield f"build {tag}"
    if due.push_it:
        yield f"push {tag} for {here}"


def _warnings(situation: Situation[BuildsOptions], laptops: list[str], here: str) -> tuple[str, ...]:
    """A Dockerfile that compiles for others (docs.docker.com/build/building/multi-platform, "Cross-compilation") needs
    nothing of the builder, so that a platform which it does not list is no reason to refuse."""
    builder = situation.catalog[BuilderQuery()] if laptops else None
    listed = () if builder is None or isinstance(builder, Unavailable) else builder.platforms
    if not listed or any(fits(offered, here) for offered in listed):
        return ()
    emulate = f"docker run --privileged --rm tonistiigi/binfmt --install {here.split('/')[1]}"
    return (
        f"docker buildx on this machine runs nothing for {here}, so RUN fails there for {', '.join(laptops)}"
        f" (to emulate it: {emulate})",
    )
