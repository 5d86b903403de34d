"""The image of the proof: an archive whose parts agree, the same on each laptop."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

import pytest

from fleet.proof import PLATFORMS
from fleet.proof.image import archive, line, reference

EACH = pytest.mark.parametrize("platform", PLATFORMS)


def _files(data: bytes) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {info.name: (info, (tar.extractfile(info) or io.BytesIO()).read()) for info in tar.getmembers()}


@EACH
def test_parts_agree(platform: str) -> None:
    """The manifest names the config and the layer that are there, by their hashes, and the platform is the one asked for."""
    files = _files(archive(platform, "t1"))
    (manifest,) = json.loads(files["manifest.json"][1])
    config = files[manifest["Config"]][1]
    said = json.loads(config)
    layer = files[manifest["Layers"][0]][1]
    assert manifest["RepoTags"] == ["fleet-proof:t1"]
    assert manifest["Config"] == hashlib.sha256(config).hexdigest() + ".json"
    assert said["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
    assert f"{said['os']}/{said['architecture']}/{said['variant'] if platform == 'linux/arm/v7' else ''}".rstrip("/") == platform
    assert list(_files(layer)) == ["hello"]


@EACH
def test_program_is_executable_and_nothing_has_a_date(platform: str) -> None:
    """The one file of the layer may be executed by all, belongs to root, and no part of the archive carries a time."""
    data = archive(platform)
    files = _files(data)
    program = next(iter(_files(files["layer.tar"][1]).values()))
    assert program[0].mode == 0o755
    assert program[1].startswith(b"\x7fELF")
    assert line(platform).encode() in program[1]
    assert {(info.mtime, info.uid, info.gid) for info, _ in [*files.values(), program]} == {(0, 0, 0)}
    assert data[4:8] == bytes(4)  # gzip's own time, RFC 1952


@EACH
def test_same_on_each_laptop(platform: str) -> None:
    """Made twice, the archive is the same to the byte; what is in it does not depend on its tag."""
    first = archive(platform, "a")
    archive.cache_clear()
    assert archive(platform, "a") == first
    assert _files(archive(platform, "b"))["layer.tar"][1] == _files(first)["layer.tar"][1]
    assert len(first) < 2000 < len(gzip.decompress(first))


def test_own_tag_is_a_hash_of_the_content() -> None:
    """Without a tag the image is named by a hash that differs between platforms."""
    names = {reference(platform) for platform in PLATFORMS}
    assert len(names) == len(PLATFORMS)
    assert all(name.startswith("fleet-proof:") and len(name) == len("fleet-proof:") + 12 for name in names)


def test_unknown_platform_is_refused_with_the_known_ones() -> None:
    """A platform without a program is an error that lists those which have one."""
    with pytest.raises(ValueError, match=r"linux/riscv64.*linux/amd64, linux/arm64, linux/arm/v7"):
        archive("linux/riscv64")
