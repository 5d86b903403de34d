"""Names of images and of the platforms that they are made for, as Docker reads them.

Sources: distribution/reference (regexp.go, normalize.go) and containerd/platforms (database.go, compare.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

HUB = "docker.io"
"""The registry that is meant when none is named."""
HUB_SERVER = "registry-1.docker.io"
"""Where the images of docker.io really are."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")
_HUB_NAMES = (HUB, "index.docker.io")
_LONGEST_NAME = 255
"""Of registry and repository together (reference.go, RepositoryNameTotalLengthMax)."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference in full: ``registry`` is a host name with an optional port, ``repository`` the path there."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def server(self) -> str:
        """The host to ask, with its port when it has one."""
        return HUB_SERVER if self.registry == HUB else self.registry

    @property
    def manifest(self) -> str:
        """What to ask the registry for: the digest if there is one, else the tag."""
        return self.digest or self.tag

    @property
    def familiar(self) -> str:
        """As the daemon lists it: docker.io/library left out, the tag always there, but none beside a digest."""
        name = self.repository_name
        return f"{name}@{self.digest}" if self.digest else f"{name}:{self.tag}"

    @property
    def repository_name(self) -> str:
        """The repository as the daemon lists it: no docker.io/library, no tag, no digest."""
        official = self.repository.removeprefix("library/")
        short = self.repository if "/" in official else official
        return short if self.registry == HUB else f"{self.registry}/{self.repository}"


def parse(text: str) -> Reference:
    """Read a reference; raises ValueError with a sentence when it is none."""
    match = _REFERENCE.fullmatch(text) if len(text) <= 512 else None
    if not match or _IDENTIFIER.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not an image reference; write NAME[:TAG], for example python:3.12-slim")
    domain, path = match["domain"] or "", match["path"]
    if domain and not _is_registry(domain):
        domain, path = "", f"{domain}/{path}"
    if not domain or domain in _HUB_NAMES:
        domain, path = HUB, path if "/" in path else f"library/{path}"
    if len(domain) + 1 + len(path) > _LONGEST_NAME:
        raise ValueError(f"the name of the image {text[:40]!r}… has over {_LONGEST_NAME} characters; no registry takes it")
    return Reference(domain, path, match["tag"] or "latest", match["digest"] or "")


def _is_registry(first: str) -> bool:
    """Is the first part of the name a registry and no folder of the Hub? (normalize.go, splitDockerDomain)"""
    return bool(set(first) & set(".:")) or first == "localhost" or first != first.lower()


def _checked(text: str) -> str:
    parse(text)
    return text


ImageReference = Annotated[str, AfterValidator(_checked)]
"""For options: a string that is an image reference."""


def fits(offered: str, wanted: str) -> bool:
    """Does an image for the platform ``offered`` run where ``wanted`` is asked for?

    ARM and amd64 run their own variant and lower ones, as in compare.go. Unlike there, arm64 does not fall back to arm
    nor amd64 to 386: Docker would pull such an image, and it is not what a fleet of mixed machines means.
    """
    have, want = _normal(offered), _normal(wanted)
    if have[:2] != want[:2]:
        return False
    lower = want[1] == "arm" or (want[1] == "amd64" and want[2] != "")
    return have[2] <= want[2] if lower else have[2] == want[2]


def best(offered: Iterable[str], wanted: str) -> str:
    """Of the platforms offered, the one to take where ``wanted`` is asked for: the highest variant; empty when none fits."""
    return max((platform for platform in offered if fits(platform, wanted)), key=_normal, default="")


_SAME_ARCHITECTURE = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
_SAME_VARIANT = {
    ("amd64", "v1"): "",
    ("arm64", "8"): "",
    ("arm64", "v8"): "",
    ("arm", ""): "v7",
    ("arm", "5"): "v5",
    ("arm", "6"): "v6",
    ("arm", "7"): "v7",
    ("arm", "8"): "v8",
}


def _normal(platform: str) -> tuple[str, str, str]:
    """System, architecture and variant in one spelling (database.go, normalizeArch)."""
    system, _, rest = platform.lower().partition("/")
    architecture, _, variant = rest.partition("/")
    if architecture in ("armhf", "armel"):
        return system, "arm", "v7" if architecture == "armhf" else "v6"
    architecture = _SAME_ARCHITECTURE.get(architecture, architecture)
    return system, architecture, _SAME_VARIANT.get((architecture, variant), variant)
