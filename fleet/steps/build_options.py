"""The recipe's section `builds`: which images are built, from what, and where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from fleet.files import named
from fleet.files.fields import refuse
from fleet.files.problems import show
from fleet.formats.references import HUB, ImageReference, parse
from fleet.formats.registries import is_loopback
from fleet.model import Options

_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INSIDE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def _argument(text: str) -> str:
    if not _ARGUMENT.fullmatch(text):
        refuse(f"{show(text)} is no name of a build argument", "use letters, digits and _, as ARG in the Dockerfile does")
    return text


def _inside(text: str) -> str:
    if not _INSIDE.fullmatch(text):
        refuse(f"{show(text)} is no file inside the context", "write its path from the context, such as docker/Dockerfile")
    return text


def _tag(text: str) -> str:
    if "@" in text:
        refuse(f"{show(text)} has a digest: what is built gets one, it can't be asked for", "write name:tag")
    return text


ArgumentName = Annotated[str, AfterValidator(_argument)]


class Build(BaseModel):
    """One image to build."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    tag: Annotated[ImageReference, AfterValidator(_tag)] = Field(description="The image's name and tag, such as shop/web:1.")
    context: named.Folder = Field(description="The folder to build from; a relative one from the recipe's own folder.")
    dockerfile: Annotated[str, AfterValidator(_inside)] = Field(
        "Dockerfile", validate_default=True, description="The Dockerfile, inside the context."
    )
    bases: dict[ArgumentName, ImageReference] = Field(
        default_factory=dict,
        description="Build arguments that name base images (ARG BASE, FROM ${BASE}): checked for the platform before the build.",
    )
    args: dict[ArgumentName, str] = Field(
        default_factory=dict, description="Other build arguments; they show in the image's history, so put no secret here."
    )
    target: Annotated[str, AfterValidator(_argument)] | None = Field(None, description="The stage of the Dockerfile to build.")
    network: Literal["default", "host", "none"] = Field("default", description="The network of RUN.")
    platforms: tuple[str, ...] = Field(
        (), description="Platforms that it can be built for, such as linux/arm64; hosts of others are refused. Empty: all."
    )
    where: Literal["each", "fleet", "laptop"] = Field(
        "each",
        description="each: every host builds its own. fleet: the best host of each platform builds, the others take it from"
        " there. laptop: this machine's docker buildx builds it for each platform.",
    )
    push: bool = Field(
        False, description="Push it to the registry that its tag names, each platform once, and join them under this tag."
    )
    memory: int = Field(0, ge=0, le=1 << 20, description="MiB of memory and swap together that the build takes at least.")
    timeout: int = Field(7200, ge=10, le=86400, description="Seconds that the build may take.")

    @field_validator("dockerfile")
    @classmethod
    def _is_in_the_context(cls, dockerfile: str, info: ValidationInfo) -> str:
        """A context that was refused, or hangs on a fact, says nothing of what is in it."""
        if named.looks(info) and (context := info.data.get("context")):
            path = Path(context) / dockerfile
            named.look(path, str(path), named.FILE, "write it, or name another one in the context: dockerfile: NAME")
        return dockerfile

    @model_validator(mode="after")
    def _names_a_registry(self) -> Build:
        if self.push:
            _check_registry(self.tag)
        return self


def _check_registry(tag: str) -> None:
    """Docker itself would push a name without a registry to its Hub, which is hardly ever meant."""
    named = parse(tag)
    official = named.registry == HUB and named.repository.startswith("library/")
    if official or not tag.startswith(f"{named.registry}/"):
        short = named.repository.removeprefix("library/")
        where = f"registry.lan:5000/{short}:{named.tag}, or {HUB}/{'USER/' if official else ''}{short}:{named.tag}"
        refuse(f"{show(tag)} names no registry of yours to push to", f"write {where}")
    if is_loopback(named.registry):
        refuse(f"{show(tag)} names a registry on each host itself", "name it as all hosts and this machine reach it")


def _once(builds: tuple[Build, ...]) -> tuple[Build, ...]:
    tags = [parse(build.tag).familiar for build in builds]
    for tag in tags:
        if tags.count(tag) > 1:
            refuse(f"{show(tag)} is built twice", "give each image a tag of its own")
    return builds


class BuildsOptions(Options):
    """Which images."""

    images: Annotated[tuple[Build, ...], AfterValidator(_once)] = Field(
        (), description="Images to build when what they are made from has changed."
    )
