"""The images on the box's Docker Hub, written straight into the storage of a registry.

Storage layout: distribution/distribution, registry/storage/paths.go. Manifests and indexes: the OCI image
specification, and Docker's manifest list (distribution, docs/spec/manifest-v2-2.md).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.box import python, registry
from tests.lab.box.programs import Programs
from tests.lab.cache import cached

_DOCKER = "application/vnd.docker.distribution.manifest"
_OCI = "application/vnd.oci.image"
_CREATED = "2026-01-01T00:00:00Z"
_RECIPE = "4"

_HELLO = """\
#!/bin/busybox sh
echo
echo 'Hello from Docker!'
echo 'This message came out of a container: the daemon, the registry and the network work.'
"""
_APPLETS = [
    "sh",
    "ash",
    "cat",
    "echo",
    "env",
    "false",
    "id",
    "ls",
    "mount",
    "ps",
    "sleep",
    "test",
    "true",
    "uname",
    "wget",
]
_PLATFORMS: dict[str, dict[str, str]] = {
    "amd64": {"os": "linux", "architecture": "amd64"},
    "arm64": {"os": "linux", "architecture": "arm64", "variant": "v8"},
    "armhf": {"os": "linux", "architecture": "arm", "variant": "v7"},
}


@dataclass(frozen=True)
class Image:
    """One repository of the Hub; `kind` is "oci" (with attestations), "list" (Docker's) or "single"."""

    repository: str
    command: tuple[str, ...]
    architectures: tuple[str, ...]
    kind: str = "list"
    tags: tuple[str, ...] = ("latest", "1.0")
    edition: str = ""
    """Tells images of one repository apart."""
    path: str = "/bin"


_ALL = tuple(_PLATFORMS)
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IMAGES = (
    Image("library/hello-world", ("/hello",), _ALL, "oci", ("latest", "linux", "1.0")),
    Image("library/busybox", ("sh",), _ALL, "oci", ("latest", "1.35.0", "1.35")),
    Image("example/no-arm32", ("/hello",), ("amd64", "arm64")),
    Image("example/amd64-only", ("/hello",), ("amd64",)),
    Image("example/arm64-only", ("/hello",), ("arm64",)),
    Image("example/single-amd64", ("/hello",), ("amd64",), "single"),
    Image("example/moving", ("/hello",), _ALL, "oci", ("stable", "1.0"), edition="one"),
    Image("example/moving", ("/hello",), _ALL, "oci", ("2.0",), edition="two"),
    Image("library/python", ("python3",), python.ARCHITECTURES, "oci", ("3.13-slim", "3.13-slim-trixie"), path=_USUAL_PATH),
    Image(
        "library/registry",
        ("registry", "serve", "/etc/distribution/config.yml"),
        registry.ARCHITECTURES,
        "oci",
        ("3", "latest"),
        path=_USUAL_PATH,
    ),
    Image("example/private", ("/hello",), _ALL),
    Image("ratelimitpreview/test", ("/hello",), ("amd64",), "single", ("latest",)),
)


def storage(everything: dict[str, Programs]) -> Path:
    """Return the root folder of the registry's storage, made on first use."""
    made_of = [programs.folder.name for programs in everything.values()]
    recipe = f"{_RECIPE} {IMAGES} {_HELLO} {made_of} {python.RECIPE} {registry.RECIPE}"
    return cached("hub", recipe, lambda folder: _make(Storage(folder), everything))


def _make(storage: Storage, everything: dict[str, Programs]) -> None:
    layers = {name: _layer(programs.busybox) for name, programs in everything.items()}
    special = {"library/python": python, "library/registry": registry}
    for image in IMAGES:
        own = special.get(image.repository)
        digest = _put_image(storage, image, {name: own.layer(name) for name in own.ARCHITECTURES} if own else layers)
        for tag in image.tags:
            storage.tag(image.repository, tag, digest)


@dataclass(frozen=True)
class Storage:
    """A registry's storage on disk."""

    folder: Path

    @property
    def _root(self) -> Path:
        return self.folder / "docker/registry/v2"

    def put(self, repository: str, content: bytes, media_type: str, kind: str) -> dict[str, Any]:
        """Store a blob as one of a repository's "layer"s or "manifest"s; return its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        _write(self._root / f"blobs/sha256/{digest[:2]}/{digest}/data", content)
        place = "_layers" if kind == "layer" else "_manifests/revisions"
        self._link(f"{repository}/{place}/sha256/{digest}", digest)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def put_json(self, repository: str, content: dict[str, Any]) -> dict[str, Any]:
        """Store a manifest or an index; return its descriptor."""
        return self.put(repository, json.dumps(content, indent=2).encode(), content["mediaType"], "manifest")

    def tagged(self, repository: str, tag: str) -> str:
        """Return the digest of what a tag names."""
        return (self._root / "repositories" / repository / f"_manifests/tags/{tag}/current/link").read_text()

    def tag(self, repository: str, tag: str, digest: str) -> None:
        """Let a tag name a manifest or an index."""
        digest = digest.removeprefix("sha256:")
        self._link(f"{repository}/_manifests/tags/{tag}/current", digest)
        self._link(f"{repository}/_manifests/tags/{tag}/index/sha256/{digest}", digest)

    def _link(self, place: str, digest: str) -> None:
        _write(self._root / "repositories" / place / "link", f"sha256:{digest}".encode())


def _put_image(storage: Storage, image: Image, layers: dict[str, bytes]) -> str:
    manifests = [_put_manifest(storage, image, name, layers[name]) for name in image.architectures]
    if image.kind == "single":
        return str(manifests[0]["digest"])
    if image.kind == "oci":
        attestations = [_put_attestation(storage, image.repository, manifest) for manifest in manifests]
        index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": manifests + attestations}
    else:
        index = {"schemaVersion": 2, "mediaType": f"{_DOCKER}.list.v2+json", "manifests": manifests}
    return str(storage.put_json(image.repository, index)["digest"])


def _put_manifest(storage: Storage, image: Image, architecture: str, layer: bytes) -> dict[str, Any]:
    oci = image.kind == "oci"
    types = (
        (f"{_OCI}.manifest.v1+json", f"{_OCI}.config.v1+json", f"{_OCI}.layer.v1.tar+gzip")
        if oci
        else (
            f"{_DOCKER}.v2+json",
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        )
    )
    config = json.dumps(_config(image, architecture, layer)).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": types[0],
        "config": storage.put(image.repository, config, types[1], "layer"),
        "layers": [storage.put(image.repository, layer, types[2], "layer")],
    }
    return {**storage.put_json(image.repository, manifest), "platform": _PLATFORMS[architecture]}


def _put_attestation(storage: Storage, repository: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """Store what buildx adds to every index: an entry of platform unknown/unknown that is no image."""
    statement = storage.put(repository, b'{"predicateType":"none"}', "application/vnd.in-toto+json", "layer")
    empty = storage.put(repository, b"{}", f"{_OCI}.config.v1+json", "layer")
    content = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": empty,
        "layers": [statement],
        "annotations": {"for": manifest["digest"]},
    }
    return {
        **storage.put_json(repository, content),
        "annotations": {
            "vnd.docker.reference.digest": manifest["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": {"os": "unknown", "architecture": "unknown"},
    }


def _config(image: Image, architecture: str, layer: bytes) -> dict[str, Any]:
    diff_id = hashlib.sha256(gzip.decompress(layer)).hexdigest()
    return {
        "created": _CREATED,
        **_PLATFORMS[architecture],
        "config": {"Env": [f"PATH={image.path}"], "Cmd": list(image.command)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        "history": [{"created": _CREATED, "created_by": f"fleet lab, {image.repository} {image.edition}".rstrip()}],
    }


def _layer(busybox: Path) -> bytes:
    """Return the one layer of every image: a static busybox, a few of its names, and /hello."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777)):
            tar.addfile(_entry(folder, tarfile.DIRTYPE, mode))
        _add_file(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        _add_links(tar, _APPLETS)
        _add_file(tar, "hello", _HELLO.encode(), 0o755)
        _add_file(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", 0o644)
    return gzip.compress(content.getvalue(), 1, mtime=0)


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    info = _entry(name, tarfile.REGTYPE, mode)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _add_links(tar: tarfile.TarFile, names: Iterable[str]) -> None:
    for name in names:
        info = _entry(f"bin/{name}", tarfile.SYMTYPE, 0o777)
        info.linkname = "busybox"
        tar.addfile(info)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    return info


def _write(path: Path, content: bytes) -> None:
    """Write a file anew: another name of the old one, in a copy made of links, keeps what it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
