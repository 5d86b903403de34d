"""Text files that a recipe names: read when the recipe is, so that plans are made from what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from fleet.files.fields import refuse
from fleet.files.named import FILE, look
from fleet.files.problems import show

LARGEST = 256 * 1024
"""Bytes of one attached file: it travels inside a script, and stands in plans."""


class Attachment(BaseModel):
    """A file with its content. ``path`` is as it was read here, for messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: str = Field(description="As the laptop opened it.")
    content: str = Field(description="Its text.")


def _attached(value: Any) -> Any:
    """A path becomes the file; what a saved plan has is the file already."""
    return {"path": value, "content": _read(Path(value).expanduser(), value)} if isinstance(value, str) else value


def _read(path: Path, named: str) -> str:
    look(path, named, FILE)
    try:
        content = path.read_bytes()
    except OSError as problem:
        refuse(f"{show(named)} can't be read: {problem.strerror}")
    if len(content) > LARGEST:
        refuse(f"{show(named)} is larger than {LARGEST // 1024} KiB", "large files belong into an image or a volume")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        refuse(f"{show(named)} is not UTF-8 text", "binary files belong into an image or a volume")
    if "\0" in text:
        refuse(f"{show(named)} has a NUL in it", "binary files belong into an image or a volume")
    return text


TextFile = Annotated[Attachment, BeforeValidator(_attached), WithJsonSchema({"type": "string"})]
"""For options: written as a path, and then the file with its content."""
