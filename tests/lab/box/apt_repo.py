"""The tree of download.docker.com: signed indexes per codename, and what each package file consists of.

The URL layout, the codenames and which of them still get packages follow docs.docker.com/engine/install
and docker/packaging (docker-bake.hcl); Raspbian ended with engine 28 (release notes of Engine 29.0.0).
"""

from __future__ import annotations

import gzip
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from tests.lab.box import apt_key, deb, packages
from tests.lab.box.packages import Package
from tests.lab.box.parts import Parts
from tests.lab.box.programs import ARCHITECTURES, ENGINES, Build, Programs, find_build
from tests.lab.cache import cached

CHANNELS = ("stable", "test")
_RECIPE = "6"


@dataclass(frozen=True)
class Suite:
    """One codename of one distribution as Docker publishes it."""

    distro: str
    version: str
    codename: str
    engines: tuple[str, ...] = tuple(ENGINES)
    architectures: tuple[str, ...] = ARCHITECTURES


_OLD = ("older",)
SUITES = (
    Suite("ubuntu", "22.04", "jammy"),
    Suite("ubuntu", "24.04", "noble"),
    Suite("ubuntu", "26.04", "resolute"),
    Suite("debian", "12", "bookworm"),
    Suite("debian", "13", "trixie"),
    # dropped: still served, nothing new comes
    Suite("ubuntu", "20.04", "focal", _OLD),
    Suite("ubuntu", "24.10", "oracular", _OLD),
    Suite("ubuntu", "25.10", "questing", _OLD),
    Suite("debian", "11", "bullseye", _OLD),
    Suite("raspbian", "11", "bullseye", _OLD, ("armhf",)),
    Suite("raspbian", "12", "bookworm", tuple(ENGINES), ("armhf",)),
)


def repository(everything: dict[str, Programs]) -> Path:
    """Return the folder to serve as download.docker.com, made on first use (ten seconds).

    A file in a pool is not a package: it says in JSON how to put one together (see `parts`).
    """
    used = [programs.folder.name for programs in everything.values()]
    recipe = f"{_RECIPE} {used} {apt_key.fingerprint()} {SUITES} {packages.PACKAGES}"
    return cached("docker-apt", recipe, lambda folder: _make(folder, everything))


def _make(folder: Path, everything: dict[str, Programs]) -> None:
    for suite in SUITES:
        _dists(folder, suite).mkdir(parents=True)
        (folder / "linux" / suite.distro / "gpg").write_text((apt_key.folder() / "gpg").read_text())
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda suite: _make_suite(_dists(folder, suite), suite, everything), SUITES))
    finally:
        apt_key.stop_agent()


def _dists(folder: Path, suite: Suite) -> Path:
    return folder / "linux" / suite.distro / "dists" / suite.codename


def _make_suite(dists: Path, suite: Suite, everything: dict[str, Programs]) -> None:
    for architecture in suite.architectures:
        stanzas = [
            _make_package(dists, suite, build, package)
            for build in (find_build(engine, architecture, everything) for engine in suite.engines)
            for package in packages.PACKAGES
        ]
        for channel in CHANNELS:
            _write_index(dists, channel, architecture, "\n".join(stanzas).replace("CHANNEL", channel))
    _write_release(dists, suite)


def _make_package(dists: Path, suite: Suite, build: Build, package: Package) -> str:
    """Write a package's parts into the pools and return its stanza of the index."""
    version = _version(suite, build, package)
    control = _control(package, version, build)
    parts = Parts(deb.head(control, package.scripts), build.data(package.name))
    name = f"{package.name}_{version.rpartition(':')[2]}_{build.architecture}.deb"
    for channel in CHANNELS:
        pool = dists / "pool" / channel / build.architecture
        pool.mkdir(parents=True, exist_ok=True)
        (pool / name).write_text(parts.to_json())
    size, digest = parts.measure()
    place = f"dists/{suite.codename}/pool/CHANNEL/{build.architecture}/{name}"
    return f"{control}Filename: {place}\nSize: {size}\nSHA256: {digest}\n"


def _version(suite: Suite, build: Build, package: Package) -> str:
    """Version forms of docker-ce-packaging's gen-deb-ver; containerd.io got the suffix with 2.x."""
    upstream = build.versions[package.version_of]
    if package.name == "containerd.io" and upstream.startswith("1."):
        return f"{upstream}-1"
    return f"{package.epoch}{upstream}-1~{suite.distro}.{suite.version}~{suite.codename}"


def _control(package: Package, version: str, build: Build) -> str:
    fields = {
        "Package": package.name,
        "Version": version,
        "Architecture": build.architecture,
        "Maintainer": "Docker <support@docker.com>",
        "Section": "admin",
        "Priority": "optional",
        "Homepage": "https://www.docker.com",
        "Installed-Size": deb.installed_size(build.data(package.name)),
        **packages.relations(package, build.versions["docker.io"]),
        "Description": package.summary,
    }
    return "".join(f"{field}: {value}\n" for field, value in fields.items())


def _write_index(dists: Path, channel: str, architecture: str, text: str) -> None:
    folder = dists / channel / f"binary-{architecture}"
    folder.mkdir(parents=True)
    (folder / "Packages").write_text(text)
    (folder / "Packages.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _write_release(dists: Path, suite: Suite) -> None:
    files = sorted(dists.glob("*/binary-*/Packages*"))
    lines = (f" {_sha256(file)} {file.stat().st_size:>8} {file.relative_to(dists)}\n" for file in files)
    release = dists / "Release"
    release.write_text(
        f"Origin: Docker\nLabel: Docker CE\nSuite: {suite.codename}\nCodename: {suite.codename}\n"
        f"Date: {formatdate(usegmt=True)}\nArchitectures: {' '.join(suite.architectures)}\n"
        f"Components: {' '.join(CHANNELS)}\nDescription: Docker CE, made in the fleet lab\n"
        f"SHA256:\n{''.join(lines)}"
    )
    apt_key.sign(release)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
