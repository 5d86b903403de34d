"""The distribution's mirror: found in this machine's own apt configuration, served through a cache.

``LAB_MIRROR`` (a URL such as ``http://HOST/debian``) overrides it; a machine that is not Debian needs it,
since the hosts of the lab are Debian's.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.lab.box.process import LabError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^]]*]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


@dataclass(frozen=True)
class Mirror:
    """One archive of the distribution; `name` is what hosts call it, `origin` where it really is."""

    origin: str

    @property
    def name(self) -> str:
        """The mirror's own host name; for an address or localhost, which hosts can't share, a made-up one."""
        host = urlsplit(self.origin).hostname or ""
        return "mirror.lab.internal" if host == "localhost" or _is_address(host) else host

    @property
    def path(self) -> str:
        """The archive's path, such as ``/debian``."""
        return urlsplit(self.origin).path.rstrip("/")

    @property
    def url(self) -> str:
        """What hosts write into their sources: by name, http, so that the cache can be asked."""
        return f"http://{self.name}{self.path}"


def find() -> Mirror:
    """Return the Debian archive that this machine uses; `LabError` when there is none."""
    override = os.environ.get("LAB_MIRROR")
    uri = override or next(_main_archives(), "")
    if not re.match(r"^https?://[^/]+", uri):
        raise LabError(
            f"No Debian mirror in this machine's apt configuration{f' ({uri})' if uri else ''}. "
            "Set LAB_MIRROR to the URL of one, such as http://HOST/debian."
        )
    return Mirror(uri.rstrip("/"))


def sources(suite: str) -> str:
    """Return the text of a host's /etc/apt/sources.list.d/debian.sources."""
    return _deb822(find().url, [suite])


def machine_sources(*suites: str) -> str:
    """Return the same for apt on this machine, asking the mirror itself."""
    return _deb822(find().origin, suites)


def _deb822(uri: str, suites: list[str] | tuple[str, ...]) -> str:
    return f"Types: deb\nURIs: {uri}\nSuites: {' '.join(suites)}\nComponents: main\nSigned-By: {KEYRING}\n"


def _main_archives() -> Iterator[str]:
    """URIs of component main of the suite this machine runs: that is the distribution's own archive."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', Path("/etc/os-release").read_text(), re.M))
    codename = release.get("VERSION_CODENAME") if release.get("ID") == "debian" else None
    for uri, suites, components in _entries():
        if codename in suites and "main" in components:
            yield uri


def _entries() -> Iterator[tuple[str, list[str], list[str]]]:
    main, parts = (_apt_path(key) for key in ("Dir::Etc::sourcelist", "Dir::Etc::sourceparts"))
    for file in [main, *sorted(parts.glob("*"))]:
        if file.suffix == ".list" and file.is_file():
            yield from _one_line(file.read_text())
        elif file.suffix == ".sources":
            yield from _stanzas(file.read_text())


def _one_line(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        if match := _ONE_LINE.match(line.partition("#")[0].strip()):
            yield match["uri"], [match["suite"]], match["components"].split()


def _stanzas(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    for stanza in re.split(r"\n\s*\n", re.sub(r"\n[ \t]+", " ", text)):
        fields = {key.lower(): value.split() for key, value in re.findall(r"^([\w-]+):(.*)$", stanza, re.M)}
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
            for uri in fields.get("uris", [])[:1]:
                yield uri, fields.get("suites", []), fields.get("components", [])


def _apt_path(key: str) -> Path:
    words = ["apt-config", "shell", "found", f"{key}/f"]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return Path(text.partition("'")[2].rpartition("'")[0] or "/nonexistent")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
