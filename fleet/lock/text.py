"""The lock as YAML: strict when read, and always the same text for the same lock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from fleet.errors import LockError
from fleet.files.documents import load
from fleet.files.problems import explain, placed, raise_all
from fleet.lock import GENERATIONS, Lock, Pins, name_of
from fleet.queries import RemoteImage

HEAD = """\
# Which images the fleet has, by digest. Written by fleet; keep it beside your recipes, under version control.
# `fleet images update` moves to what the tags name today, `fleet images rollback` goes back.
"""
_VERSION = 1
_HINT = "mend it, take it from version control, or remove the file and run: fleet images lock"


def _is_a_name(text: str) -> str:
    name = name_of(text)
    if name != text:
        raise ValueError(f"write {name}" if name else "an image with a digest in its name needs no lock")
    return text


_Name = Annotated[str, AfterValidator(_is_a_name)]
_Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
_Platform = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    digest: _Digest = Field(description="what the tag named in its registry when it was locked")
    platforms: list[_Platform] = Field(description="the platforms that this image is made for")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1]
    images: dict[_Name, _Entry] = Field(default_factory=dict)
    before: list[dict[_Name, _Entry]] = Field(default_factory=list, max_length=GENERATIONS)


def read(path: Path) -> Lock:
    """The lock in a file; raises LockError with file and line of all that is wrong in it."""
    try:
        document = load(path, LockError)
    except LockError as error:
        error.hint = _HINT
        raise
    try:
        found = _File.model_validate(document.data)
    except ValidationError as wrong:
        problems = explain(wrong, _File, document.data)
        try:
            raise_all(placed(problems, document.locate), LockError)
        except LockError as error:
            error.hint = error.hint or _HINT
            raise
    return Lock(_pins(found.images), tuple(map(_pins, found.before)))


def _pins(entries: dict[str, _Entry]) -> Pins:
    return {name: RemoteImage(entry.digest, tuple(entry.platforms)) for name, entry in entries.items()}


def render(lock: Lock) -> str:
    """The text of the file."""
    lines = [f"version: {_VERSION}", "images:" if lock.pins else "images: {}", *_entries(lock.pins, "  ")]
    if lock.before:
        lines += ["", "before:"]
    for pins in lock.before:
        first, *others = _entries(pins, "    ")
        lines += [f"  - {first.lstrip()}", *others]
    return HEAD + "\n".join(lines) + "\n"


def _entries(pins: Pins, indent: str) -> Iterator[str]:
    for name, pin in sorted(pins.items()):
        yield f'{indent}"{name}":'
        yield f"{indent}  digest: {pin.digest}"
        yield f"{indent}  platforms: [{', '.join(pin.platforms)}]"
