"""The catalog at the default URLs, with a laptop that trusts the lab's authority: nothing else is set."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from fleet.formats.references import fits
from fleet.model import Catalog, Query, Unavailable
from fleet.queries import (
    COMPOSE_RELEASES,
    DOCKER_MIRROR,
    ComposeQuery,
    ComposeRelease,
    ImageQuery,
    Key,
    KeyQuery,
    RemoteImage,
    Suite,
    SuiteQuery,
)
from tests.lab.box.apt_repo import SUITES
from tests.lab.box.releases import MACHINES, WRONG
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

ALL = ("linux/amd64", "linux/arm64/v8", "linux/arm/v7")
_ASK = """
import pickle, sys
from fleet.catalog import Resolver
sys.stdout.buffer.write(pickle.dumps(dict(Resolver().resolve(pickle.load(sys.stdin.buffer)).answers)))
"""
_DOWNLOAD = """
import sys
from fleet.catalog import download
from fleet.errors import CatalogError
try:
    print(download(sys.argv[1], sys.argv[2]))
except CatalogError as error:
    print(error.message, "hint:", error.hint)
"""


def resolve(lab: Lab, queries: Sequence[Query[Any]]) -> Catalog:
    """Ask in a process of the laptop's world."""
    done = lab.run([sys.executable, "-c", _ASK], input=pickle.dumps(list(queries)), capture_output=True, check=True)
    return Catalog(pickle.loads(done.stdout))


def suite_query(distro: str, codename: str, architecture: str) -> SuiteQuery:
    return SuiteQuery(f"{DOCKER_MIRROR}/linux/{distro}", codename, "stable", architecture)


@pytest.fixture(scope="module")
def suites(lab: Lab) -> Catalog:
    """What the laptop finds of every suite, and of some that are not there."""
    known = [suite_query(s.distro, s.codename, a) for s in SUITES for a in ("amd64", "arm64", "armhf")]
    unknown = [suite_query("raspbian", "trixie", "armhf"), suite_query("ubuntu", "zesty", "amd64")]
    return resolve(lab, [*known, *unknown, suite_query("debian", "trixie", "riscv64")])


@pytest.mark.parametrize("distro", ["ubuntu", "debian", "raspbian"])
def test_the_signing_key(lab: Lab, distro: str) -> None:
    """One key for all distributions, with the fingerprint that gpg gave it."""
    query = KeyQuery(f"{DOCKER_MIRROR}/linux/{distro}/gpg")
    key = resolve(lab, [query])[query]
    assert isinstance(key, Key)
    assert key.fingerprints == (lab.box.key_fingerprint,)
    assert key.armored.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")


@pytest.mark.parametrize("made", SUITES, ids=lambda suite: f"{suite.distro}-{suite.codename}")
def test_suites_and_architectures(suites: Catalog, made: Any) -> None:
    """Every codename of the box, dropped ones too; Raspbian for armhf alone."""
    for architecture in ("amd64", "arm64", "armhf"):
        suite = suites[suite_query(made.distro, made.codename, architecture)]
        assert isinstance(suite, Suite)
        assert (suite.exists, suite.serves) == (True, architecture in made.architectures)
        engines = suite.versions.get("docker-ce", ())
        assert len(engines) == (len(made.engines) if suite.serves else 0)
        assert all(version.endswith(f"~{made.distro}.{made.version}~{made.codename}") for version in engines)


def test_the_newest_engine_is_first(suites: Catalog) -> None:
    """The box has two engines that differ for real."""
    suite = suites[suite_query("ubuntu", "noble", "amd64")]
    assert isinstance(suite, Suite)
    newest, oldest = ([int(n) for n in v.partition(":")[2].partition("-")[0].split(".")] for v in suite.versions["docker-ce"])
    assert newest > oldest


def test_suites_that_are_not_there(suites: Catalog) -> None:
    """No Raspbian trixie, no unknown codename, no riscv64."""
    assert suites[suite_query("raspbian", "trixie", "armhf")] == Suite(exists=False, serves=False)
    assert suites[suite_query("ubuntu", "zesty", "amd64")] == Suite(exists=False, serves=False)
    assert suites[suite_query("debian", "trixie", "riscv64")] == Suite(exists=True, serves=False)


def test_images_of_the_hub(lab: Lab) -> None:
    """Tokens, an OCI index with attestations, a manifest list, and a manifest whose configuration is behind a redirect."""
    expected = {
        "hello-world": ALL,
        "docker.io/library/busybox:1.35": ALL,
        "example/no-arm32": ALL[:2],
        "example/amd64-only:1.0": ALL[:1],
        "example/single-amd64": ALL[:1],
    }
    answers = resolve(lab, [ImageQuery(name) for name in expected])
    found = {name: answers[ImageQuery(name)] for name in expected}
    assert {name: image.platforms for name, image in found.items() if isinstance(image, RemoteImage)} == expected
    assert not any(fits(offered, "linux/arm/v7") for offered in expected["example/no-arm32"])
    by_digest = [ImageQuery(f"{n}@{i.digest}") for n, i in found.items() if isinstance(i, RemoteImage)]
    again = resolve(lab, by_digest)
    assert [again[query] for query in by_digest] == list(found.values())


def test_images_that_are_not_there(lab: Lab) -> None:
    """An unknown name gets no token that would open it, an unknown tag is a plain 404."""
    name, tag = ImageQuery("example/nothing"), ImageQuery("busybox:9.99")
    answers = resolve(lab, [name, tag])
    assert "or no right to read it (401)" in str(answers[name])
    assert "there is no image busybox:9.99" in str(answers[tag])


def test_compose_releases_and_downloads(lab: Lab) -> None:
    """The latest for every machine of the box, downloaded by way of GitHub's redirect and checked; the wrong one is refused."""
    latest = {machine: ComposeQuery(COMPOSE_RELEASES, "", machine) for machine in MACHINES.values()}
    wrong = ComposeQuery(COMPOSE_RELEASES, WRONG, "x86_64")
    answers = resolve(lab, [*latest.values(), wrong, ComposeQuery(COMPOSE_RELEASES, "0.0.1", "x86_64")])
    for machine, query in latest.items():
        release = answers[query]
        assert isinstance(release, ComposeRelease)
        assert release.url == f"{COMPOSE_RELEASES}/download/v{release.version}/docker-compose-linux-{machine}"
    assert isinstance(answers[ComposeQuery(COMPOSE_RELEASES, "0.0.1", "x86_64")], Unavailable)
    assert said_of_download(lab, answers[latest["x86_64"]]).startswith(f"{lab.folder}/")
    refused = said_of_download(lab, answers[wrong])
    assert "is not what it should be: its sha256 is " in refused
    assert refused.endswith("take another version.")


def said_of_download(lab: Lab, release: object) -> str:
    assert isinstance(release, ComposeRelease)
    argv = [sys.executable, "-c", _DOWNLOAD, release.url, release.sha256]
    env = {"XDG_CACHE_HOME": str(lab.folder / "catalog-cache")}
    return str(lab.run(argv, env=env, capture_output=True, text=True, check=True).stdout).strip()


def test_a_laptop_that_does_not_trust_the_lab(lab: Lab) -> None:
    """Without the authority every answer says why, and what to set."""
    query = KeyQuery(f"{DOCKER_MIRROR}/linux/debian/gpg")
    env = {"SSL_CERT_FILE": "/dev/null"}
    argv = [sys.executable, "-c", _ASK]
    done = lab.run(argv, env=env, input=pickle.dumps([query]), capture_output=True, check=True)
    answer = Catalog(pickle.loads(done.stdout))[query]
    assert isinstance(answer, Unavailable)
    assert "signed by nobody whom this machine trusts" in answer.why
    assert "SSL_CERT_FILE" in answer.hint


def test_a_server_that_is_down(lab: Lab) -> None:
    """503 is tried again for some seconds, and then is an answer."""
    down = lab.box.folder / "down"
    down.mkdir(exist_ok=True)
    (down / "download.docker.com").touch()
    try:
        answer = resolve(lab, [suite_query("ubuntu", "noble", "amd64")])[suite_query("ubuntu", "noble", "amd64")]
    finally:
        (down / "download.docker.com").unlink()
    assert isinstance(answer, Unavailable)
    assert "503 Service Unavailable" in answer.why
