"""What apt is told about Docker: every source that names it, the keyring, and pins."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from fleet.facts.framing import pairs
from fleet.formats.openpgp import is_armored, primary_fingerprints
from fleet.model import Probe

SOURCE_PATH = "/etc/apt/sources.list.d/docker.sources"
KEYRING_FOLDER = "/etc/apt/keyrings"
KEYRING_PATH = f"{KEYRING_FOLDER}/docker.asc"
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
    """Sources of Docker's packages, and the text of the file that is ours with its checksum (empty when it is not there)."""

    sources: tuple[Source, ...] = ()
    ours: str = ""
    sha256: str = ""

    def foreign(self) -> tuple[Source, ...]:
        """Sources that serve Docker and are not in our file."""
        return tuple(s for s in self.sources if s.path != SOURCE_PATH and s.serves_docker)

    def active(self) -> Source | None:
        """The source of our own file."""
        return next((s for s in self.sources if s.path == SOURCE_PATH), None)


def read_sources(text: str) -> Sources:
    """Read ``path:line`` lines, as `grep -H ''` prints them, and our own file (base64)."""
    files: dict[str, list[str]] = {}
    for row in text.split("\n"):
        path, colon, line = row.partition(":")
        if colon and path.startswith("/"):
            files.setdefault(path, []).append(line)
    found = [s for path, lines in files.items() for s in read_source_file(path, lines)]
    docker = tuple(s for s in found if s.serves_docker or s.path == SOURCE_PATH)
    ours = pairs(text).get("ours")
    if ours is None:
        return Sources(docker)
    content = _decoded(ours)
    return Sources(docker, content.decode("utf-8", "replace"), hashlib.sha256(content).hexdigest())


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
    script=f"""
grep -asH '' /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources
if [ -e {SOURCE_PATH} ]; then printf 'ours='; base64 -w0 {SOURCE_PATH}; echo; fi
""",
    parse=read_sources,
    unknown=Sources(),
    as_root=True,
)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Docker's key on the host: fingerprints of its primary keys (empty: absent or no key), and who may read it.

    ``pin`` is the text of our pin file. The checksums are empty where there is no file.
    """

    fingerprints: tuple[str, ...] = ()
    sha256: str = ""
    mode: int = 0
    folder_mode: int = 0o755
    pin: str = ""
    pin_sha256: str = ""

    @property
    def is_folder_open(self) -> bool:
        """True when everybody can look into the folder; also while there is none."""
        return self.folder_mode & 0o005 == 0o005

    @property
    def is_readable(self) -> bool:
        """True when apt's own user ``_apt`` can read it."""
        return self.is_folder_open and bool(self.mode & 0o004)


def read_keyring(text: str) -> Keyring:
    """Read the key file (base64), the modes of it and of its folder, and the pin file (base64)."""
    found = pairs(text)
    key, pin = _decoded(found.get("key", "")), _decoded(found.get("pin", ""))
    return Keyring(
        fingerprints=_fingerprints(key),
        sha256=hashlib.sha256(key).hexdigest() if "key" in found else "",
        mode=int(found.get(KEYRING_PATH, "0"), 8),
        folder_mode=int(found.get(KEYRING_FOLDER, "755"), 8),
        pin=pin.decode("utf-8", "replace"),
        pin_sha256=hashlib.sha256(pin).hexdigest() if "pin" in found else "",
    )


def _fingerprints(key: bytes) -> tuple[str, ...]:
    """None for what apt would not take: in a file named .asc it wants the ASCII form (sources.list(5), Signed-By)."""
    try:
        return primary_fingerprints(key) if is_armored(key) else ()
    except ValueError:
        return ()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


KEYRING = Probe(
    name="keyring",
    script=f"""
stat -L -c '%n=%a' {KEYRING_FOLDER} {KEYRING_PATH}
if [ -e {KEYRING_PATH} ]; then printf 'key='; base64 -w0 {KEYRING_PATH}; echo; fi
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
    found = read_source_file(SOURCE_PATH, text.splitlines())
    return replace(sources, sources=(*others, *found), ours=text, sha256=sha256_of(text))
