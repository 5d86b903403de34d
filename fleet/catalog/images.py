"""More about images than what they are: their sizes, what their tags name today, and how many pulls the Hub grants."""

from __future__ import annotations

from email.message import Message
from typing import Any

from fleet.catalog.http import Web
from fleet.catalog.registry import TOO_MANY, Registry, image, platform_of
from fleet.errors import CatalogError
from fleet.formats.references import fits
from fleet.queries import ImageQuery, ImageSize, Quota, RemoteImage, SizeQuery, TagDigest

_COUNTED = "ratelimitpreview/test"
"""The repository that Docker offers to look at the quota with, without using any of it up
(docs.docker.com/docker-hub/usage/pulls, "View hourly pull rate and limit")."""
_USUAL_LIMIT, _USUAL_SECONDS = 100, 6 * 3600


def size(web: Web, query: SizeQuery, image: RemoteImage) -> ImageSize:
    """The bytes that a host of this platform fetches for the image; raises CatalogError."""
    registry = Registry(web, query.reference)
    manifest = registry.manifest(image.digest)
    if isinstance(manifest.get("manifests"), list):
        manifest = registry.manifest(_chosen(manifest["manifests"], query))
    parts = [manifest.get("config"), *(manifest.get("layers") or ())]
    return ImageSize(sum(part["size"] for part in parts if isinstance(part, dict) and isinstance(part.get("size"), int)))


def _chosen(entries: list[Any], query: SizeQuery) -> str:
    """The digest of the best fitting manifest: of several variants of ARM the highest one that runs there."""
    fitting = [(platform_of(e.get("platform") or {}), str(e.get("digest"))) for e in entries if isinstance(e, dict)]
    fitting = [(platform, digest) for platform, digest in fitting if fits(platform, query.platform)]
    if not fitting:
        raise CatalogError(f"{query.reference} has no image for {query.platform}", "Take a multi-arch image.")
    return max(fitting)[1]


def tag_digest(web: Web, reference: str) -> TagDigest:
    """What a tag names today, by its headers, which the Hub does not count; raises CatalogError."""
    answer = Registry(web, reference).head()
    digest = str(answer.headers.get("Docker-Content-Digest") or "")
    if answer.status == TOO_MANY or not digest.startswith("sha256:"):
        digest = image(web, ImageQuery(reference)).digest
    return TagDigest(digest)


def quota(web: Web) -> Quota:
    """What the Hub grants this network without a login, since that is how hosts pull; raises CatalogError."""
    answer = Registry(web, _COUNTED, anonymous=True).head()
    source = str(answer.headers.get("Docker-RateLimit-Source") or "")
    limit, seconds = _counted(answer.headers, "RateLimit-Limit")
    if answer.status == TOO_MANY:
        return Quota(0, limit or _USUAL_LIMIT, seconds or _USUAL_SECONDS, source)
    left, window = _counted(answer.headers, "RateLimit-Remaining")
    return Quota(left, limit or 0, seconds or window or 0, source)


def _counted(headers: Message, name: str) -> tuple[int | None, int | None]:
    """A header such as `76;w=21600`: a number, and the seconds of the window that it is for."""
    number, _, window = str(headers.get(name) or "").partition(";w=")
    return int(number) if number.isdecimal() else None, int(window) if window.isdecimal() else None
