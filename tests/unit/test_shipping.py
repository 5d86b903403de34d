"""Archives of images read, compared with what a host has, and made into parcels."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from fleet.errors import FileError
from fleet.facts.content import read_content
from fleet.facts.daemon import Daemon
from fleet.facts.daemon import Image as Held
from fleet.facts.docker_info import Info, read_info
from fleet.model import Blocked
from fleet.shipping.archive import Packed, open_archive
from fleet.shipping.parcel import Parcel, checkpoint, parcels
from fleet.shipping.press import Press
from fleet.shipping.stock import choose, room, stock
from tests.support.archives import Image, hello, layout, new_save, noise, old_save, sha256, tar, unpack

ONE, TWO, THREE = noise(1, 0.01), noise(2, 0.02), noise(3, 0.03)
APP = Image([ONE, TWO, THREE])
NOTHING: frozenset[str] = frozenset()


def packed(folder: Path, content: bytes, name: str = "app:1") -> Packed:
    """The one image of that name in an archive."""
    path = folder / "archive.tar"
    path.write_bytes(content)
    (image,) = open_archive(path).named(name)
    return image


FORMS = {
    "old": old_save({"app:1": APP}),
    "old, layers compressed": old_save({"app:1": APP}, compressed=True),
    "new": new_save("app:1", APP),
    "OCI": tar(layout([APP], "docker.io/library/app:1")),
    "OCI, plain layers": tar(layout([APP], "docker.io/library/app:1", compressed=False, nested=False)),
    "OCI without a name": tar(layout([APP])),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_every_form_holds_the_same_image(form: str, pack: type[bytes], tmp_path: Path) -> None:
    """Whoever wrote the archive: platform, configuration and layers come out alike, and a compressed one leaves no copy."""
    path = tmp_path / "archive.tar"
    path.write_bytes(pack(FORMS[form]))
    archive = open_archive(path)
    (image,) = archive.named("app:1")
    assert (image.platform, image.config) == ("linux/amd64", APP.config)
    assert image.diff_ids == tuple(map(sha256, APP.layers))
    assert sha256(APP.config) in image.ids
    for layer, plain in zip(image.layers, APP.layers, strict=True):
        stored = b"".join(layer.stored.pieces())
        assert sha256(stored) == layer.digest
        assert (gzip.decompress(stored) if layer.is_compressed else stored) == plain
    copies = list(archive.shelf.temporary)
    archive.close()
    assert not any(copy.exists() for copy in copies)


def test_a_folder_is_read_as_well(tmp_path: Path) -> None:
    """An OCI layout need not be a tar; platforms that were not saved and attestations are no images."""
    folder = unpack(layout([APP, Image([ONE], "linux/arm/v7")]), tmp_path / "layout")
    assert [image.platform for image in open_archive(folder).named("anything")] == ["linux/amd64", "linux/arm/v7"]


def test_linked_layers_are_followed(tmp_path: Path) -> None:
    """`docker save` of old links a layer that comes a second time to its first place."""
    out = io.BytesIO()
    image = Image([ONE, ONE])
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, data in {
            "a/layer.tar": ONE,
            "c.json": image.config,
            "manifest.json": json.dumps(
                [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]
            ).encode(),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("b/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../a/layer.tar"
        made.addfile(link)
    assert b"".join(packed(tmp_path, out.getvalue()).layers[1].stored.pieces()) == ONE


def test_names_are_told_when_the_wanted_one_is_not_there(tmp_path: Path) -> None:
    """The error lists what the archive has, as Docker would write it."""
    path = tmp_path / "a.tar"
    path.write_bytes(old_save({"app:1": APP, "docker.io/library/other": APP}))
    with pytest.raises(FileError, match=r"a\.tar: has no image app:2") as raised:
        open_archive(path).named("app:2")
    assert raised.value.hint == "It has: app:1, other:latest."


BROKEN = {
    "no tar": (b"no tar at all" * 100, "is no tar"),
    "empty": (tar({}), "has no image in it"),
    "not json": (tar({"manifest.json": b"{"}), "is damaged"),
    "a layer is missing": (tar({"manifest.json": b'[{"Config":"c","Layers":["l"]}]'}), "lacks the file c"),
    "no digest": (tar({"index.json": b'{"manifests":[{"digest":"sha256:../../etc/passwd"}]}'}), "is no sha256 digest"),
    "cut off": (gzip.compress(FORMS["old"])[:-100], "can't be decompressed"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), "is compressed by zstd"),
    "no list of images": (tar({"manifest.json": b"[1]"}), "is damaged"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_archive_of_images_is_refused(what: str, tmp_path: Path) -> None:
    """Damaged or strange files end in a sentence with the file's name and a remedy, never in a traceback."""
    path = tmp_path / "a.tar"
    path.write_bytes(BROKEN[what][0])
    with pytest.raises(FileError, match=BROKEN[what][1]) as raised:
        open_archive(path)
    assert raised.value.path == str(path)
    assert raised.value.hint


def test_circles_of_indexes_come_to_an_end(tmp_path: Path) -> None:
    """An index that leads to itself is no image, and no endless walk."""
    index = b'{"manifests":[{"digest":"sha256:%s"}]}' % (b"0" * 64)
    path = tmp_path / "a.tar"
    path.write_bytes(tar({"index.json": index, f"blobs/sha256/{'0' * 64}": index}))
    with pytest.raises(FileError, match="has no image in it"):
        open_archive(path)


# ── what a host has ──────────────────────────────────────────────────────────────────────────────────────────────────


def held(*layers: bytes, tag: str = "other:1", id: str = "sha256:x", containerd: bool = False) -> Daemon:
    """A daemon with one image of these layers."""
    image = Held((tag,), (), "linux/amd64", id=id, layers=tuple(map(sha256, layers)))
    return Daemon("28.5.2", info=Info(containerd_store=containerd), images=(image,))


@pytest.mark.parametrize(
    ("daemon", "lacking"),
    [
        (Daemon("28.5.2"), (0, 1, 2)),
        (held(ONE), (1, 2)),
        (held(ONE, TWO, b"else"), (2,)),
        (held(TWO, THREE), (0, 1, 2)),
        (held(ONE, THREE), (1, 2)),
        (held(ONE, TWO, THREE), ()),
    ],
)
def test_the_classic_store_has_layers_with_all_below_them(daemon: Daemon, lacking: tuple[int, ...], tmp_path: Path) -> None:
    """A layer on another base is another layer there."""
    found = stock("app:1", packed(tmp_path, FORMS["old"]), daemon, NOTHING)
    assert (found.lacking, found.is_whole) == (lacking, False)


def test_containerd_s_store_has_blobs(tmp_path: Path) -> None:
    """Each blob counts by itself, and an image whose blobs are not all there is not there, whatever the daemon lists."""
    image = packed(tmp_path, FORMS["old"])
    (manifest,) = image.ids - {sha256(image.config)}
    some = frozenset(layer.digest for layer in image.layers[1:])
    there = held(ONE, TWO, THREE, tag="app:1", id=manifest, containerd=True)
    assert stock("app:1", image, there, some).lacking == (0,)
    full = frozenset(layer.digest for layer in image.layers)
    assert stock("app:1", image, there, full).is_whole
    assert not stock("app:2", image, there, full).is_whole


def test_an_image_is_there_when_name_and_id_are(tmp_path: Path) -> None:
    """The classic store calls an image by its configuration's digest."""
    image = packed(tmp_path, FORMS["old"])
    assert stock("app:1", image, held(*APP.layers, tag="app:1", id=sha256(APP.config)), NOTHING).is_whole
    assert not stock("app:1", image, held(*APP.layers, tag="app:1", id="sha256:older"), NOTHING).is_whole


def test_the_answer_of_containerd_is_read() -> None:
    """Only digests count; and Docker says itself which store it uses."""
    digest = f"sha256:{'a' * 64}"
    assert read_content(f"{digest}\nnonsense\n") == frozenset({digest})
    status = [["driver-type", "io.containerd.snapshotter.v1"]]
    classic = [["Backing Filesystem", "extfs"]]
    stores = [read_info({"ServerVersion": "29.0.0", "DriverStatus": said}) for said in (status, classic, None)]
    assert [info is not None and info.containerd_store for info in stores] == [True, False, False]


@pytest.mark.parametrize(
    ("wanted", "platform"),
    [("linux/amd64", "linux/amd64"), ("linux/arm/v7", "linux/arm/v7"), ("linux/arm/v6", "linux/arm/v6"), ("linux/arm64", "")],
)
def test_the_platform_decides(wanted: str, platform: str, tmp_path: Path) -> None:
    """A host gets the highest variant that it runs, and never an image of another architecture."""
    platforms = ("linux/amd64", "linux/arm/v6", "linux/arm/v7")
    folder = unpack(layout([Image([hello()], p) for p in platforms]), tmp_path / "layout")
    found = choose("app:1", open_archive(folder).named("app:1"), wanted)
    if platform:
        assert isinstance(found, Packed)
        assert found.platform == platform
    else:
        assert isinstance(found, Blocked)
        assert found.why == "app:1 is not made for linux/arm64, but for linux/amd64, linux/arm/v6, linux/arm/v7"


def test_a_32_bit_userland_is_told_why(tmp_path: Path) -> None:
    """arm64 images never run there, however 64-bit the kernel is."""
    folder = unpack(layout([Image([hello()], "linux/arm64")]), tmp_path / "layout")
    found = choose("app:1", open_archive(folder).named("app:1"), "linux/arm/v7")
    assert isinstance(found, Blocked)
    assert "A 32-bit userland never runs arm64 images" in found.hint


def test_room_is_looked_at() -> None:
    """The smallest file system counts; one of unknown size does not."""
    assert room(1_000_000, (None, 3_000_000)) is None
    assert room(1_000_000, (None, None)) is None
    full = room(1_000_000, (9_000_000, 2_000_000))
    assert full is not None
    assert full.why == "976 MiB of layers don't fit: 1953 MiB are free where Docker keeps its images"


# ── parcels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def unpacked(parcel: Parcel) -> dict[str, bytes]:
    """The files of a parcel, as any reader of gzipped tars sees them."""
    with Press() as press:
        data = b"".join(parcel.pieces(press))
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as made:
        return {member.name: content.read() for member in made if (content := made.extractfile(member))}


def test_one_parcel_holds_only_what_is_lacking(tmp_path: Path) -> None:
    """The documents name all layers for both kinds of store; the bytes of those that are there are left out."""
    (parcel,) = parcels("app:1", packed(tmp_path, FORMS["old"]), (2,))
    files = unpacked(parcel)
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == ["app:1"]
    assert [f"blobs/sha256/{sha256(layer)[7:]}" for layer in APP.layers] == entry["Layers"]
    assert files[entry["Config"]] == APP.config
    assert [place in files for place in entry["Layers"]] == [False, False, True]
    assert files[entry["Layers"][2]] == THREE
    (described,) = json.loads(files["index.json"])["manifests"]
    assert described["annotations"]["io.containerd.image.name"] == "docker.io/library/app:1"
    assert sha256(files[f"blobs/sha256/{described['digest'][7:]}"]) == described["digest"]


def test_large_images_go_in_several_parcels(tmp_path: Path) -> None:
    """Each but the last is an image of the lower layers, so that these stay when what follows breaks off."""
    image = packed(tmp_path, FORMS["old"])
    pile = parcels("app:1", image, (0, 1, 2), enough=1)
    assert [parcel.name for parcel in pile] == [checkpoint(image, 1), checkpoint(image, 2), "app:1"]
    assert [parcel.layers for parcel in pile] == [(layer,) for layer in image.layers]
    assert [len(parcel.layers) for parcel in parcels("app:1", image, (0, 1, 2), enough=25_000)] == [2, 1]
    files = unpacked(pile[1])
    (entry,) = json.loads(files["manifest.json"])
    config = json.loads(files[entry["Config"]])
    assert config["rootfs"]["diff_ids"] == [sha256(ONE), sha256(TWO)]
    assert (config["architecture"], config["os"]) == ("amd64", "linux")


def test_nothing_lacking_is_one_small_parcel(tmp_path: Path) -> None:
    """Then only the name is missing, and no layer goes."""
    (parcel,) = parcels("app:1", packed(tmp_path, FORMS["old"]), ())
    assert (parcel.layers, parcel.size) == ((), 0)
    with Press() as press:
        assert len(b"".join(parcel.pieces(press))) < 2000


def test_equal_parcels_are_equal_bytes(tmp_path: Path) -> None:
    """No clock, and no chance: what goes to one host goes to all."""
    made = []
    for _ in range(2):
        (parcel,) = parcels("app:1", packed(tmp_path, FORMS["OCI"]), (0, 1, 2))
        with Press() as press:
            made.append(b"".join(parcel.pieces(press)))
    assert made[0] == made[1]


def test_a_layer_is_compressed_once_for_all_hosts() -> None:
    """The second reader finds what was made for the first."""
    asked = []

    def pieces():  # type: ignore[no-untyped-def]
        asked.append(1)
        yield b"x" * 100_000

    with Press() as press:
        for _ in range(3):
            press.begin("key", pieces)
            assert gzip.decompress(b"".join(press.read("key"))) == b"x" * 100_000
    assert asked == [1]


def test_a_source_that_fails_fails_its_readers() -> None:
    """A file that vanishes under way is an error of the push, not a short layer."""

    def pieces():  # type: ignore[no-untyped-def]
        yield b"some"
        raise FileError("gone", path="a.tar")

    with Press() as press:
        press.begin("key", pieces)
        with pytest.raises(FileError, match="gone"):
            b"".join(press.read("key"))
