"""Releases of the Compose plugin, as GitHub serves them; a mirror keeps the layout.

Names of assets and checksum files: docker/compose, Dockerfile and .github/workflows/ci.yml. The latest release is where
``/latest`` redirects to (docs.github.com, "Linking to releases").
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from fleet.catalog.http import NOT_FOUND, REDIRECTS, Web
from fleet.errors import CatalogError
from fleet.queries import ComposeQuery, ComposeRelease

_LARGEST = 1 << 20
_MAY_BE_MISSING = frozenset({NOT_FOUND})
_LINE = re.compile(r"(?P<sum>[0-9A-Fa-f]{64})(?: [ *]?(?P<name>\S+))?")
"""As `sha256sum --binary` and `--text` write it; a file for one asset may hold the sum alone."""


def compose(web: Web, query: ComposeQuery) -> ComposeRelease:
    """Find the file for a machine and its checksum; no version means the latest."""
    base = query.releases.rstrip("/")
    version = query.version.removeprefix("v") or _latest(web, base)
    asset = f"docker-compose-linux-{query.machine}"
    url = f"{base}/download/v{version}/{asset}"
    return ComposeRelease(version, url, _checksum(web, f"{base}/download/v{version}", asset, version))


def _latest(web: Web, base: str) -> str:
    url = f"{base}/latest"
    answer = web.get(url, limit=_LARGEST, expect=REDIRECTS | _MAY_BE_MISSING, follow=False)
    _, marker, tag = urlsplit(str(answer.headers.get("Location") or "")).path.rpartition("/tag/")
    if not marker or not re.fullmatch(r"v?\d+(\.\d+)+[\w.+-]*", unquote(tag), re.ASCII):
        raise CatalogError(
            f"{url} does not say which Compose release is the latest",
            'Name one in the recipe: compose: {version: "X.Y.Z"}; if it is a mirror, check compose: {releases: …}.',
        )
    return unquote(tag).removeprefix("v")


def _checksum(web: Web, folder: str, asset: str, version: str) -> str:
    """From the file for all assets, else from the asset's own."""
    listing = _text(web, f"{folder}/checksums.txt")
    found = _sums(listing).get(asset)
    if found is None:
        own = _text(web, f"{folder}/{asset}.sha256")
        found = _sums(own).get(asset) or _sums(own).get("")
    if found is None:
        raise _missing(folder, asset, version, listing)
    return found


def _text(web: Web, url: str) -> str:
    answer = web.get(url, limit=_LARGEST, expect=_MAY_BE_MISSING)
    return "" if answer.status == NOT_FOUND else answer.body.decode("utf-8", "replace")


def _sums(text: str) -> dict[str, str]:
    matches = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {match["name"] or "": match["sum"].lower() for match in matches if match}


def _missing(folder: str, asset: str, version: str, listing: str) -> CatalogError:
    if listing:
        return CatalogError(
            f"Compose {version} has no checksum for {asset} ({folder}/checksums.txt)",
            "Take another version, or Docker's package: compose: {source: apt}.",
        )
    hint = "" if version.count(".") == 2 else " All three numbers are needed."
    return CatalogError(
        f"there is no Compose release {version} with checksums at {folder}",
        f'Correct compose: {{version: "X.Y.Z"}} in the recipe, or leave it out for the latest.{hint}',
    )
