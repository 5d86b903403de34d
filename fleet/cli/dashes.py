"""Words behind ``--``: another program's, kept apart from the hosts."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class AfterDashes(TyperCommand):
    """Keeps the words after ``--`` apart from the hosts."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--" in args:
            place = args.index("--")
            ctx.obj.words = tuple(args[place + 1 :])
            args = args[:place]
        return super().parse_args(ctx, args)
