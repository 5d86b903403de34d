"""Packages from Debian, downloaded by apt with a configuration of our own: this machine's is not touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.box import mirror
from tests.lab.box.process import LabError
from tests.lab.cache import say

_CONF = """\
Dir::State "{root}/state";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "{root}/sources.d";
Dir::Etc::preferences "{root}/none";
Dir::Etc::preferencesparts "{root}/none";
Dir::Log "{root}/log";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
"""
_FORCED = (
    # this machine's apt.conf.d is read after ours, for its proxy: undo what it does besides
    *("-o", "APT::Default-Release="),
    *("-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin"),
)


@dataclass(frozen=True)
class PrivateApt:
    """An apt of one architecture over some suites of the distribution's mirror."""

    root: Path
    architecture: str
    suites: tuple[str, ...]

    def download(self, packages: Iterable[str], suite: str, into: Path) -> None:
        """Download packages of a suite into a new folder."""
        into.mkdir()
        result = self._apt("-q", "download", *(f"{package}/{suite}" for package in packages), cwd=into)
        if result.returncode:
            raise LabError(f"apt-get could not download from Debian's mirror:\n{result.stderr.strip()}")

    def download_all(self, packages: Iterable[str]) -> list[Path]:
        """Download packages with all that they depend on, as for an empty system."""
        words = ("-q", "-y", "--download-only", "--no-install-recommends", "install", *packages)
        result = self._apt(*words, cwd=self.root)
        if result.returncode:
            raise LabError(f"apt-get could not download from Debian's mirror:\n{result.stderr.strip()}")
        return sorted((self.root / "cache/archives").glob("*.deb"))

    def simulate(self, package: str) -> str:
        """Return what apt-get says that installing a package would do."""
        return self._apt("--simulate", "install", "--no-install-recommends", package, cwd=self.root).stdout

    def _apt(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C"}
        return subprocess.run(
            ["apt-get", *_FORCED, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )

    def update(self) -> str:
        """Fetch the indexes; return apt's complaint, empty when all is well."""
        for folder in ("state/lists/partial", "cache/archives/partial", "sources.d", "none", "log"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "status").touch()
        (self.root / "sources.list").touch()
        (self.root / "sources.d/debian.sources").write_text(mirror.machine_sources(*self.suites))
        (self.root / "apt.conf").write_text(_CONF.format(root=self.root, architecture=self.architecture))
        result = self._apt("update", "-q", "--error-on=any", cwd=self.root)
        return result.stderr.strip() if result.returncode else ""


def private_apt(root: Path, architecture: str, suites: tuple[str, ...], optional: str) -> PrivateApt:
    """Return an apt with fresh indexes; without the suite `optional` when the mirror's copy is broken.

    A mirror in mid-sync can serve an index that does not match its signed Release. apt refuses it, and
    so do we: that suite is left out and the caller has to do without.
    """
    apt = PrivateApt(root / "apt", architecture, suites)
    complaint = apt.update()
    if complaint and f"/{optional}/" in complaint:
        say(f"the mirror's {optional} index for {architecture} is broken, doing without it")
        apt = PrivateApt(root / "apt-less", architecture, tuple(s for s in suites if s != optional))
        complaint = apt.update()
    if complaint:
        raise LabError(f"apt-get update on Debian's mirror failed for {architecture}:\n{complaint}")
    return apt
