"""Names of images and of the platforms that they are made for, as Docker reads them (distribution/reference, containerd/platforms)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

HUB = "registry-1.docker.io"
"""Where docker.io's images really are."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_HUB_NAMES = ("docker.io", "index.docker.io", HUB)


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference in full: ``registry`` is a host name with an optional port, ``repository`` the path there."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def manifest(self) -> str:
        """What to ask the registry for: the digest if there is one, else the tag."""
        return self.digest or self.tag

    @property
    def familiar(self) -> str:
        """As the daemon lists it: docker.io/library left out, the tag always there, but none beside a digest."""
        name = self.repository.removeprefix("library/") if self.registry == HUB else f"{self.registry}/{self.repository}"
        return f"{name}@{self.digest}" if self.digest else f"{name}:{self.tag}"


def parse(text: str) -> Reference:
    """Read a reference; raises ValueError with a sentence when it is none."""
    match = _REFERENCE.fullmatch(text)
    if not match or len(text) > 512:
        raise ValueError(f"{text[:80]!r} is not an image reference; write NAME[:TAG], for example python:3.12-slim")
    domain, path = match["domain"] or "", match["path"]
    if domain and not (set(domain) & set(".:[") or domain == "localhost" or domain != domain.lower()):
        domain, path = "", f"{domain}/{path}"
    if not domain or domain in _HUB_NAMES:
        domain, path = HUB, path if "/" in path else f"library/{path}"
    return Reference(domain, path, match["tag"] or "latest", match["digest"] or "")


def _checked(text: str) -> str:
    parse(text)
    return text


ImageReference = Annotated[str, AfterValidator(_checked)]
"""For options: a string that is an image reference."""


def fits(offered: str, wanted: str) -> bool:
    """Does an image for the platform ``offered`` run where ``wanted`` is asked for?

    ARM runs its own variant and older ones, never arm64 on a 32-bit userland; arm64 has v8 alone (compare.go).
    """
    have, want = _normal(offered), _normal(wanted)
    if have[:2] != want[:2]:
        return False
    return have[2] <= want[2] if want[1] == "arm" else have[2] == want[2] or not want[2]


def _normal(platform: str) -> tuple[str, str, str]:
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    if architecture == "arm64" and variant == "v8":
        variant = ""
    if architecture == "arm" and not variant:
        variant = "v7"
    return system, architecture, variant
