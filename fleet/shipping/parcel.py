"""What goes to a host for `docker load`: the layers that it lacks, in parcels that each leave something lasting behind.

`docker load` takes an archive without the layers that are there already. The classic store finds a layer by its chain
of diff IDs (moby/moby, daemon/internal/image/tarexport/load.go), containerd's by the digest of its bytes (containerd,
core/images/archive/importer.go). Neither keeps the layers of an image that did not come to its end; so a large image
goes in several parcels, each a whole image of the lower layers, under a name of our own that is taken away at the end.
What broke off goes on there the next time.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from fleet.formats.references import parse
from fleet.shipping.archive import Layer, Packed, blob, ids_of, manifest_of, sha256
from fleet.shipping.press import Press, gzip_member

CHECKPOINTS = "fleet-push"
"""The name of the images that hold layers until all are there."""
ENOUGH = 32 * 1024 * 1024
"""Bytes of layers that are worth a parcel of their own: some seconds on a wireless link."""
_OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Parcel:
    """An image to load under ``name``, with those of its layers that are sent along."""

    name: str
    image: Packed
    layers: tuple[Layer, ...]

    @property
    def size(self) -> int:
        """Bytes of the layers as they are stored."""
        return sum(layer.stored.size for layer in self.layers)

    def pieces(self, press: Press) -> Iterator[bytes]:
        """A gzipped tar, equal for equal parcels: no clock."""
        documents = b"".join(_entry(name, data) for name, data in _documents(self.name, self.image).items())
        yield from gzip_member(iter((documents,)))
        for number, layer in enumerate(self.layers):
            if layer.is_compressed:
                yield from gzip_member(_stored(layer), level=0)
                continue
            for each in self.layers[number : number + 2]:  # while one is sent, the next is being made small
                if not each.is_compressed:
                    press.begin(each.digest, partial(_stored, each))
            yield from press.read(layer.digest)
        yield from gzip_member(iter((bytes(2 * _BLOCK),)))


def parcels(name: str, image: Packed, lacking: Collection[int], enough: int = ENOUGH) -> tuple[Parcel, ...]:
    """The parcels for a host that lacks the layers of these numbers; the last one is the image itself, maybe alone."""
    made: list[Parcel] = []
    waiting: list[Layer] = []
    for number in sorted(lacking):
        waiting.append(image.layers[number])
        if sum(layer.stored.size for layer in waiting) >= enough and number < max(lacking):
            made.append(Parcel(checkpoint(image, number + 1), lower(image, number + 1), tuple(waiting)))
            waiting = []
    return (*made, Parcel(name, image, tuple(waiting)))


def checkpoint(image: Packed, count: int) -> str:
    """The name under which the lowest layers wait for the others."""
    return f"{CHECKPOINTS}:{hashlib.sha256(' '.join(image.diff_ids[:count]).encode()).hexdigest()[:16]}"


def lower(image: Packed, count: int) -> Packed:
    """An image of the lowest layers alone, for the same platform, that runs nothing."""
    said = json.loads(image.config)
    own = {key: said[key] for key in ("architecture", "variant", "os", "os.version") if key in said}
    layers = image.layers[:count]
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    config = _json({**own, "config": {"Labels": {CHECKPOINTS: ""}}, "rootfs": rootfs})
    manifest = manifest_of(config, layers)
    return Packed((), image.platform, config, manifest, layers, ids_of(config, manifest))


def _documents(name: str, image: Packed) -> dict[str, bytes]:
    """All but the layers, for both kinds of store: manifest.json for the classic one, index.json for containerd's."""
    reference = parse(name)
    full = f"{reference.registry}/{reference.repository}:{reference.tag}"
    media_type = json.loads(image.manifest).get("mediaType", "application/vnd.oci.image.manifest.v1+json")
    entry = {
        "mediaType": media_type,
        "digest": sha256(image.manifest),
        "size": len(image.manifest),
        "annotations": {"io.containerd.image.name": full, "org.opencontainers.image.ref.name": reference.tag},
    }
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    config = blob(sha256(image.config))
    layers = [blob(layer.digest) for layer in image.layers]
    return {
        "oci-layout": _OCI_LAYOUT,
        "index.json": _json(index),
        "manifest.json": _json([{"Config": config, "RepoTags": [reference.familiar], "Layers": layers}]),
        config: image.config,
        blob(sha256(image.manifest)): image.manifest,
    }


def _stored(layer: Layer) -> Iterator[bytes]:
    """A layer as an entry of a tar."""
    yield _header(blob(layer.digest), layer.stored.size)
    yield from layer.stored.pieces()
    yield bytes(-layer.stored.size % _BLOCK)


def _entry(name: str, data: bytes) -> bytes:
    return _header(name, len(data)) + data + bytes(-len(data) % _BLOCK)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.GNU_FORMAT)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
