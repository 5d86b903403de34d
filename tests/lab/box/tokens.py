"""Bearer tokens as Docker Hub's: who may read which repository, signed, good for five minutes.

The challenge and the token service follow distribution/distribution, docs/spec/auth/token.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable

from tests.lab.box.names import HUB_TOKENS

SERVICE = "registry.docker.io"
LIFETIME = 300  # seconds
USER, PASSWORD = "ann", "canary-Zb9fQ2"
"""The only account."""
PRIVATE = frozenset({"example/private"})
"""Repositories that nobody else may read."""


def is_account(authorization: str) -> bool | None:
    """Say whether the header has the account's user and password; None when it has none at all."""
    scheme, _, login = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    return hmac.compare_digest(login.encode(), base64.b64encode(f"{USER}:{PASSWORD}".encode()))


class Tokens:
    """Issues tokens and checks them; a token of another run is worth nothing."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def issue(self, repositories: Iterable[str]) -> str:
        """Return a token that lets its bearer read these repositories."""
        claims = {"access": sorted(repositories), "exp": time.time() + LIFETIME}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
        return f"{payload}.{self._signature(payload)}"

    def fault(self, authorization: str, repository: str) -> str | None:
        """Return None when the header allows reading the repository ("" for none), else the reason.

        The reason is an error code of the challenge, empty when there was no token at all.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return ""
        payload, _, signature = token.partition(".")
        if not hmac.compare_digest(signature, self._signature(payload)):
            return "invalid_token"
        claims = json.loads(base64.urlsafe_b64decode(payload))
        if claims["exp"] < time.time():
            return "invalid_token"
        return None if not repository or repository in claims["access"] else "insufficient_scope"

    def _signature(self, payload: str) -> str:
        return hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()


def challenge(repository: str, fault: str) -> str:
    """Return the Www-Authenticate header of a refusal."""
    words = [f'Bearer realm="https://{HUB_TOKENS}/token"', f'service="{SERVICE}"']
    if repository:
        words.append(f'scope="repository:{repository}:pull"')
    if fault:
        words.append(f'error="{fault}"')
    return ",".join(words)
