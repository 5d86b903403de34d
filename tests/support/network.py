"""What the network would answer: a small, fixed world of repositories, images and releases for tests that need no network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fleet.catalog import Resolver
from fleet.model import Catalog, Query, Unavailable
from fleet.queries import (
    ArchiveQuery,
    ComposeQuery,
    ComposeRelease,
    Context,
    ContextQuery,
    ImageQuery,
    ImageSize,
    Key,
    KeyQuery,
    Quota,
    QuotaQuery,
    RemoteImage,
    SecretMark,
    SecretQuery,
    SizeQuery,
    Suite,
    SuiteQuery,
)

DOCKER_KEY = Path(__file__).with_name("docker.asc").read_text(encoding="ascii")
"""Docker's public key as download.docker.com/linux/debian/gpg has it (sha256 1500c1f5…70b3a570)."""
DOCKER_FINGERPRINT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"

ENGINES = ("29.10.0", "29.8.1", "28.5.2", "28.5.1", "28.1.1", "27.5.1")
PLUGINS = {"containerd.io": "2.3.5", "docker-buildx-plugin": "0.37.1", "docker-compose-plugin": "5.5.1"}
NUMBERS = {
    "linux/debian": {"trixie": "13", "bookworm": "12", "bullseye": "11"},
    "linux/ubuntu": {"resolute": "26.04", "noble": "24.04", "jammy": "22.04", "oracular": "24.10", "focal": "20.04"},
}
"""Suites that are served, be they still built or not."""

IMAGES = {
    "busybox": ("linux/amd64", "linux/arm64/v8", "linux/arm/v7", "linux/arm/v6"),
    "busybox:1.35": ("linux/amd64", "linux/arm64/v8"),
    "alpine:3.22": ("linux/amd64", "linux/arm64/v8", "linux/arm/v7", "linux/arm/v6"),
    "example/no-arm32": ("linux/amd64", "linux/arm64"),
}


DIGEST = "sha256:" + "0" * 64
"""Of an image of this world, unless it has one of its own."""
DIGESTS = {"alpine:3.22": "sha256:8d591b0b7dea080ea3be9e12ae563eebf9869168ffced1cb25b2470a3d9fe15e"}


def image(reference: str) -> RemoteImage:
    """What a tag of this world names, and the lock has."""
    return RemoteImage(DIGESTS.get(reference, DIGEST), IMAGES[reference])


def suite(query: SuiteQuery) -> Suite:
    """A suite with every engine of this world, in the version strings of docker/docker-ce-packaging, gen-deb-ver."""
    distribution = "/".join(query.repository.split("/")[-2:])
    number = NUMBERS.get(distribution, {}).get(query.codename)
    if number is None:
        return Suite(exists=False, serves=False)
    if query.architecture not in ("amd64", "arm64", "armhf"):
        return Suite(exists=True, serves=False)
    tail = f"-1~{distribution.rpartition('/')[2]}.{number}~{query.codename}"
    engines = tuple(f"5:{version}{tail}" for version in ENGINES)
    others = {name: (f"{version}{tail}",) for name, version in PLUGINS.items()}
    return Suite(exists=True, versions={"docker-ce": engines, "docker-ce-cli": engines, **others})


def answer(query: Query[Any]) -> object:
    """The answer to any query of the product."""
    match query:
        case KeyQuery():
            return Key(DOCKER_KEY, (DOCKER_FINGERPRINT,))
        case SuiteQuery():
            return suite(query)
        case SecretQuery():
            return SecretMark(f"mark of {query.what}")
        case ImageQuery(reference) if reference in IMAGES:
            return image(reference)
        case SizeQuery():
            return ImageSize(4_200_000)
        case QuotaQuery():
            return Quota(None)
        case ArchiveQuery():
            return Resolver().resolve((query,)).answers[query]
        case ContextQuery("/nowhere"):
            return Unavailable("the build context /nowhere is no folder", "Name a folder, from the folder of the recipe.")
        case ContextQuery(folder, dockerfile):
            return Context(hashlib.sha256(f"{folder} {dockerfile}".encode()).hexdigest(), 3, 1024)
        case ComposeQuery(_, version, machine):
            wanted = version or "5.5.1"
            return ComposeRelease(wanted, f"https://example.org/v{wanted}/docker-compose-linux-{machine}", "1" * 64)
    return Unavailable(f"nobody answers {query}", "Look at the network.")


LOCKED = Catalog({ImageQuery(name): image(name) for name in IMAGES})
"""What a lock with every image of this world answers without a network."""


def answers(queries: Iterable[Query[Any]]) -> Catalog:
    """A catalog with the answers to these queries."""
    return Catalog({query: answer(query) for query in queries})
