"""What apt is told about Docker: every source that names it, the keyring, and pins."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from fleet.facts.framing import pairs
from fleet.model import Probe
from fleet.openpgp import primary_fingerprints

SOURCE_PATH = "/etc/apt/sources.list.d/docker.sources"
KEYRING_PATH = "/etc/apt/keyrings/docker.asc"
PIN_PATH = "/etc/apt/preferences.d/fleet-docker.pref"
"""apt reads files without an ending or with .pref there (apt_preferences(5))."""


def sha256_of(text: str) -> str:
    """The sha256 of a text file's content."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """One apt source, of either form; ``uri`` without a trailing slash."""

    path: str
    uri: str
    suite: str
    components: tuple[str, ...]
    architectures: tuple[str, ...] = ()
    signed_by: str = ""

    @property
    def serves_docker(self) -> bool:
        """True for Docker's engine packages, from download.docker.com or a mirror that keeps its layout."""
        parts = urlsplit(self.uri)
        return parts.hostname == "download.docker.com" or bool(
            re.search(r"(^|/)linux/(debian|ubuntu|raspbian)$", parts.path) and "docker" in self.uri
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources of Docker's packages, and the text of the file that is ours (empty when it is not there)."""

    sources: tuple[Source, ...] = ()
    ours: str = ""

    def foreign(self) -> tuple[Source, ...]:
        """Sources that serve Docker and are not in our file."""
        return tuple(s for s in self.sources if s.path != SOURCE_PATH and s.serves_docker)

    def active(self) -> Source | None:
        """The source of our own file."""
        return next((s for s in self.sources if s.path == SOURCE_PATH), None)


def read_sources(text: str) -> Sources:
    """Read ``path:line`` lines, as `grep -H ''` prints them."""
    files: dict[str, list[str]] = {}
    for row in text.splitlines():
        path, colon, line = row.partition(":")
        if colon and path.startswith("/"):
            files.setdefault(path, []).append(line)
    found = [s for path, lines in files.items() for s in read_source_file(path, lines)]
    ours = files.get(SOURCE_PATH)
    return Sources(tuple(found), "\n".join(ours) + "\n" if ours else "")


def read_source_file(path: str, lines: list[str]) -> list[Source]:
    """All enabled binary sources of one file, one-line or deb822 (sources.list(5))."""
    return _deb822(path, lines) if path.endswith(".sources") else _one_line(path, lines)


def _one_line(path: str, lines: list[str]) -> list[Source]:
    found = []
    for line in lines:
        match = re.match(r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<rest>[^#]*)", line)
        if match:
            options = dict(o.partition("=")[::2] for o in (match["options"] or "").split())
            found.append(
                Source(
                    path=path,
                    uri=match["uri"].rstrip("/"),
                    suite=match["suite"],
                    components=tuple(match["rest"].split()),
                    architectures=tuple(a for a in options.get("arch", "").split(",") if a),
                    signed_by=options.get("signed-by", ""),
                )
            )
    return found


def _deb822(path: str, lines: list[str]) -> list[Source]:
    text = "\n".join(line for line in lines if not line.startswith("#"))
    return [s for stanza in re.split(r"\n\s*\n", text) for s in _stanza(path, stanza)]


def _stanza(path: str, stanza: str) -> list[Source]:
    fields: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line[:1] in (" ", "\t"):
            fields[key] = f"{fields.get(key, '')} {line.strip()}"
        else:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in ("no", "false", "0"):
        return []
    return [
        Source(
            path=path,
            uri=uri.rstrip("/"),
            suite=suite,
            components=tuple(fields.get("components", "").split()),
            architectures=tuple(fields.get("architectures", "").split()),
            signed_by=" ".join(fields.get("signed-by", "").split()),
        )
        for uri in fields.get("uris", "").split()
        for suite in fields.get("suites", "").split()
    ]


SOURCES = Probe(
    name="sources",
    script="""
f=$(grep -lis docker /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources)
[ -n "$f" ] && printf '%s\\n' "$f" | xargs -d '\\n' grep -H '' | head -n 500
""",
    parse=read_sources,
    unknown=Sources(),
)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Docker's key on the host: fingerprints of its primary keys (empty: absent or no key), and who may read it."""

    fingerprints: tuple[str, ...] = ()
    sha256: str = ""
    mode: int = 0
    pin: str = ""

    @property
    def is_readable(self) -> bool:
        """True when apt's own user ``_apt`` can read it."""
        return bool(self.mode & 0o004)


def read_keyring(text: str) -> Keyring:
    """Read the key file (base64), its mode and the pin file (base64)."""
    found = pairs(text)
    key = _decoded(found.get("key", ""))
    try:
        fingerprints = primary_fingerprints(key) if key else ()
    except ValueError:
        fingerprints = ()
    return Keyring(
        fingerprints=fingerprints,
        sha256=hashlib.sha256(key).hexdigest() if key or found.get("mode") else "",
        mode=int(found.get("mode") or "0", 8),
        pin=_decoded(found.get("pin", "")).decode("utf-8", "replace"),
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


KEYRING = Probe(
    name="keyring",
    script=f"""
if [ -e {KEYRING_PATH} ]; then
printf 'mode='; stat -c %a {KEYRING_PATH}
printf 'key='; base64 -w0 {KEYRING_PATH}; echo
fi
if [ -e {PIN_PATH} ]; then printf 'pin='; base64 -w0 {PIN_PATH}; echo; fi
""",
    parse=read_keyring,
    unknown=Keyring(),
    as_root=True,
)


def deb822(*, uri: str, suite: str, channel: str, architecture: str) -> str:
    """The text of our source file, as docs.docker.com/engine/install writes it."""
    return (
        "# Written by fleet; changes by hand are undone by its next run.\n"
        f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {channel}\n"
        f"Architectures: {architecture}\nSigned-By: {KEYRING_PATH}\n"
    )


def with_ours(sources: Sources, text: str) -> Sources:
    """As they will be when our file has this text."""
    others = tuple(s for s in sources.sources if s.path != SOURCE_PATH)
    return replace(sources, sources=(*others, *read_source_file(SOURCE_PATH, text.splitlines())), ours=text)
