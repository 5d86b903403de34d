"""The Internet in a box, asked as a laptop would ask it: by the production names, with curl."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import laptop, needs
from tests.lab.box import Box, LabError
from tests.lab.box.tokens import PASSWORD, USER

SUITES = [
    *(("ubuntu", codename) for codename in ("jammy", "noble", "resolute", "focal", "oracular", "questing")),
    *(("debian", codename) for codename in ("bookworm", "trixie", "bullseye")),
    *(("raspbian", codename) for codename in ("bookworm", "bullseye")),
]
HUB = "https://registry-1.docker.io/v2"
COMPOSE = "https://github.com/docker/compose/releases"
INDEXES = (
    "Accept: application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Start a box on an address of the loopback network."""
    if reasons := needs.ready():
        pytest.skip("; ".join(reasons))
    box = Box(f"127.77.{os.getpid() % 200 + 1}.1", tmp_path_factory.mktemp("box"))
    box.start()
    yield box
    box.stop()


def curl(box: Box, *words: str) -> bytes:
    """Return what curl prints."""
    return bytes(laptop.run(["curl", "-sS", *words], box=box, check=True, capture_output=True, timeout=60).stdout)


def status(box: Box, url: str, *words: str) -> str:
    """Return the HTTP status of a request."""
    return curl(box, "-o", "/dev/null", "-w", "%{http_code}", *words, url).decode()


def index(box: Box, distro: str, codename: str, architecture: str, channel: str = "stable") -> list[dict[str, str]]:
    """Return the stanzas of a Packages file."""
    base = f"https://download.docker.com/linux/{distro}/dists/{codename}"
    text = curl(box, "-f", f"{base}/{channel}/binary-{architecture}/Packages").decode()
    return [dict(re.findall(r"^(\S+): (.*)$", stanza, re.M)) for stanza in text.strip().split("\n\n")]


def token(box: Box, repository: str) -> str:
    """Return the header with a token of the Hub."""
    url = f"https://auth.docker.io/token?service=registry.docker.io&scope=repository:{repository}:pull"
    return f"Authorization: Bearer {json.loads(curl(box, '-f', url))['token']}"


@pytest.mark.parametrize(("distro", "codename"), SUITES)
def test_release_is_signed_by_the_lab_key(box: Box, tmp_path: Path, distro: str, codename: str) -> None:
    """Each codename has an InRelease whose signature is by a subkey of the key that the box names."""
    base = f"https://download.docker.com/linux/{distro}"
    (tmp_path / "gpg").write_bytes(curl(box, "-f", f"{base}/gpg"))
    (tmp_path / "InRelease").write_bytes(curl(box, "-f", f"{base}/dists/{codename}/InRelease"))
    gpg = ["gpg", "--homedir", str(tmp_path), "--batch", "--no-autostart"]
    tmp_path.chmod(0o700)
    subprocess.run([*gpg, "--import", "gpg"], cwd=tmp_path, check=True, capture_output=True)
    verify = [*gpg, "--status-fd", "1", "--verify", "InRelease"]
    words = subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    signer, *_, primary = next(line for line in words.splitlines() if "VALIDSIG" in line).split()[2:]
    assert primary == box.key_fingerprint != signer


@pytest.mark.parametrize("place", ["raspbian/dists/trixie", "ubuntu/dists/stonking", "debian/dists/forky"])
def test_unpublished_suites_are_not_found(box: Box, place: str) -> None:
    """What Docker does not publish answers 404."""
    assert status(box, f"https://download.docker.com/linux/{place}/InRelease") == "404"


@pytest.mark.parametrize(
    ("distro", "codename", "architecture", "engines"),
    [
        ("ubuntu", "noble", "amd64", 2),
        ("ubuntu", "jammy", "arm64", 2),
        ("debian", "trixie", "armhf", 2),
        ("raspbian", "bookworm", "armhf", 2),
        ("ubuntu", "focal", "amd64", 1),
        ("ubuntu", "oracular", "arm64", 1),
    ],
)
def test_index_has_two_engines_or_only_the_old_one(box: Box, distro: str, codename: str, architecture: str, engines: int) -> None:
    """Current codenames offer two engines, dropped ones have stopped at the first; version forms are Docker's."""
    versions = [one["Version"] for one in index(box, distro, codename, architecture) if one["Package"] == "docker-ce"]
    assert len(versions) == engines
    assert all(re.fullmatch(rf"5:2\d\.\d+\.\d+-1~{distro}\.[\d.]+~{codename}", version) for version in versions)


@pytest.mark.parametrize("architecture", ["amd64", "arm64", "armhf"])
def test_package_is_what_the_index_says(box: Box, tmp_path: Path, architecture: str) -> None:
    """A package file has the size and the hash of its stanza, and dpkg finds the version and programs in it."""
    stanza = [one for one in index(box, "ubuntu", "noble", architecture) if one["Package"] == "docker-ce-cli"][-1]
    content = curl(box, "-f", f"https://download.docker.com/linux/ubuntu/{stanza['Filename']}")
    assert (str(len(content)), hashlib.sha256(content).hexdigest()) == (stanza["Size"], stanza["SHA256"])
    deb = tmp_path / "package.deb"
    deb.write_bytes(content)
    fields = ["dpkg-deb", "--field", str(deb), "Version", "Architecture"]
    assert subprocess.run(fields, check=True, capture_output=True, text=True).stdout.split() == [
        *("Version:", stanza["Version"]),
        *("Architecture:", architecture),
    ]
    subprocess.run(["dpkg-deb", "-x", str(deb), str(tmp_path / "tree")], check=True)
    machine = (tmp_path / "tree/usr/bin/docker").read_bytes()[18]
    assert machine == {"amd64": 62, "arm64": 183, "armhf": 40}[architecture]  # ELF e_machine


def test_hub_wants_a_token_for_the_right_repository(box: Box) -> None:
    """Without a token, with a broken one and with another repository's the Hub answers 401; with its own, 200."""
    url = f"{HUB}/library/hello-world/manifests/latest"
    own = token(box, "library/hello-world")
    assert status(box, url) == "401"
    assert status(box, url, "-H", own + "x") == "401"
    assert status(box, url, "-H", own, "-H", INDEXES) == "200"
    assert status(box, url, "-H", token(box, "library/busybox")) == "401"
    assert status(box, url, "-H", own, "-X", "PUT", "-d", "{}") == "401"


def test_hub_says_where_to_get_a_token(box: Box) -> None:
    """The refusal names the token service and the scope."""
    answer = curl(box, "-i", f"{HUB}/library/hello-world/manifests/latest").decode()
    assert (
        'WWW-Authenticate: Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
        'scope="repository:library/hello-world:pull"'
    ) in answer


def test_hub_keeps_a_private_repository(box: Box) -> None:
    """Only the account reads it; a wrong password gets no token at all."""
    url, private = f"{HUB}/example/private/manifests/1.0", "https://auth.docker.io/token?scope=repository:example/private:pull"
    assert status(box, url, "-H", token(box, "example/private")) == "401"
    assert status(box, private, "-u", f"{USER}:wrong") == "401"
    own = json.loads(curl(box, "-f", "-u", f"{USER}:{PASSWORD}", private))["token"]
    assert status(box, url, "-H", f"Authorization: Bearer {own}") == "200"


def test_hub_knows_no_other_repository(box: Box) -> None:
    """A token for a repository that does not exist lets nobody in."""
    assert status(box, f"{HUB}/library/nothing/manifests/latest", "-H", token(box, "library/nothing")) == "401"


@pytest.mark.parametrize(
    ("repository", "platforms"),
    [
        ("library/hello-world", {"linux/amd64", "linux/arm64/v8", "linux/arm/v7", "unknown/unknown"}),
        ("example/no-arm32", {"linux/amd64", "linux/arm64/v8"}),
        ("example/amd64-only", {"linux/amd64"}),
        ("example/single-amd64", set()),
    ],
)
def test_image_platforms(box: Box, repository: str, platforms: set[str]) -> None:
    """Each image has the platforms it is there for, and every blob is where its manifest says."""
    header = token(box, repository)
    get = ("-f", "-H", header, "-H", INDEXES)
    manifest = json.loads(curl(box, *get, f"{HUB}/{repository}/manifests/latest"))
    entries = manifest.get("manifests", [])
    assert {"/".join(filter(None, map(one["platform"].get, ("os", "architecture", "variant")))) for one in entries} == (platforms)
    for entry in entries:
        manifest = json.loads(curl(box, *get, f"{HUB}/{repository}/manifests/{entry['digest']}"))
    config = manifest["config"]["digest"]
    content = curl(box, *get, "-L", f"{HUB}/{repository}/blobs/{config}")
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == config


def test_compose_asset_matches_its_checksum(box: Box) -> None:
    """The newest release's asset comes through a redirect to another name, and checksums.txt is right about it."""
    location = curl(box, "-f", "-o", "/dev/null", "-w", "%{redirect_url}", f"{COMPOSE}/latest").decode()
    base = location.replace("/tag/", "/download/")
    for asset in ("docker-compose-linux-x86_64", "docker-compose-linux-aarch64", "docker-compose-linux-armv7"):
        assert status(box, f"{base}/{asset}") == "302"
        line = f"{hashlib.sha256(curl(box, '-fL', f'{base}/{asset}')).hexdigest()} *{asset}\n"
        assert line in curl(box, "-fL", f"{base}/checksums.txt").decode()
        assert line == curl(box, "-fL", f"{base}/{asset}.sha256").decode()


def test_one_compose_release_has_wrong_checksums(box: Box) -> None:
    """The release that is wrong on purpose is."""
    base = f"{COMPOSE}/download/v2.39.1"
    asset = curl(box, "-fL", f"{base}/docker-compose-linux-x86_64")
    assert hashlib.sha256(asset).hexdigest() not in curl(box, "-fL", f"{base}/checksums.txt").decode()


def test_mirror_is_served_by_its_own_name(box: Box) -> None:
    """A host's sources for the distribution lead to the mirror through the box."""
    uri = re.findall(r"^URIs: (.*)$", box.mirror_sources("trixie"), re.M)[0]
    assert b"Codename: trixie" in curl(box, "-f", f"{uri}/dists/trixie/InRelease")
    assert box.requests(box.names[-1])


def test_a_name_can_be_taken_down(box: Box) -> None:
    """A name that is down answers 503, the others as before; back up, it answers again."""
    url = "https://download.docker.com/linux/debian/gpg"
    box.take_down("download.docker.com")
    assert (status(box, url), status(box, f"{HUB}/")) == ("503", "401")
    box.bring_back("download.docker.com")
    assert status(box, url) == "200"


def test_two_boxes_side_by_side(box: Box, tmp_path: Path) -> None:
    """A second box on another address starts within seconds, answers for itself and leaves no process or socket."""
    started = time.monotonic()
    other = Box("127.77.0.9", tmp_path)
    other.start()
    try:
        assert time.monotonic() - started < 10
        assert status(other, f"{HUB}/") == status(box, f"{HUB}/") == "401"
        assert "download.docker.com" not in Path("/etc/hosts").read_text()
    finally:
        other.stop()
    assert not list(tmp_path.glob("*.sock")) + list(tmp_path.glob("*.pid"))
    assert str(tmp_path) not in subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout


def test_a_taken_address_is_said(box: Box, tmp_path: Path) -> None:
    """A box that can't bind its ports says so, with nginx's reason, and leaves nothing running."""
    with pytest.raises(LabError, match=r"nginx did not start(.|\n)*Address already in use"):
        Box(box.address, tmp_path).start()
    assert not list(tmp_path.glob("*.sock")) + list(tmp_path.glob("*.pid"))
