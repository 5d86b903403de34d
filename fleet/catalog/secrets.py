"""Secrets of the laptop: read where the recipe says, when they are needed, and kept nowhere."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from functools import lru_cache
from pathlib import Path

from fleet.errors import CatalogError
from fleet.queries import SecretQuery
from fleet.shell import Secret

_COMMAND_SECONDS = 60
_LARGEST = 64 * 1024
_SALT = b"fleet stack secret"


@lru_cache(maxsize=256)
def mark_of(secret: Secret) -> str:
    """What shows a change of the secret, and nothing else: scrypt (RFC 7914), so that guessing at it is slow."""
    told = hashlib.scrypt(_bytes(secret), salt=_SALT, n=2**14, r=8, p=1, dklen=12)
    return told.hex()


def content_of(secret: Secret) -> bytes:
    """The secret as it is written on the host."""
    return _bytes(secret)


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogateescape")


def secret(query: SecretQuery) -> Secret:
    """Read it; raises CatalogError with the way out. One line break at the end is no part of a file's or command's."""
    match query.kind:
        case "env":
            text = os.environ.get(query.what, "")
            hint = f"Set it: export {query.what}=…"
        case "file":
            text = _file(query.what).removesuffix("\n")
            hint = f"Write it into {query.what}."
        case _:
            text = _output(query.what).removesuffix("\n")
            hint = "Try the command in your shell: it must print the secret."
    if not text:
        raise CatalogError(f"a secret is empty or missing: {query.kind} {query.what}", hint)
    if len(text) > _LARGEST:
        raise CatalogError(f"a secret has over {_LARGEST // 1024} KiB: {query.kind} {query.what}", "Is it the right one?")
    return Secret(text)


def _file(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(_LARGEST + 2).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise CatalogError(f"a secret can't be read: {path}: {error.strerror}", "Correct its path in the recipe.") from None


def _output(line: str) -> str:
    try:
        done = subprocess.run(shlex.split(line), stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CatalogError(f"a secret's command took over {_COMMAND_SECONDS} seconds: {line}", "Try it in your shell.") from None
    except (OSError, ValueError) as error:
        raise CatalogError(f"a secret's command can't be run: {line}: {error}", "Try it in your shell.") from None
    if done.returncode:
        raise CatalogError(f"a secret's command ended with exit code {done.returncode}: {line}", "Try it in your shell.")
    return done.stdout.decode("utf-8", "surrogateescape")
