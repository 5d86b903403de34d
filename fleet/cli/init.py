"""`fleet init`: a project folder to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.options import command
from fleet.cli.session import Session
from fleet.console import tell_data, tell_json
from fleet.errors import UsageError

FILES = ("inventory/fleet.yml", "inventory/example.yml", "recipes/example.yml")
"""What a new project has."""


def init(
    session: Session,
    folder: Annotated[Path, typer.Argument(help="Where; it is made if it is not there.")] = Path(),
) -> int:
    """Start a project: an inventory to fill in, one that explains every key, and a recipe to build on.

    Files that are there already are left as they are.
    """
    written = {name: _write(folder, name) for name in FILES}
    if session.screen.json:
        from fleet.report import VERSION

        tell_json(session.screen, {"version": VERSION, "written": [str(folder / name) for name, new in written.items() if new]})
        return 0
    for name, new in written.items():
        tell_data(session.screen, f"{'wrote' if new else 'kept '} {folder / name}")
    inside = "" if folder == Path() else f"cd {folder}; "
    tell_data(session.screen, f"Next: put your machines into {folder / FILES[0]}, then: {inside}fleet plan --all")
    return 0


def _write(folder: Path, name: str) -> bool:
    """True when the file was not there."""
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(template(name).read_text(encoding="utf-8"))
    except FileExistsError:
        if not path.is_file():
            raise UsageError(f"{path} or a folder on the way to it is something else", "choose another folder") from None
        return False
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", "choose another folder") from None
    return True


def template(name: str) -> Path:
    """The file that a new project gets: inside an installed package, or where it lies in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "templates" / name
    return inside if inside.is_file() else package.parent / name


app = command(init)
