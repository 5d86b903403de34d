"""What `docker login` has left on the laptop: user and password of registries.

They are in ``auths`` of ~/.docker/config.json in base64, or with a program: ``credHelpers`` names one for a registry,
``credsStore`` one for all others (docs.docker.com/reference/cli/docker/login, "Credential stores" and "Credential helpers").
Such a program is asked as docker asks it: `docker-credential-NAME get`, with the registry on its stdin.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fleet.formats.references import HUB, HUB_SERVER
from fleet.shell import Secret

HUB_LOGIN = "https://index.docker.io/v1/"
"""The name under which Docker keeps the Hub's login (docker/cli, registry.IndexServer)."""

_HUB_NAMES = frozenset({HUB, "index.docker.io", HUB_SERVER})
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_TOKEN_USER = "<token>"  # noqa: S105
"""The user name of an identity token, which is no password (docker/docker-credential-helpers)."""
_NOT_FOUND = "credentials not found"
_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Login:
    """A user of a registry, with the password."""

    user: str
    password: Secret

    @property
    def basic(self) -> str:
        """``user:password`` in base64."""
        return base64.b64encode(f"{self.user}:{self.password.reveal()}".encode()).decode()


def login(registry: str) -> Login | None:
    """The laptop's own login at a registry; None when there is none that can be read."""
    helper = _helper(registry)
    found = _ask(helper, _server(registry)).login if helper else None
    return found or _in_file(registry)


def trouble(registry: str) -> str:
    """Why the program that keeps the login gave none, in words; empty when there is no such program, or nothing in it."""
    helper = _helper(registry)
    return _ask(helper, _server(registry)).trouble if helper else ""


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_file(registry: str) -> Login | None:
    for name, entry in _section("auths").items():
        auth = entry.get("auth") if isinstance(entry, dict) else None
        if _same(_host(name), registry) and isinstance(auth, str) and (found := _decoded(auth)):
            return found
    return None


def _decoded(auth: str) -> Login | None:
    try:
        user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Login(user, Secret(password)) if colon else None


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


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Said:
    login: Login | None = None
    trouble: str = ""


def _helper(registry: str) -> str:
    """The program's last name: of this registry, else of all; empty for none."""
    own = (name for host, name in _section("credHelpers").items() if _same(_host(host), registry))
    named = next(own, None) or _config().get("credsStore")
    return named if isinstance(named, str) and _NAME.fullmatch(named) else ""


def _server(registry: str) -> str:
    return HUB_LOGIN if registry in _HUB_NAMES else registry


@lru_cache
def _ask(helper: str, server: str) -> _Said:
    """Once in a run: such a program may be slow, or ask the user to unlock it."""
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run([program, "get"], input=server, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except FileNotFoundError:
        return _Said(trouble=f"there is no program {program}, which ~/.docker/config.json names")
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return _Said(trouble=f"{program} gave no answer")
    if done.returncode:
        return _Said(trouble="" if _NOT_FOUND in done.stdout.lower() else f"{program} failed (exit code {done.returncode})")
    return _answered(program, done.stdout)


def _answered(program: str, text: str) -> _Said:
    try:
        said = json.loads(text)
        user, password = said["Username"], said["Secret"]
    except (ValueError, KeyError, TypeError):
        return _Said(trouble=f"{program} gave an answer that is none")
    if not isinstance(user, str) or not isinstance(password, str) or user == _TOKEN_USER:
        return _Said(trouble=f"{program} keeps an identity token there, not a password")
    return _Said(Login(user, Secret(password)))
