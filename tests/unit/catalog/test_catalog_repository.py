"""Keys and suites of apt repositories, as mirrors serve them and as they should not."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.catalog import Resolver
from fleet.model import Unavailable
from fleet.queries import Key, KeyQuery, Suite, SuiteQuery
from tests.support.keys import armored, public_key
from tests.unit.catalog.web import Answer, Site

BASE = "/linux/ubuntu/dists/noble"
INDEX = f"{BASE}/stable/binary-amd64/Packages"
PACKAGES = "".join(
    f"Package: {name}\nArchitecture: amd64\nVersion: {version}\nDescription: x\n Version: 9\n\n"
    for name, version in (
        ("docker-ce", "5:28.5.2-1~ubuntu.24.04~noble"),
        ("docker-ce", "5:28.10.0-1~ubuntu.24.04~noble"),
        ("docker-ce", "5:29.0.0~rc.1-1~ubuntu.24.04~noble"),
        ("docker-ce", "5:28.5.2-1~ubuntu.24.04~noble"),
        ("containerd.io", "1.7.27-1"),
    )
).encode()
FOUND = {
    "containerd.io": ("1.7.27-1",),
    "docker-ce": tuple(f"5:{v}-1~ubuntu.24.04~noble" for v in ("29.0.0~rc.1", "28.10.0", "28.5.2")),
}


def release(files: dict[str, bytes], architectures: str = "amd64 arm64 armhf", signed: bool = True) -> Answer:
    """A Release file as apt-ftparchive writes it, clear-signed."""
    sums = "".join(f" {hashlib.sha256(data).hexdigest()} {len(data):>8} {path}\n" for path, data in files.items())
    md5 = "".join(f" {hashlib.md5(data).hexdigest()} {len(data)} {path}\n" for path, data in files.items())
    text = f"Origin: Docker\nSuite: noble\nCodename: noble\nArchitectures: {architectures}\nMD5Sum:\n{md5}SHA256:\n{sums}"
    if signed:
        signature = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
        text = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}{signature}"
    return Answer(text.encode())


@pytest.fixture
def ask(https: Site, resolver: Resolver) -> Callable[..., Suite | Unavailable]:
    """Look up noble's stable packages for amd64 unless told otherwise."""

    def look_up(architecture: str = "amd64", channel: str = "stable", codename: str = "noble") -> Suite | Unavailable:
        query = SuiteQuery(f"{https.url}/linux/ubuntu", codename, channel, architecture)
        return resolver.resolve([query])[query]

    return look_up


Ask = Callable[..., Suite | Unavailable]


# ── what is right ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress), ("", lambda data: data)]
)
@pytest.mark.parametrize("listed", [True, False])
def test_versions_come_newest_first(https: Site, ask: Ask, ending: str, pack: Callable[[bytes], bytes], listed: bool) -> None:
    """Whatever the index is packed with, and whether or not Release lists it; only what is listed is asked for."""
    data = pack(PACKAGES)
    https.routes[f"{BASE}/InRelease"] = release({f"stable/binary-amd64/Packages{ending}": data} if listed else {})
    https.routes[INDEX + ending] = Answer(data)
    assert ask() == Suite(exists=True, serves=True, versions=FOUND)
    if listed:
        assert https.paths == [f"{BASE}/InRelease", INDEX + ending]


def test_release_alone_will_do(https: Site, ask: Ask) -> None:
    """Old mirrors have Release and Release.gpg, and no InRelease."""
    data = gzip.compress(PACKAGES)
    https.routes[f"{BASE}/Release"] = release({"stable/binary-amd64/Packages.gz": data}, signed=False)
    https.routes[f"{INDEX}.gz"] = Answer(data)
    assert ask() == Suite(exists=True, serves=True, versions=FOUND)


def test_several_components_are_one_suite(https: Site, ask: Ask) -> None:
    """A source with `stable test` offers the versions of both; one that is missing adds nothing."""
    https.routes[f"{BASE}/InRelease"] = release({})
    https.routes[f"{INDEX}.gz"] = Answer(gzip.compress(b"Package: a\nVersion: 1.9\n\n"))
    https.routes[f"{BASE}/test/binary-amd64/Packages"] = Answer(b"Package: a\nVersion: 1.10\n\nPackage: a\nVersion: 1.9\n")
    assert ask(channel="stable test nightly") == Suite(exists=True, serves=True, versions={"a": ("1.10", "1.9")})


def test_a_mirror_without_tls(http: Site, resolver: Resolver) -> None:
    """http:// is fine: what makes packages trustworthy is the pinned key."""
    http.routes[f"{BASE}/InRelease"] = release({})
    http.routes[f"{INDEX}.gz"] = Answer(gzip.compress(PACKAGES))
    query = SuiteQuery(f"{http.url}/linux/ubuntu/", "noble", "stable", "amd64")
    assert resolver.resolve([query])[query] == Suite(exists=True, serves=True, versions=FOUND)


def test_a_large_index_is_read_in_no_time(https: Site, ask: Ask) -> None:
    """5000 stanzas with long descriptions: ten times Docker's own, read in a second."""
    description = " words words\n" * 20
    index = "".join(f"Package: p{i % 9}\nVersion: 5:{i}.0-1~x\nDescription: y\n{description}\n" for i in range(5000))
    https.routes[f"{BASE}/InRelease"] = release({})
    https.routes[f"{INDEX}.gz"] = Answer(gzip.compress(index.encode(), 1))
    began = time.process_time()
    suite = ask()
    assert isinstance(suite, Suite)
    assert [len(versions) for versions in suite.versions.values()] == [556] * 5 + [555] * 4
    assert suite.versions["p0"][0] == "5:4995.0-1~x"
    assert time.process_time() - began < 2


# ── what is not there ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_suite_that_does_not_exist(https: Site, ask: Ask) -> None:
    """404 for InRelease and for Release: a codename that Docker does not publish."""
    assert ask(codename="zesty") == Suite(exists=False, serves=False)
    assert https.paths == ["/linux/ubuntu/dists/zesty/InRelease", "/linux/ubuntu/dists/zesty/Release"]


def test_an_architecture_that_release_does_not_name(https: Site, ask: Ask) -> None:
    """Known from Release alone; its index is not asked for."""
    https.routes[f"{BASE}/InRelease"] = release({}, architectures="armhf")
    assert ask("arm64") == Suite(exists=True, serves=False)
    assert len(https.log) == 1


@pytest.mark.parametrize("index", [None, b"", b"\n\n"])
def test_an_architecture_without_packages(https: Site, ask: Ask, index: bytes | None) -> None:
    """No index, or an empty one, where Release promises nothing: the suite does not serve it."""
    https.routes[f"{BASE}/InRelease"] = release({}, architectures="amd64 riscv64")
    if index is not None:
        https.routes[f"{BASE}/stable/binary-riscv64/Packages.gz"] = Answer(gzip.compress(index))
    assert ask("riscv64") == Suite(exists=True, serves=False)


# ── what is wrong ────────────────────────────────────────────────────────────────────────────────────────────────────


def unavailable(answer: object) -> Unavailable:
    """The answer, which must be one that says why and what to do."""
    assert isinstance(answer, Unavailable)
    assert answer.hint
    assert "http" in answer.why, "it names the URL"
    return answer


def test_an_index_that_does_not_match_release(https: Site, ask: Ask) -> None:
    """A mirror in the middle of an update: both sums are told."""
    data = gzip.compress(PACKAGES)
    https.routes[f"{BASE}/InRelease"] = release({"stable/binary-amd64/Packages.gz": b"another"})
    https.routes[f"{INDEX}.gz"] = Answer(data)
    answer = unavailable(ask())
    assert "does not match its Release file" in answer.why
    assert hashlib.sha256(data).hexdigest() in answer.why
    assert hashlib.sha256(b"another").hexdigest() in answer.why
    assert "mirror" in answer.hint


def test_an_index_that_is_listed_and_missing(https: Site, ask: Ask) -> None:
    """Release promises it, so it is the mirror that is incomplete, not Docker that does not serve the architecture."""
    https.routes[f"{BASE}/InRelease"] = release({"stable/binary-amd64/Packages.gz": b"x"})
    assert "which is not there" in unavailable(ask()).why


@pytest.mark.parametrize("ending", [".gz", ".xz", ".bz2"])
@pytest.mark.parametrize("cut", [b"no archive at all", None])
def test_a_broken_archive(https: Site, ask: Ask, ending: str, cut: bytes | None) -> None:
    """Nonsense, and an archive that ends too early."""
    whole = {".gz": gzip.compress(PACKAGES), ".xz": lzma.compress(PACKAGES), ".bz2": bz2.compress(PACKAGES)}
    data = cut or whole[ending][:-9]
    https.routes[f"{BASE}/InRelease"] = release({f"stable/binary-amd64/Packages{ending}": data})
    https.routes[INDEX + ending] = Answer(data)
    assert "can't be unpacked" in unavailable(ask()).why


def test_a_bomb_is_defused(https: Site, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that unpacks to more than any index has is not unpacked to its end."""
    monkeypatch.setattr("fleet.catalog.repository._LARGEST_INDEX", 1 << 20)
    https.routes[f"{BASE}/InRelease"] = release({})
    https.routes[f"{INDEX}.gz"] = Answer(gzip.compress(b"\n" * (8 << 20)))
    assert "unpacks to over 1 MiB" in unavailable(ask()).why


@pytest.mark.parametrize("page", [b"<html>\n<p>Log in: room\n</html>", b"", b"\xff\xfe\x00binary"])
def test_a_page_in_place_of_release(https: Site, ask: Ask, page: bytes) -> None:
    """A hotel's login page answers 200 to everything."""
    https.routes[f"{BASE}/InRelease"] = Answer(page)
    answer = unavailable(ask())
    assert "is no Release file of apt" in answer.why
    assert "login page" in answer.hint


@pytest.mark.parametrize("status", [403, 500])
def test_a_refusal_is_not_taken_for_a_missing_suite(https: Site, ask: Ask, status: int) -> None:
    """Only 404 says that it is not there."""
    https.routes[f"{BASE}/InRelease"] = Answer(status=status)
    assert str(status) in unavailable(ask()).why


def test_a_repository_that_is_no_url(resolver: Resolver) -> None:
    """A source of the host may name a file or a CD."""
    query = SuiteQuery("file:/srv/mirror", "noble", "stable", "amd64")
    assert "no http or https URL" in str(resolver.resolve([query])[query])


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_and_its_fingerprint(https: Site, resolver: Resolver) -> None:
    """Text as it came, primary fingerprints beside it."""
    text = armored(public_key(b"x" * 100))
    https.routes["/gpg"] = Answer(text)
    query = KeyQuery(f"{https.url}/gpg")
    key = resolver.resolve([query])[query]
    assert isinstance(key, Key)
    assert key.armored.encode() == text
    assert [len(f) for f in key.fingerprints] == [40]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "no signing key in ASCII form"),
        (public_key(b"x"), "no signing key in ASCII form"),
        (armored(b"\x99\x00\x01"), "cut-off"),
        (armored(public_key(b"x")) + "ä".encode(), "ascii"),
        (armored(public_key(b"x")) + b"-----BEGIN PGP MESSAGE-----\n", "something else"),
        (b"x" * (1 << 20) + b"x", "over 1 MiB"),
    ],
)
def test_what_is_no_key(https: Site, resolver: Resolver, body: bytes, words: str) -> None:
    """Pages, binary keys, broken ones and those with something beside them never reach a host."""
    https.routes["/gpg"] = Answer(body)
    query = KeyQuery(f"{https.url}/gpg")
    assert words in unavailable(resolver.resolve([query])[query]).why


def test_a_key_that_is_missing(https: Site, resolver: Resolver, tmp_path: Path) -> None:
    """404 with the URL that was asked."""
    query = KeyQuery(f"{https.url}/linux/ubuntu/gpg")
    answer = unavailable(resolver.resolve([query])[query])
    assert answer.why == f"{https.url}/linux/ubuntu/gpg can't be fetched: the server answers 404 Not Found"
