"""The proof's image: one file in one layer, as an archive that `docker load` takes.

The archive has the form of the OCI Docker image specification v1.2 (github.com/moby/docker-image-spec): manifest.json,
a config, a layer. Both of the daemon's image stores load it. Equal platforms and tags give equal bytes: no clock.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from functools import cache

from fleet.proof.program import AMD64, ARM, ARM64, Program

_PROGRAMS: Mapping[str, tuple[Program, Mapping[str, str]]] = {
    "linux/amd64": (AMD64, {}),
    "linux/arm64": (ARM64, {"variant": "v8"}),
    "linux/arm/v7": (ARM, {"variant": "v7"}),
}
PLATFORMS = tuple(_PROGRAMS)
"""The platforms that a proof can be made on: those that Docker publishes packages for."""


def line(platform: str) -> str:
    """What the container of this platform prints."""
    return _program(platform)[0].line


def reference(platform: str, tag: str = "") -> str:
    """The image's name; without a tag of the caller's own, its tag is a hash of what is in it."""
    return f"fleet-proof:{tag or hashlib.sha256(_config(platform)).hexdigest()[:12]}"


@cache
def archive(platform: str, tag: str = "") -> bytes:
    """The image as a gzipped tar for `docker load`; ValueError for a platform that is not one of PLATFORMS."""
    layer, config = _layer(platform), _config(platform, tag)
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [reference(platform, tag)], "Layers": ["layer.tar"]}]
    files = {"layer.tar": layer, config_name: config, "manifest.json": _json(manifest)}
    return gzip.compress(_tar(files, 0o644), mtime=0)


def _config(platform: str, tag: str = "") -> bytes:
    """The tag is in a label, so that two proofs at once have images of their own: removing one must not touch the other."""
    program, variant = _program(platform)
    return _json(
        {
            "architecture": program.name,
            **variant,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Cmd": ["/hello"], "Labels": {"fleet.proof": tag}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(_layer(platform)).hexdigest()}"]},
        }
    )


def _layer(platform: str) -> bytes:
    return _tar({"hello": _program(platform)[0].elf()}, 0o755)


def _program(platform: str) -> tuple[Program, Mapping[str, str]]:
    if platform not in _PROGRAMS:
        raise ValueError(f"There is no proof for the platform {platform!r}; there is for {', '.join(PLATFORMS)}.")
    return _PROGRAMS[platform]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _tar(files: Mapping[str, bytes], mode: int) -> bytes:
    """A tar of these files, all of root and of the year 1970."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()
