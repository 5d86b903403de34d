"""The laptop's own `docker buildx`: is it there, and what can it build for?"""

from __future__ import annotations

import shutil
import subprocess

from fleet.errors import CatalogError
from fleet.queries import Builder

_SECONDS = 30
_ELSEWHERE = "or let the hosts build: builds: {images: [{…, where: fleet}]}."
_INSTALL = "Install Docker with its package docker-buildx-plugin on this machine,"

_UNKNOWN = ("is not a docker command", "unknown command")
"""What docker says of a plugin that is not there, before and since its version 28."""


def builder() -> Builder:
    """The builder that `docker buildx build` takes; raises CatalogError when there is none, or it does not work."""
    if not shutil.which("docker"):
        raise CatalogError("there is no `docker` on this machine to build with", f"{_INSTALL} {_ELSEWHERE}")
    said = _ask("buildx", "inspect")
    found = read(said)
    if found.driver != "docker":
        return found
    store = _ask("info", "--format", "{{json .DriverStatus}}")
    return Builder(found.driver, found.platforms, exports="io.containerd.snapshotter.v1" in store)


def read(text: str) -> Builder:
    """The words of `docker buildx inspect`. Raises CatalogError with those that it has for what is wrong.

    The driver `docker` writes archives only when images are in containerd's store (docs.docker.com/build/builders/drivers).
    """
    rows = [(name.strip(), value.strip()) for name, colon, value in (line.partition(":") for line in text.splitlines()) if colon]
    trouble = next((value for name, value in rows if name == "Error"), "")
    if trouble:
        raise CatalogError(f"docker buildx on this machine can't build: {trouble}", f"Start Docker here, {_ELSEWHERE}")
    driver = next((value for name, value in rows if name == "Driver"), "")
    listed = (p.strip().rstrip("*") for name, value in rows if name == "Platforms" for p in value.split(","))
    return Builder(driver, tuple(dict.fromkeys(platform for platform in listed if platform)))


def _ask(*words: str) -> str:
    try:
        done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CatalogError(f"Docker on this machine does not answer within {_SECONDS} s", f"Restart it, {_ELSEWHERE}") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
        hint = f"{_INSTALL} {_ELSEWHERE}" if any(words in said for words in _UNKNOWN) else f"Start Docker here, {_ELSEWHERE}"
        raise CatalogError(f"`docker {words[0]}` on this machine says: {said}", hint)
    return done.stdout
