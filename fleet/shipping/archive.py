"""Archives of images: what `docker save` writes, before and after Docker 25, and OCI image layouts, as a tar or a folder.

Sources: the Docker image specification v1.2 (github.com/moby/docker-image-spec) for manifest.json, and the OCI image
specification (image-layout.md, image-index.md, manifest.md, config.md) for index.json and what it leads to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fleet.errors import FileError
from fleet.formats.references import parse
from fleet.shipping.shelf import Shelf, Stored, shelf_of

_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
"""Annotations that name an image: containerd's in full, OCI's as its author likes (often the tag alone)."""
_OCI = "application/vnd.oci.image"
_MANIFEST = f"{_OCI}.manifest.v1+json"
_TAR = f"{_OCI}.layer.v1.tar"
_GZIP = b"\x1f\x8b"
_DEEPEST = 4
"""Indexes within indexes; more than one is rare, and a circle has no end."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: ``digest`` of the bytes as they are stored, ``diff_id`` of the tar that they hold."""

    digest: str
    diff_id: str
    media_type: str
    stored: Stored

    @property
    def is_compressed(self) -> bool:
        """Whether to compress it again would be in vain."""
        return self.media_type.endswith(("gzip", "zstd"))


@dataclass(frozen=True, slots=True)
class Packed:
    """An image for one platform. ``ids`` are what a daemon may call it: of its config, its manifest, or an index over it."""

    names: tuple[str, ...]
    platform: str
    config: bytes
    manifest: bytes
    layers: tuple[Layer, ...]
    ids: frozenset[str]

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Of all layers, the lowest first."""
        return tuple(layer.diff_id for layer in self.layers)


@dataclass(frozen=True)
class Archive:
    """All images that an archive has whole. To be closed when nobody reads from it any more."""

    path: str
    images: tuple[Packed, ...]
    shelf: Shelf = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name in it, as Docker shows them."""
        return tuple(sorted({name for image in self.images for name in image.names}))

    def named(self, name: str) -> tuple[Packed, ...]:
        """The images of that name, one for each platform; those without any name where the archive has no names at all.

        Raises FileError, with what there is.
        """
        wanted = parse(name).familiar
        found = tuple(i for i in self.images if wanted in i.names or not self.names)
        if found:
            return found
        raise FileError(f"has no image {wanted}", f"It has: {', '.join(self.names)}.", path=self.path)

    def close(self) -> None:
        """Let go of temporary files."""
        self.shelf.close()


def open_archive(path: Path) -> Archive:
    """Read an archive's table of contents; its layers stay where they are. Raises FileError when it is none."""
    shelf = shelf_of(path)
    try:
        images = _images(shelf)
        if not images:
            raise FileError("has no image in it", "Make it with: docker save -o FILE IMAGE", path=str(path))
        return Archive(str(path), images, shelf)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        shelf.close()
        what = f"is damaged, or no archive of images: {type(error).__name__}: {error}"
        raise FileError(what, "Make it anew: docker save -o FILE IMAGE", path=str(path)) from None
    except BaseException:
        shelf.close()
        raise


def _images(shelf: Shelf) -> tuple[Packed, ...]:
    found: dict[str, Packed] = {}
    index = shelf.json("index.json") if "index.json" in shelf else {}
    for image in _of_index(shelf, index, (), frozenset(), 0):
        config = sha256(image.config)
        known = found.get(config)
        found[config] = _joined(known, image) if known else image
    for entry in shelf.json("manifest.json") if "manifest.json" in shelf else []:
        config = sha256(shelf.read(entry["Config"]))
        names = tuple(entry.get("RepoTags") or ())
        if config in found:
            found[config] = replace(found[config], names=tuple(sorted({*found[config].names, *map(_familiar, names)})))
        else:
            found[config] = _of_entry(shelf, entry, names)
    return tuple(found.values())


def _joined(one: Packed, other: Packed) -> Packed:
    """The same image found twice, as it is when it has two names."""
    return replace(one, names=tuple(sorted({*one.names, *other.names})), ids=one.ids | other.ids)


# ── OCI: index.json, indexes, manifests ──────────────────────────────────────────────────────────────────────────────


def _of_index(
    shelf: Shelf, index: Mapping[str, Any], names: tuple[str, ...], above: frozenset[str], depth: int
) -> Iterator[Packed]:
    for entry in index.get("manifests", []) if depth < _DEEPEST else []:
        place = blob(entry["digest"])
        if place not in shelf or "vnd.docker.reference.type" in entry.get("annotations", {}):
            continue  # a platform that was not saved, or an attestation
        own = names or _names(entry.get("annotations", {}))
        document = shelf.json(place)
        ids = above | {entry["digest"]}
        if "manifests" in document:
            yield from _of_index(shelf, document, own, ids, depth + 1)
        elif (image := _of_manifest(shelf, document, shelf.read(place), own, ids)) is not None:
            yield image


def _of_manifest(
    shelf: Shelf, document: Mapping[str, Any], text: bytes, names: tuple[str, ...], ids: frozenset[str]
) -> Packed | None:
    """None for what is no image (an artifact, a signature), or not whole."""
    places = [blob(document["config"]["digest"]), *(blob(row["digest"]) for row in document["layers"])]
    if any(place not in shelf for place in places):
        return None
    config = shelf.read(places[0])
    said = json.loads(config)
    diff_ids = (said.get("rootfs") or {}).get("diff_ids") or []
    if len(diff_ids) != len(document["layers"]) or not said.get("os"):
        return None
    layers = tuple(
        Layer(_digest(row["digest"]), _digest(diff_id), row["mediaType"], shelf.find(place))
        for row, diff_id, place in zip(document["layers"], diff_ids, places[1:], strict=True)
    )
    return Packed(names, platform_of(said), config, text, layers, ids | {sha256(config)})


def _names(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """A name without a `:` or `/` is a tag alone, and names no image."""
    said = [annotations[key] for key in _NAMES if key in annotations]
    full = next((name for name in said if "/" in name or ":" in name), "")
    return (_familiar(full),) if full else ()


# ── Docker: manifest.json ────────────────────────────────────────────────────────────────────────────────────────────


def _of_entry(shelf: Shelf, entry: Mapping[str, Any], names: tuple[str, ...]) -> Packed:
    config = shelf.read(entry["Config"])
    said = json.loads(config)
    pairs = zip(entry["Layers"], said["rootfs"]["diff_ids"], strict=True)
    layers = tuple(_layer(shelf.find(place), _digest(diff_id)) for place, diff_id in pairs)
    manifest = manifest_of(config, layers)
    return Packed(tuple(map(_familiar, names)), platform_of(said), config, manifest, layers, ids_of(config, manifest))


def _layer(stored: Stored, diff_id: str) -> Layer:
    """A layer is a plain tar, whose digest its config tells; some tools compress it."""
    if not stored.starts_with(_GZIP):
        return Layer(diff_id, diff_id, _TAR, stored)
    return Layer(stored.digest(), diff_id, f"{_TAR}+gzip", stored)


def manifest_of(config: bytes, layers: tuple[Layer, ...]) -> bytes:
    """The manifest of an image that came without one: equal for equal images."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": f"{_OCI}.config.v1+json", "digest": sha256(config), "size": len(config)},
            "layers": [{"mediaType": r.media_type, "digest": r.digest, "size": r.stored.size} for r in layers],
        },
        separators=(",", ":"),
    ).encode()


def ids_of(config: bytes, manifest: bytes) -> frozenset[str]:
    """The classic store calls an image by its config, containerd's by its manifest."""
    return frozenset({sha256(config), sha256(manifest)})


def platform_of(config: Mapping[str, Any]) -> str:
    """os/architecture[/variant], as a config says it."""
    return "/".join(part for part in (config["os"], config["architecture"], config.get("variant", "")) if part)


def sha256(data: bytes) -> str:
    """A digest as manifests write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob(digest: str) -> str:
    """Where an OCI layout keeps it."""
    return f"blobs/sha256/{_digest(digest).removeprefix('sha256:')}"


def _digest(text: str) -> str:
    """The digest, if it is one: it becomes a part of paths."""
    kind, _, value = text.partition(":")
    if kind != "sha256" or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ValueError(f"{text[:80]!r} is no sha256 digest")
    return text


def _familiar(name: str) -> str:
    return parse(name).familiar
