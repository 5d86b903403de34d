"""The production names that the box answers for.

Sources: docs.docker.com "Allowlist for Docker" (registry-1, auth and production.cloudflare for the
blobs of Docker Hub, download.docker.com for packages); github.com redirects release downloads to
release-assets.githubusercontent.com (docs.github.com/rest/releases/assets).
"""

from __future__ import annotations

PACKAGES = "download.docker.com"
HUB = "registry-1.docker.io"
HUB_TOKENS = "auth.docker.io"
HUB_BLOBS = "production.cloudflare.docker.com"
RELEASES = "github.com"
RELEASE_ASSETS = "release-assets.githubusercontent.com"

PRODUCTION = (PACKAGES, HUB, HUB_TOKENS, HUB_BLOBS, RELEASES, RELEASE_ASSETS)
