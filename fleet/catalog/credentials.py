"""What `docker login` has left on the laptop: user and password of registries.

Only the entries of ``auths`` that hold both in base64 are read (docs.docker.com/reference/cli/docker/login,
"Default behavior"). Credential stores and helpers are programs of their own and are not run.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path
from typing import Any

from fleet.formats.references import HUB, HUB_SERVER

_HUB_NAMES = frozenset({HUB, "index.docker.io", HUB_SERVER})


def basic(registry: str) -> str:
    """``user:password`` in base64 for a registry; empty when the laptop has none that can be read."""
    for name, entry in _section("auths").items():
        auth = entry.get("auth") if isinstance(entry, dict) else None
        if _same(_host(name), registry) and isinstance(auth, str) and _is_login(auth):
            return auth
    return ""


def unread(registry: str) -> bool:
    """Are there credentials that are kept in a store or by a helper, where fleet does not look?"""
    config = _config()
    helpers = _section("credHelpers")
    return bool(config.get("credsStore")) or any(_same(_host(name), registry) for name in helpers)


def _config() -> dict[str, Any]:
    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    try:
        config = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _section(name: str) -> dict[str, Any]:
    section = _config().get(name)
    return section if isinstance(section, dict) else {}


def _host(name: str) -> str:
    """Of the forms ghcr.io, https://ghcr.io and https://index.docker.io/v1/."""
    return name.rpartition("://")[2].partition("/")[0].lower()


def _same(host: str, registry: str) -> bool:
    return host == registry.lower() or {host, registry} <= _HUB_NAMES


def _is_login(auth: str) -> bool:
    try:
        return b":" in base64.b64decode(auth, validate=True)
    except binascii.Error:
        return False
