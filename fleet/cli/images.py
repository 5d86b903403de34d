"""`fleet images`: the images of the fleet. A table when hosts are named, else one of the commands of this group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import typer

from fleet.cli.lazy import LazyGroup


class Images(LazyGroup):
    """Each command is a module of this folder; a new one is a file and a line here."""

    what = "command of `fleet images`"
    modules: ClassVar[Mapping[str, str]] = {
        name: f"fleet.cli.images_{name}" for name in ("list", "lock", "outdated", "update", "rollback", "prune", "push")
    }
    default = "list"


app = typer.Typer(
    cls=Images,
    help="The images of the hosts: `fleet images HOSTS` shows them (short for `fleet images list HOSTS`).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    subcommand_metavar="[COMMAND] HOSTS...",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _images() -> None:
    """Makes a group of its commands."""
