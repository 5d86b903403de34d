"""Docker's signing key is on the host, is the right one alone, and apt can read it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from fleet.facts.sources import KEYRING, KEYRING_FOLDER, KEYRING_PATH, Keyring
from fleet.files.fields import Url
from fleet.model import Blocked, Change, Facts, Options, Query, Run, Satisfied, Situation, Step, Unavailable, Verdict, Write
from fleet.queries import DOCKER_MIRROR, Key, KeyQuery
from fleet.steps.platform import platform

DOCKER_FINGERPRINT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
"""Primary key of "Docker Release (CE deb)", printed on docs.docker.com/engine/install/debian. The primary is pinned: the
signing subkey may be replaced, and the file may be exported anew."""


def _plain_fingerprint(text: str) -> str:
    plain = text.replace(" ", "").upper()
    if len(plain) != 40 or set(plain) - set("0123456789ABCDEF"):
        raise ValueError("a fingerprint has 40 hexadecimal digits; gpg --show-keys FILE prints it below 'pub'")
    return plain


class KeyringOptions(Options):
    """Where the key is, and which one it must be."""

    url: Url = Field(DOCKER_MIRROR, description="Docker's mirror; the key is at URL/linux/DISTRIBUTION/gpg.")
    fingerprint: Annotated[str, AfterValidator(_plain_fingerprint)] = Field(
        DOCKER_FINGERPRINT, description="Fingerprint of the primary key (40 hexadecimal digits, blanks allowed)."
    )


class KeyringStep(Step[KeyringOptions]):
    """The laptop fetches the key once for all hosts and checks it, so a host needs neither curl nor gpg."""

    name = "keyring"
    title = "Docker's signing key"
    requires = ("apt",)
    probes = (KEYRING,)
    means = True
    options = KeyringOptions

    def queries(self, facts: Facts, options: KeyringOptions) -> tuple[Query[Any], ...]:
        """The key, unless the right one is there."""
        if facts[KEYRING].fingerprints == (options.fingerprint,):
            return ()
        return (self._query(facts, options),)

    @staticmethod
    def _query(facts: Facts, options: KeyringOptions) -> KeyQuery:
        return KeyQuery(f"{options.url}/linux/{platform(facts).distribution}/gpg")

    def verdict(self, situation: Situation[KeyringOptions]) -> Verdict:
        """Compare fingerprints; a key other than the pinned one never reaches a host."""
        there, options = situation.facts[KEYRING], situation.options
        if there.fingerprints == (options.fingerprint,):
            return Satisfied(f"{KEYRING_PATH} holds {short(options.fingerprint)}") if there.is_readable else self._open(there)
        query = self._query(situation.facts, options)
        key = situation.catalog[query]
        if isinstance(key, Unavailable):
            return Blocked(key.why, key.hint)
        if key.fingerprints != (options.fingerprint,):
            return _wrong_key(query.url, key, options.fingerprint)
        why = f"another key is in {KEYRING_PATH}" if there.sha256 else "the key is missing"
        return Change(
            f"{why}; install {short(options.fingerprint)}",
            (Write(KEYRING_PATH, key.armored, was=there.sha256), *(() if there.is_folder_open else (_OPEN,))),
            after=lambda facts: facts.but(KEYRING, _with_key(facts[KEYRING], key)),
        )

    @staticmethod
    def _open(there: Keyring) -> Verdict:
        opened = replace(there, mode=there.mode | 0o444, folder_mode=there.folder_mode | 0o555)
        return Change(
            f"apt's user _apt can't read {KEYRING_PATH} (mode {there.mode:04o} in a folder of mode {there.folder_mode:04o})",
            (_OPEN,),
            after=lambda facts: facts.but(KEYRING, opened),
        )


_OPEN = Run("let apt read the key", f"chmod a+rx {KEYRING_FOLDER}\nchmod a+r {KEYRING_PATH}")


def short(fingerprint: str) -> str:
    """The last 16 digits, as apt shows a key."""
    return f"key …{fingerprint[-16:]}"


def _with_key(there: Keyring, key: Key) -> Keyring:
    sha256 = hashlib.sha256(key.armored.encode()).hexdigest()
    return replace(there, fingerprints=key.fingerprints, sha256=sha256, mode=0o644, folder_mode=there.folder_mode | 0o555)


def _wrong_key(url: str, key: Key, wanted: str) -> Blocked:
    found = ", ".join(key.fingerprints)
    return Blocked(
        f"{url} holds the key {found}, not the pinned {wanted}",
        "If this is your own mirror with its own key, set keyring: {fingerprint: …} in the recipe; if not, somebody sits"
        " between you and Docker: don't go on.",
    )
