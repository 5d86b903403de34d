"""The label of a built image: a digest of all that it is made from, so that "is it built?" has an answer everywhere."""

from __future__ import annotations

import hashlib
import json

from fleet.facts.daemon import DAEMON
from fleet.formats.references import parse
from fleet.model import Facts, Situation, Unavailable
from fleet.queries import Context, ContextQuery, ImageQuery
from fleet.steps.build_options import Build, BuildsOptions

_VERSION = 1
"""Of what goes into the label: another number builds everything again."""


def context_of(build: Build) -> ContextQuery:
    """The question about an image's context."""
    return ContextQuery(build.context, build.dockerfile)


def context(situation: Situation[BuildsOptions], build: Build) -> Context:
    """The image's context; to be called where it is known to be there."""
    found = situation.catalog[context_of(build)]
    if isinstance(found, Unavailable):
        raise AssertionError("refused before")
    return found


def label(situation: Situation[BuildsOptions], build: Build) -> str:
    """Of all that the image is made from: the recipe's own words, a dot, and what the base images are."""
    said = [_VERSION, context(situation, build).digest, build.dockerfile, build.bases, build.args, build.target, build.network]
    return f"{_sha256(said)}.{_sha256(pinned(situation, build))}"


def _sha256(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:40]


def pinned(situation: Situation[BuildsOptions], build: Build) -> dict[str, str]:
    """The base images by their digests, so that every host builds upon the same; one that is unknown by its name."""
    found: dict[str, str] = {}
    for argument, base in build.bases.items():
        image = situation.catalog[ImageQuery(base)]
        found[argument] = base if isinstance(image, Unavailable) else f"{parse(base).repository_name}@{image.digest}"
    return found


def is_same(situation: Situation[BuildsOptions], build: Build, have: str, wanted: str) -> bool:
    """Made from the same; where a registry can't tell what the base is now, that is no reason to build it again."""
    unknown = any(isinstance(situation.catalog[ImageQuery(base)], Unavailable) for base in build.bases.values())
    return have == wanted or (unknown and have.partition(".")[0] == wanted.partition(".")[0])


def built(facts: Facts, build: Build) -> str:
    """The label of what the host has under the image's tag; empty for none."""
    image = facts[DAEMON].has(parse(build.tag).familiar)
    return image.built if image else ""
