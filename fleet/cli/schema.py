"""`fleet schema`: for editors that complete and check YAML files."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fleet.cli.options import command
from fleet.cli.session import Session
from fleet.console import tell_json


def schema(
    session: Session,
    file: Annotated[Literal["inventory", "recipe"], typer.Argument(show_default=False, help="The kind of file.")],
) -> int:
    """Print the JSON Schema of inventories or recipes."""
    from fleet import schemas
    from fleet.steps import STEPS

    tell_json(session.screen, schemas.inventory() if file == "inventory" else schemas.recipe(STEPS))
    return 0


app = command(schema)
