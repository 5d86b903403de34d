"""Groups of commands, each loaded when it is asked for, so that the others cost nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from fleet.errors import UsageError


class LazyGroup(TyperGroup):
    """A group whose commands are modules, each with a typer app of one command (or a group of its own)."""

    what: ClassVar[str]
    """What its commands are called when one is misspelt."""
    modules: ClassVar[Mapping[str, str]]
    """The commands in the order of `--help`, with the module of each."""
    default: ClassVar[str] = ""
    """The command that is meant when the first word is none of them; where it is empty, that is an error."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.modules)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.modules:
            return None
        command = typer.main.get_command(import_module(self.modules[cmd_name]).app)
        command.name = cmd_name
        return command

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words of the command line, with the command that they leave out."""
        if self.default and args and args[0] not in (*self.modules, *ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command, or an error with the one that may have been meant."""
        if args[0] not in self.modules and not args[0].startswith("-"):
            from fleet.files.problems import suggest

            hint = f"{self.what}s are: {', '.join(self.modules)}"
            raise UsageError(f"there is no {self.what} {args[0]!r}{suggest(args[0], self.modules)}", hint)
        return super().resolve_command(ctx, args)
