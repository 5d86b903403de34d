"""`fleet swarm`: what is done with nodes of a Swarm now and then. What they are to be for good says the step of that name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import typer

from fleet.cli.lazy import LazyGroup


class Swarm(LazyGroup):
    """Each command is a module of this folder; a new one is a file and a line here."""

    what = "command of `fleet swarm`"
    modules: ClassVar[Mapping[str, str]] = {name: f"fleet.cli.swarm_{name}" for name in ("drain", "pause", "activate", "leave")}


app = typer.Typer(
    cls=Swarm,
    help="Nodes of a Docker Swarm: drain them, and take them out. Hosts join by the step and the recipe swarm.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    subcommand_metavar="COMMAND HOSTS...",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _swarm() -> None:
    """Makes a group of its commands."""
