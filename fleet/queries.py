"""What a plan may have to ask the network, and the shape of the answers. The asking is done in `catalog`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.model import Query

DOCKER_MIRROR = "https://download.docker.com"
COMPOSE_RELEASES = "https://github.com/docker/compose/releases"


@dataclass(frozen=True, slots=True)
class Key:
    """A repository's signing key: its text, and the fingerprint of every primary key in it."""

    armored: str
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyQuery(Query[Key]):
    """The signing key at this URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite of an apt repository for one architecture; versions are newest first.

    ``exists`` is False when the server knows no such suite, ``serves`` when the suite lacks the architecture.
    """

    exists: bool
    serves: bool = True
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class SuiteQuery(Query[Suite]):
    """The packages of ``<repository>/dists/<codename>/<channel>/binary-<architecture>``."""

    repository: str
    codename: str
    channel: str
    architecture: str


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """An image in its registry: the digest of what the reference names, and the platforms that it has."""

    digest: str
    platforms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageQuery(Query[RemoteImage]):
    """The image of this reference, as a person writes it (``python:3.12-slim``)."""

    reference: str


@dataclass(frozen=True, slots=True)
class TagDigest:
    """The digest that a tag names at this moment, whatever is locked."""

    digest: str


@dataclass(frozen=True, slots=True)
class TagQuery(Query[TagDigest]):
    """What the tag of this reference names today."""

    reference: str


@dataclass(frozen=True, slots=True)
class ImageSize:
    """What a host has to fetch for an image: the bytes of its layers and configuration as they come, compressed."""

    size: int


@dataclass(frozen=True, slots=True)
class SizeQuery(Query[ImageSize]):
    """The size of this image, as it is locked or looked up, for one platform."""

    reference: str
    platform: str


@dataclass(frozen=True, slots=True)
class Quota:
    """How many more pulls the Hub grants; None when it does not count.

    ``limit`` pulls in ``seconds``, counted for ``source`` (an address); ``left`` is what the hosts that were planned
    before in this run leave of them.
    """

    left: int | None
    limit: int = 0
    seconds: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class QuotaQuery(Query[Quota]):
    """May one host pull ``pulls`` more images from the Hub? What is granted is gone for the hosts after it."""

    pulls: int


@dataclass(frozen=True, slots=True)
class ComposeRelease:
    """One file of a Compose release with its checksum."""

    version: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ComposeQuery(Query[ComposeRelease]):
    """The Compose plugin's binary for ``machine`` (x86_64, aarch64, armv7); no version means the latest."""

    releases: str
    version: str
    machine: str


@dataclass(frozen=True, slots=True)
class SwarmNode:
    """One node as its managers know it: role (manager, worker), availability (active, pause, drain) and labels."""

    id: str
    hostname: str
    role: str
    availability: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Swarm:
    """The Swarm that a manager is in; without nodes it is in none yet. ``machine_id`` and ``node`` are the manager's own."""

    machine_id: str
    node: str = ""
    nodes: tuple[SwarmNode, ...] = ()


@dataclass(frozen=True, slots=True)
class SwarmQuery(Query[Swarm]):
    """What this host of the inventory says of its Swarm: asked over SSH, not of the network."""

    manager: str


@dataclass(frozen=True, slots=True)
class LoginMark:
    """Who logs in at a registry, and a mark by which the password is known again: its scrypt, never the password itself."""

    user: str
    mark: str


@dataclass(frozen=True, slots=True)
class LoginQuery(Query[LoginMark]):
    """The laptop's login at a registry: the password is in the variable, or what its program VARIABLE_COMMAND prints.

    Without a variable it is what `docker login` has left on the laptop, and so is the user.
    """

    registry: str
    user: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """A build context as it is now: the digest of all that is in it, its files, and their bytes together."""

    digest: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class ContextQuery(Query[Context]):
    """The build context in this folder of the laptop, without what its .dockerignore leaves out."""

    folder: str
    dockerfile: str = "Dockerfile"


@dataclass(frozen=True, slots=True)
class Builder:
    """The laptop's `docker buildx`: its driver, the platforms that it can run, and whether it writes archives itself.

    Without platforms it does not tell any before its first build.
    """

    driver: str
    platforms: tuple[str, ...] = ()
    exports: bool = True


@dataclass(frozen=True, slots=True)
class BuilderQuery(Query[Builder]):
    """What the laptop builds images with."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a registry has under a tag: for each platform, the label of what fleet built it from (empty for another image).

    ``digest`` is that of the whole. ``refused`` tells why it can't be looked at, with ``hint``; then nothing is known of it.
    """

    labels: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    refused: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class PushedQuery(Query[Pushed]):
    """What this reference names in its registry; with ``insecure``, a registry without TLS."""

    reference: str
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class SecretMark:
    """What a secret is known by without being told: a slow, salted hash of it, so that a change shows."""

    mark: str


@dataclass(frozen=True, slots=True)
class SecretQuery(Query[SecretMark]):
    """The mark of a secret of the laptop: ``kind`` is env, file or command, ``what`` the variable, path or command line."""

    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """An image for one platform, and what a daemon may call it: of its configuration, its manifest, or an index over it."""

    platform: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Archived:
    """What an archive has of one name."""

    images: tuple[ArchivedImage, ...]


@dataclass(frozen=True, slots=True)
class ArchiveQuery(Query[Archived]):
    """The image of this name in an archive of the laptop."""

    name: str
    path: str
