"""`fleet stacks`: the stacks of the fleet. A table when hosts are named, else one of the commands of this group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import typer

from fleet.cli.lazy import LazyGroup


class Stacks(LazyGroup):
    """Each command is a module of this folder; a new one is a file and a line here."""

    what = "command of `fleet stacks`"
    modules: ClassVar[Mapping[str, str]] = {name: f"fleet.cli.stacks_{name}" for name in ("list", "rollback", "down")}
    default = "list"


app = typer.Typer(
    cls=Stacks,
    help="The stacks of the hosts: `fleet stacks HOSTS` shows them (short for `fleet stacks list HOSTS`).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    subcommand_metavar="[COMMAND] HOSTS...",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _stacks() -> None:
    """Makes a group of its commands."""
