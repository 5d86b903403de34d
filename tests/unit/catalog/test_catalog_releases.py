"""Releases of Compose, and downloads."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

from fleet.catalog import Resolver, cache_folder, download
from fleet.errors import CatalogError
from fleet.model import Unavailable
from fleet.queries import ComposeQuery, ComposeRelease
from tests.unit.catalog.web import Answer, Site

ASSET = "docker-compose-linux-aarch64"
SUM = hashlib.sha256(b"a binary").hexdigest()
OTHER = hashlib.sha256(b"another").hexdigest()
FOLDER = "/releases/download/v5.5.1"


@pytest.fixture
def ask(https: Site, resolver: Resolver) -> Callable[..., ComposeRelease | Unavailable]:
    """Look a release up on the site."""

    def look_up(version: str = "5.5.1", machine: str = "aarch64") -> ComposeRelease | Unavailable:
        query = ComposeQuery(f"{https.url}/releases", version, machine)
        return resolver.resolve([query])[query]

    return look_up


Ask = Callable[..., ComposeRelease | Unavailable]


@pytest.mark.parametrize(
    "listing",
    [
        f"{OTHER} *docker-compose-linux-armv7\n{SUM} *{ASSET}\n",
        f"{SUM.upper()}  {ASSET}\r\n",
        f"# comment\n{SUM} {ASSET}",
    ],
)
def test_checksums_are_read_in_all_forms(https: Site, ask: Ask, listing: str) -> None:
    """Binary and text mode of sha256sum, upper case, line ends of other systems."""
    https.routes[f"{FOLDER}/checksums.txt"] = Answer(listing.encode())
    assert ask() == ComposeRelease("5.5.1", f"{https.url}{FOLDER}/{ASSET}", SUM)


def test_a_v_in_the_version_is_not_doubled(https: Site, ask: Ask) -> None:
    """v5.5.1 and 5.5.1 are the same release."""
    https.routes[f"{FOLDER}/checksums.txt"] = Answer(f"{SUM} *{ASSET}\n".encode())
    assert ask("v5.5.1") == ask("5.5.1")


@pytest.mark.parametrize("own", [f"{SUM} *{ASSET}\n", f"{SUM}\n"])
@pytest.mark.parametrize("listing", [None, f"{OTHER} *docker-compose-linux-armv7\n"])
def test_the_assets_own_checksum_is_the_fallback(https: Site, ask: Ask, own: str, listing: str | None) -> None:
    """A mirror may have kept only one of the two files."""
    if listing:
        https.routes[f"{FOLDER}/checksums.txt"] = Answer(listing.encode())
    https.routes[f"{FOLDER}/{ASSET}.sha256"] = Answer(own.encode())
    assert ask() == ComposeRelease("5.5.1", f"{https.url}{FOLDER}/{ASSET}", SUM)


def test_the_latest_is_where_the_redirect_leads(https: Site, http: Site, ask: Ask) -> None:
    """The page behind it is not fetched; checksums may be on another host."""
    https.routes["/releases/latest"] = Answer(status=302, headers={"Location": f"{https.url}/releases/tag/v5.5.1"})
    https.routes[f"{FOLDER}/checksums.txt"] = Answer(status=302, headers={"Location": f"{https.url}/assets/1"})
    https.routes["/assets/1"] = Answer(f"{SUM} *{ASSET}\n".encode())
    assert ask("") == ComposeRelease("5.5.1", f"{https.url}{FOLDER}/{ASSET}", SUM)
    assert https.paths == ["/releases/latest", f"{FOLDER}/checksums.txt", "/assets/1"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>"),
        Answer(status=404),
        Answer(status=302, headers={"Location": "/login"}),
        Answer(status=302, headers={"Location": "/releases/tag/"}),
        Answer(status=302, headers={"Location": "/releases/tag/nightly"}),
        Answer(status=302, headers={"Location": "/releases/tag/v1.0%2f..%2f..%2fevil"}),
        Answer(status=302),
    ],
)
def test_no_latest_release(https: Site, ask: Ask, answer: Answer) -> None:
    """A mirror without /latest, a login page, tags that are no version: the recipe has to name one."""
    https.routes["/releases/latest"] = answer
    found = ask("")
    assert isinstance(found, Unavailable)
    assert "does not say which Compose release is the latest" in found.why
    assert "version" in found.hint


def test_a_release_that_is_not_there(https: Site, ask: Ask) -> None:
    """With the reminder that whole versions are meant, when it is none."""
    found, short = ask("9.9.9"), ask("5.5")
    assert isinstance(found, Unavailable)
    assert isinstance(short, Unavailable)
    assert f"there is no Compose release 9.9.9 with checksums at {https.url}" in found.why
    assert "All three numbers" not in found.hint
    assert "All three numbers" in short.hint


def test_a_machine_that_compose_is_not_built_for(https: Site, ask: Ask) -> None:
    """The release exists, its file for this machine does not."""
    https.routes[f"{FOLDER}/checksums.txt"] = Answer(f"{SUM} *{ASSET}\n".encode())
    found = ask(machine="mips")
    assert isinstance(found, Unavailable)
    assert "has no checksum for docker-compose-linux-mips" in found.why


# ── downloads ────────────────────────────────────────────────────────────────────────────────────────────────────────


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_is_kept_by_its_checksum(https: Site, resolver: Resolver, tmp_path: Path) -> None:
    """In the user's cache folder; the second run does not fetch it again, from whichever URL."""
    https.routes["/x"] = Answer(status=302, headers={"Location": "/y"})
    https.routes["/y"] = Answer(b"a binary")
    file = resolver.download(f"{https.url}/x", SUM.upper())
    assert file == tmp_path / "cache/fleet/downloads" / SUM
    assert file.read_bytes() == b"a binary"
    assert download(f"{https.url}/elsewhere", SUM) == file
    assert https.paths == ["/x", "/y"]
    assert files(tmp_path / "cache") == [SUM]


def test_many_threads_download_once(https: Site, resolver: Resolver, tmp_path: Path) -> None:
    """A fleet of hosts wants the same binary at the same moment."""
    https.routes["/x"] = Answer(b"a binary", pause=0.02)
    with ThreadPoolExecutor(20) as pool:
        found = set(pool.map(lambda _: resolver.download(f"{https.url}/x", SUM), range(20)))
    assert found == {tmp_path / "cache/fleet/downloads" / SUM}
    assert https.paths == ["/x"]


def test_a_wrong_checksum_keeps_nothing(https: Site, resolver: Resolver, tmp_path: Path) -> None:
    """Both sums are told, with a remedy."""
    https.routes["/x"] = Answer(b"another")
    with pytest.raises(CatalogError, match="is not what it should be") as caught:
        resolver.download(f"{https.url}/x", SUM)
    assert SUM in caught.value.message
    assert OTHER in caught.value.message
    assert "take another version" in caught.value.hint
    assert files(tmp_path / "cache") == []


def test_a_damaged_file_of_the_cache_is_fetched_anew(https: Site, resolver: Resolver) -> None:
    """A disk that was full, a hand that changed it: the checksum decides, not the name."""
    https.routes["/x"] = Answer(b"a binary")
    file = resolver.download(f"{https.url}/x", SUM)
    file.write_bytes(b"a bin")
    assert resolver.download(f"{https.url}/x", SUM).read_bytes() == b"a binary"


def test_a_kept_file_is_checked_once(https: Site, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred hosts that want it don't have it read a hundred times."""
    https.routes["/x"] = Answer(b"a binary")
    file = resolver.download(f"{https.url}/x", SUM)
    reader = Mock(wraps=hashlib.file_digest)
    monkeypatch.setattr(hashlib, "file_digest", reader)
    for _ in range(5):
        assert resolver.download(f"{https.url}/x", SUM) == file
    assert reader.call_count == 1


def test_a_broken_download_is_tried_again_from_the_start(https: Site, resolver: Resolver, tmp_path: Path) -> None:
    """What came before the break does not stay in the file; without an end, nothing stays."""
    https.routes["/x"] = [Answer(b"a bi", announced=8), Answer(b"a binary")]
    assert resolver.download(f"{https.url}/x", SUM).read_bytes() == b"a binary"
    https.routes["/y"] = Answer(b"an", announced=7)
    with pytest.raises(CatalogError, match="the connection broke off"):
        resolver.download(f"{https.url}/y", OTHER)
    assert files(tmp_path / "cache") == [SUM]


def test_a_cache_that_can_not_be_written(https: Site, tmp_path: Path) -> None:
    """A file where the folder should be, as good as a full disk: the sentence names the folder and is no network trouble."""
    (tmp_path / "blocked").write_text("")
    https.routes["/x"] = Answer(b"a binary")
    with pytest.raises(CatalogError, match="downloads can't be kept in") as caught:
        download(f"{https.url}/x", SUM, tmp_path / "blocked")
    assert "XDG_CACHE_HOME" in caught.value.hint
    assert https.paths == ["/x"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's")
def test_a_full_disk_is_told(https: Site, resolver: Resolver, tmp_path: Path) -> None:
    """No space left, met while writing or at the close."""
    https.routes["/x"] = Answer(b"a binary")
    folder = tmp_path / "cache/fleet/downloads"
    folder.mkdir(parents=True)
    (folder / f".part-{os.getpid()}-{SUM}").symlink_to("/dev/full")
    with pytest.raises(CatalogError, match=r"downloads can't be kept in .*No space left"):
        resolver.download(f"{https.url}/x", SUM)
    assert files(folder) == []


def test_the_cache_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, laptop: Path) -> None:
    """An absolute XDG_CACHE_HOME; a relative one counts for nothing, as the specification wants it."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/tmp/c")
    assert cache_folder() == Path("/var/tmp/c/fleet")
    for value in ("relative", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_folder() == laptop / ".cache/fleet"
