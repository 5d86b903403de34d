"""Compose's releases on GitHub: the assets by their real names, with checksums, one release's being wrong.

Asset names and checksum files follow docker/compose (.github/workflows/ci.yml, Dockerfile): checksums.txt
for all files and ASSET.sha256 for each, lines of `sha256sum --binary`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.lab.box.programs import ENGINES, Programs
from tests.lab.cache import cached

MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7"}
WRONG = "2.39.1"
"""The release whose checksums are wrong on purpose (the program itself is that of the newest)."""


@dataclass(frozen=True)
class Releases:
    """The folder with one folder per tag, and the newest release's version."""

    folder: Path
    latest: str


def releases(everything: dict[str, Programs]) -> Releases:
    """Return the releases, made on first use."""
    latest = everything["amd64"].versions("newer")["docker-compose"]
    recipe = f"2 {WRONG} {[programs.folder.name for programs in everything.values()]}"
    return Releases(cached("compose", recipe, lambda folder: _make(folder, everything)), latest)


def _make(folder: Path, everything: dict[str, Programs]) -> None:
    for engine in ENGINES:
        programs = {name: path for name, own in everything.items() if (path := own.compose(engine))}
        version = everything["amd64"].versions(engine)["docker-compose"]
        _make_release(folder / f"v{version}", programs)
    _make_release(folder / f"v{WRONG}", programs, wrong=True)


def _make_release(folder: Path, programs: dict[str, Path], *, wrong: bool = False) -> None:
    folder.mkdir()
    lines = []
    for architecture, program in programs.items():
        asset = folder / f"docker-compose-linux-{MACHINES[architecture]}"
        asset.hardlink_to(program)
        digest = hashlib.sha256(program.read_bytes()).hexdigest()
        line = f"{digest[::-1] if wrong else digest} *{asset.name}\n"
        asset.with_name(f"{asset.name}.sha256").write_text(line)
        lines.append(line)
    (folder / "checksums.txt").write_text("".join(sorted(lines, key=lambda line: line.split("*")[1])))
