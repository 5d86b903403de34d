"""apt repositories: the signing key, what suites there are, and the versions in them.

The laptop reads Release and Packages to plan, and checks sums to notice a broken mirror. It does not verify signatures:
nothing is installed from what it reads. The host's apt does that, with the key whose fingerprint is pinned.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, cast

from fleet.catalog.http import NOT_FOUND, Response, Web
from fleet.errors import CatalogError
from fleet.formats.debversion import newest_first
from fleet.formats.openpgp import is_armored, primary_fingerprints
from fleet.queries import Key, KeyQuery, Suite, SuiteQuery

_LARGEST_KEY = 1 << 20
_LARGEST_RELEASE = 8 << 20
_LARGEST_INDEX = 128 << 20
"""Bytes, packed and unpacked. Docker's for Ubuntu noble has under 1 MiB, Debian's main 50."""
_MAY_BE_MISSING = frozenset({NOT_FOUND})
_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = "\n-----BEGIN PGP SIGNATURE-----"
_INCOMPLETE = "If it is a mirror, it may just be updating: try again in some minutes, or take another one."


_Opener = Callable[[io.BytesIO], IO[bytes]]
_OPENERS: Mapping[str, _Opener] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    ".xz": lzma.LZMAFile,
    ".bz2": bz2.BZ2File,
    "": lambda file: file,
}


# ── the key ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def key(web: Web, query: KeyQuery) -> Key:
    """Fetch a signing key; it must be in ASCII, since apt wants that of a file that ends in .asc."""
    body = web.get(query.url, limit=_LARGEST_KEY).body
    if not is_armored(body):
        raise CatalogError(
            f"{query.url} holds no signing key in ASCII form: it begins with {_begin(body)}",
            "Check the URL in the recipe. A network with a login page answers with that page; a binary key becomes ASCII by:"
            " gpg --no-default-keyring --keyring ./FILE --armor --export",
        )
    try:
        return Key(body.decode("ascii"), primary_fingerprints(body))
    except ValueError as error:
        raise CatalogError(
            f"{query.url} holds a key that can't be used: {error}", "Check the URL; download the key anew."
        ) from error


def _begin(body: bytes) -> str:
    return repr(body[:40].decode("ascii", "replace"))


# ── the suite ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Release:
    """What matters of a Release file (wiki.debian.org/DebianRepository/Format)."""

    base: str
    architectures: frozenset[str]
    sums: Mapping[str, str]


def suite(web: Web, query: SuiteQuery) -> Suite:
    """Find out what a suite has for an architecture; several components may be named, apart by blanks."""
    base = f"{query.repository.rstrip('/')}/dists/{query.codename}"
    release = _release(web, base)
    if release is None:
        return Suite(exists=False, serves=False)
    if release.architectures and query.architecture not in release.architectures:
        return Suite(exists=True, serves=False)
    indexes = [_index(web, release, f"{channel}/binary-{query.architecture}/Packages") for channel in query.channel.split()]
    found: dict[str, list[str]] = {}
    for package, version in (pair for index in indexes for pair in _packages(index)):
        found.setdefault(package, []).append(version)
    return Suite(exists=True, serves=bool(found), versions={name: newest_first(found[name]) for name in sorted(found)})


def _release(web: Web, base: str) -> _Release | None:
    """InRelease, or Release, which older mirrors have alone."""
    for name in ("InRelease", "Release"):
        answer = web.get(f"{base}/{name}", limit=_LARGEST_RELEASE, expect=_MAY_BE_MISSING)
        if answer.status != NOT_FOUND:
            return _read_release(base, answer)
    return None


def _read_release(base: str, answer: Response) -> _Release:
    text = answer.body.decode("utf-8", "replace").replace("\r\n", "\n")
    if text.startswith(_SIGNED):
        text = text.partition("\n\n")[2].partition(_SIGNATURE)[0]
    fields = dict(_fields(text))
    if not {"codename", "suite", "sha256"} & fields.keys():
        raise CatalogError(
            f"{answer.url} is no Release file of apt: it begins with {_begin(answer.body)}",
            "Check the URL in the recipe; a proxy or a network's login page may have answered instead.",
        )
    sums = (line.split() for line in fields.get("sha256", "").splitlines())
    return _Release(base, frozenset(fields.get("architectures", "").split()), {row[2]: row[0] for row in sums if len(row) == 3})


def _fields(text: str) -> Iterator[tuple[str, str]]:
    name, lines = "", list[str]()
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            lines.append(line)
            continue
        yield name, "\n".join(lines)
        name, _, value = line.partition(":")
        name, lines = name.lower(), [value]
    yield name, "\n".join(lines)


def _index(web: Web, release: _Release, path: str) -> str:
    """The text of a Packages file; empty when the suite has none there."""
    listed = [ending for ending in _OPENERS if path + ending in release.sums]
    for ending in listed or _OPENERS:
        url = f"{release.base}/{path}{ending}"
        answer = web.get(url, limit=_LARGEST_INDEX, expect=_MAY_BE_MISSING)
        if answer.status != NOT_FOUND:
            _check(url, answer.body, release.sums.get(path + ending))
            return _unpacked(url, answer.body, _OPENERS[ending])
    if listed:
        raise CatalogError(f"{release.base} lists {path}, which is not there", _INCOMPLETE)
    return ""


def _check(url: str, body: bytes, wanted: str | None) -> None:
    found = hashlib.sha256(body).hexdigest()
    if wanted and found != wanted.lower():
        raise CatalogError(f"{url} does not match its Release file: its sha256 is {found}, not {wanted}", _INCOMPLETE)


def _unpacked(url: str, body: bytes, opener: _Opener) -> str:
    try:
        with opener(io.BytesIO(body)) as file:
            data = file.read(_LARGEST_INDEX + 1)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise CatalogError(f"{url} can't be unpacked: {error}", _INCOMPLETE) from error
    if len(data) > _LARGEST_INDEX:
        raise CatalogError(
            f"{url} unpacks to over {_LARGEST_INDEX >> 20} MiB", "Check the URL in the recipe: that is no index of Docker's."
        )
    return data.decode("utf-8", "replace")


def _packages(index: str) -> Iterator[tuple[str, str]]:
    """Name and version of every stanza. Only these two lines are looked at: an index has thousands of others."""
    package = version = ""
    for line in [*index.splitlines(), ""]:
        if line.startswith("Package:"):
            package = line[8:].strip()
        elif line.startswith("Version:"):
            version = line[8:].strip()
        elif not line:
            if package and version:
                yield package, version
            package = version = ""
