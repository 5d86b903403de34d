"""The programs that the box serves, per architecture: two engines that differ, Compose, busybox.

The older engine is the one of Debian trixie, the newer one that of sid; each reports its own version.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab.box import deb, mirror, packages
from tests.lab.box.debian import PrivateApt, private_apt
from tests.lab.cache import cached

ARCHITECTURES = ("amd64", "arm64", "armhf")
ENGINES = {"older": "trixie", "newer": "sid"}
_BASE = "bookworm"
_RECIPE = "8"
_FROM_BASE = ("runc", "tini", "busybox-static")
"""From the oldest suite with a lab root: later builds of runc need libc 2.38, and bookworm has 2.36."""
_FROM_ENGINE = ("docker.io", "docker-cli", "containerd", "docker-buildx", "docker-compose", "rootlesskit")


@dataclass(frozen=True)
class Programs:
    """What there is for one architecture; `folder` is a cache entry."""

    architecture: str
    folder: Path

    @property
    def busybox(self) -> Path:
        """A static busybox."""
        return self.folder / "busybox"

    def compose(self, engine: str) -> Path | None:
        """Return the Compose program that came with an engine, if there is one."""
        path = self.folder / engine / "docker-compose"
        return path if path.exists() else None

    def versions(self, engine: str) -> dict[str, str]:
        """Return upstream versions by Debian package; empty when the mirror had no such packages."""
        path = self.folder / engine / "versions.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}


@dataclass(frozen=True)
class Build:
    """One engine for one architecture: upstream versions, and where the data parts of its packages are."""

    architecture: str
    versions: dict[str, str]
    folder: Path

    def data(self, package: str) -> Path:
        """Return the .deb that holds a package's data part."""
        own = self.folder / f"{package}.deb"
        return own if own.exists() else self.folder / "stand-in.deb"


def find_build(engine: str, architecture: str, everything: dict[str, Programs]) -> Build:
    """Return an engine's build; one of stand-ins where the mirror had no packages for the architecture."""
    own = everything[architecture]
    if versions := own.versions(engine):
        return Build(architecture, versions, own.folder / engine)
    return Build(architecture, everything["amd64"].versions(engine), cached("docker-stand-in", "2", _make_stand_in))


def _make_stand_in(folder: Path) -> None:
    readme = folder / "tree/usr/share/doc/fleet-lab/README"
    readme.parent.mkdir(parents=True)
    readme.write_text("This package stands in for one that was not to be had. It holds no program.\n")
    deb.pack(folder / "tree", folder / "stand-in.deb")


def programs(architecture: str) -> Programs:
    """Return the programs of an architecture, made on first use (half a minute)."""
    recipe = f"{_RECIPE} {mirror.find().path} {packages.PACKAGES} {ENGINES}"
    folder = cached(f"docker-{architecture}", recipe, lambda folder: _make(folder, architecture))
    return Programs(architecture, folder)


def _make(folder: Path, architecture: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        debian = Path(work)
        apt = private_apt(debian, architecture, (_BASE, *ENGINES.values()), optional=ENGINES["older"])
        base = _unpacked(apt, _FROM_BASE, _BASE, debian / "base")
        (folder / "busybox").hardlink_to(base / "bin/busybox")
        for engine, suite in ENGINES.items():
            if suite in apt.suites:
                (folder / engine).mkdir()
                _make_engine(folder / engine, apt, suite, base, debian)


def _unpacked(apt: PrivateApt, names: tuple[str, ...], suite: str, tree: Path) -> Path:
    downloads = tree.with_name(f"{tree.name}-debs")
    apt.download(names, suite, downloads)
    tree.mkdir()
    for file in downloads.iterdir():
        deb.unpack(file, tree)
    return tree


def _make_engine(folder: Path, apt: PrivateApt, suite: str, base: Path, work: Path) -> None:
    tree = _unpacked(apt, _FROM_ENGINE, suite, work / suite)
    for program in ("usr/sbin/runc", "usr/bin/tini-static"):
        (tree / program).unlink(missing_ok=True)
        (tree / program).hardlink_to(base / program)
    for package in packages.PACKAGES:
        packages.lay_out(package, tree, work / f"{suite}-{package.name}")
        deb.pack(work / f"{suite}-{package.name}", folder / f"{package.name}.deb")
    (folder / "docker-compose").hardlink_to(tree / "usr/libexec/docker/cli-plugins/docker-compose")
    versions = dict(map(_upstream, (work / f"{suite}-debs").iterdir()))
    (folder / "versions.json").write_text(json.dumps(versions))


def _upstream(file: Path) -> tuple[str, str]:
    """Return name and upstream version from a file name: docker.io_28.5.2+dfsg4-5_amd64.deb."""
    name, version, _ = file.name.split("_")
    match = re.match(r"(?:\d+%3a)?(\d+(?:\.\d+)+)", version)
    return name, match[1] if match else version
