"""An image whose every build is another one, so that a test sees who has built and who has taken."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab.host import Host
from tests.support.project import Project

TAG = "shop/web:1"
DOCKERFILE = """\
ARG BASE
FROM ${BASE}
COPY word /word
RUN cat /proc/sys/kernel/random/uuid > /build && cat /word
"""


def write(project: Project, word: str = "first") -> Path:
    """The context, under recipes/shop; another ``word`` makes another image."""
    folder = project.folder / "recipes" / "shop" / "context"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "word").write_text(f"{word}\n")
    return folder


def recipe(project: Project, *, beside: Mapping[str, Any] | None = None, **options: Any) -> None:
    """The recipe `shop`, which builds it; ``beside`` are other sections of the recipe."""
    image = {"tag": TAG, "context": "context", "bases": {"BASE": "busybox:1.35"}, **options}
    project.recipe("shop/recipe", builds={"images": [image]}, **(beside or {}))


def build(host: Host, tag: str = TAG) -> str:
    """Which build it is that the host has: a word that no two builds share."""
    return host.exec(["docker", "run", "--rm", "--network", "none", tag, "cat", "/build"]).stdout.strip()


def docker_of(laptop: Host, project: Project) -> str:
    """A PATH with a `docker` that is the one of a lab host: this machine as one that has Docker."""
    docker = project.folder / "bin" / "docker"
    docker.parent.mkdir(exist_ok=True)
    docker.write_text(f'#!/bin/sh\nexec {shlex.join(laptop._inside(["docker"]))} "$@"\n')
    docker.chmod(0o755)
    return f"{docker.parent}:{os.environ['PATH']}"
