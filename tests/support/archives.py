"""Archives of images in all the forms that they come in; equal words give equal bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.proof.program import AMD64

OCI = "application/vnd.oci.image"


def sha256(data: bytes) -> str:
    """A digest as manifests write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def tar(files: Mapping[str, bytes], mode: int = 0o644) -> bytes:
    """A tar of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            made.addfile(info, io.BytesIO(content))
    return out.getvalue()


def noise(seed: int, megabytes: float) -> bytes:
    """A layer of a file that can't be compressed."""
    return tar({f"noise-{seed}": random.Random(seed).randbytes(round(megabytes * 1e6))})


def hello() -> bytes:
    """A layer with a program for amd64 that says hello; it is the proof's."""
    return tar({"hello": AMD64.elf()}, 0o755)


@dataclass(frozen=True)
class Image:
    """An image by its layers, as plain tars, the lowest first."""

    layers: Sequence[bytes]
    platform: str = "linux/amd64"
    command: str = "/hello"

    @property
    def config(self) -> bytes:
        """The image's configuration."""
        system, architecture, *variant = self.platform.split("/")
        return json.dumps(
            {
                "architecture": architecture,
                **({"variant": variant[0]} if variant else {}),
                "os": system,
                "config": {"Cmd": [self.command]},
                "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in self.layers]},
            }
        ).encode()


def old_save(names: Mapping[str, Image], *, compressed: bool = False) -> bytes:
    """What `docker save` wrote before Docker 25; ``compressed`` layers are what other tools put there."""
    files: dict[str, bytes] = {}
    entries = []
    for name, image in names.items():
        places = [f"{sha256(layer)[7:]}/layer.tar" for layer in image.layers]
        pack = (lambda data: gzip.compress(data, mtime=0)) if compressed else bytes
        files.update({place: pack(layer) for place, layer in zip(places, image.layers, strict=True)})
        config = f"{sha256(image.config)[7:]}.json"
        files[config] = image.config
        entries.append({"Config": config, "RepoTags": [name] if name else None, "Layers": places})
    return tar({**files, "manifest.json": json.dumps(entries).encode()})


def layout(images: Sequence[Image], name: str = "", *, compressed: bool = True, nested: bool = True) -> dict[str, bytes]:
    """An OCI image layout with an index over these images; like buildx's, with an attestation beside them."""
    blobs: dict[str, bytes] = {}

    def put(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        blobs[f"blobs/sha256/{sha256(data)[7:]}"] = data
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}

    def manifest(image: Image) -> dict[str, Any]:
        suffix, pack = ("+gzip", lambda data: gzip.compress(data, mtime=0)) if compressed else ("", bytes)
        rows = [put(pack(layer), f"{OCI}.layer.v1.tar{suffix}") for layer in image.layers]
        config = put(image.config, f"{OCI}.config.v1+json")
        return put(_document("manifest", config=config, layers=rows), f"{OCI}.manifest.v1+json")

    entries = [manifest(image) for image in images]
    missing = {"mediaType": f"{OCI}.manifest.v1+json", "digest": sha256(b"another platform"), "size": 16}
    attestation = put(b"{}", f"{OCI}.manifest.v1+json", annotations={"vnd.docker.reference.type": "attestation-manifest"})
    if nested:
        entries = [put(_document("index", manifests=[*entries, missing, attestation]), f"{OCI}.index.v1+json")]
    annotations = {"annotations": {"io.containerd.image.name": name}} if name else {}
    index = _document("index", manifests=[{**entry, **annotations} for entry in entries])
    return {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index, **blobs}


def new_save(name: str, image: Image) -> bytes:
    """What `docker save` writes since Docker 25: an OCI layout with the old manifest.json."""
    files = layout([image], f"docker.io/library/{name}", compressed=False, nested=False)
    places = [f"blobs/sha256/{sha256(layer)[7:]}" for layer in image.layers]
    entry = {"Config": f"blobs/sha256/{sha256(image.config)[7:]}", "RepoTags": [name], "Layers": places}
    return tar({**files, "manifest.json": json.dumps([entry]).encode()})


def unpack(files: Mapping[str, bytes], folder: Path) -> Path:
    """The files in a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _document(kind: str, **more: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": f"{OCI}.{kind}.v1+json", **more}).encode()
