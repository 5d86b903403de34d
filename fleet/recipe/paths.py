"""Files that a recipe names are meant from the folder that the recipe is in, wherever fleet is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fleet.model import Data, Step


def from_folder(data: Mapping[str, Any], steps: Sequence[Step[Any]], folder: Path) -> dict[str, Any]:
    """A recipe's data with the relative paths of its sections put behind the folder.

    A path that is absolute, or begins with a ``${…}`` (which may be so), is left as it is.
    """
    made = dict(data)
    for step in steps:
        for pattern in step.paths:
            if step.name in made:
                made[step.name] = _at(made[step.name], pattern, folder)
    return made


def _at(data: Data, pattern: tuple[str, ...], folder: Path) -> Data:
    if not pattern:
        return _placed(data, folder) if isinstance(data, str) else data
    key, rest = pattern[0], pattern[1:]
    if isinstance(data, dict):
        return {k: _at(v, rest, folder) if key in ("*", k) else v for k, v in data.items()}
    if isinstance(data, list) and key == "*":
        return [_at(item, rest, folder) for item in data]
    return data


def _placed(path: str, folder: Path) -> str:
    return path if not path or path.startswith(("/", "${")) else str(folder / path)
