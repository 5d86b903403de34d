"""Files and folders of the laptop that a recipe names by their paths: looked at when the recipe is checked.

So a mistake shows before any host is asked. Options are also made for one host at a time, and read from saved plans: then
nothing is looked at here, and what is in these places is asked for when it is needed (`fleet.catalog`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from fleet.files.fields import refuse
from fleet.files.problems import show, suggest

LOOK: Mapping[str, bool] = {"look": True}
"""The context of a validation that looks at what is named."""
FROM = "a path is relative to the recipe that names it"
Kinds = Mapping[str, Callable[[int], bool]]
"""What it may be, in words, and how its mode tells."""
FILE: Kinds = {"file": stat.S_ISREG}
FOLDER: Kinds = {"folder": stat.S_ISDIR}


def looks(info: ValidationInfo) -> bool:
    """Whether this validation is to look at the laptop's files."""
    return bool(info.context and info.context.get("look"))


def look(path: Path, named: str, kinds: Kinds, hint: str = FROM) -> None:
    """Refuse what is not there, is of none of these kinds, or may not be read; ``named`` is what messages call it."""
    what = " or ".join(kinds)
    try:
        is_one = _opens(path, kinds)
    except FileNotFoundError:
        refuse(f"there is no {what} {show(named)}{_meant(path)}", hint)
    except (OSError, ValueError) as problem:
        refuse(f"{show(named)} can't be read: {getattr(problem, 'strerror', None) or problem}")
    if not is_one:
        refuse(f"{show(named)} is no {what}", hint)


def _opens(path: Path, kinds: Kinds) -> bool:
    """Whether it is one of these kinds; raises OSError where it can't be opened. A pipe is not, which might wait forever."""
    mode = path.stat().st_mode
    if not any(is_one(mode) for is_one in kinds.values()):
        return False
    if stat.S_ISDIR(mode):
        os.scandir(path).close()
    else:
        path.open("rb").close()
    return True


def _meant(path: Path) -> str:
    """A name like it that is there."""
    try:
        return suggest(path.name, os.listdir(path.parent))
    except OSError:
        return ""


def _folder(path: str, info: ValidationInfo) -> str:
    if looks(info):
        look(Path(path), path, FOLDER)
    return path


def _file_or_folder(path: str, info: ValidationInfo) -> str:
    if looks(info):
        look(Path(path), path, {**FILE, **FOLDER})
    return path


Folder = Annotated[str, Field(min_length=1), AfterValidator(_folder)]
"""For options: the path of a folder."""
FileOrFolder = Annotated[str, Field(min_length=1), AfterValidator(_file_or_folder)]
"""For options: the path of a file, or of a folder in its place."""
