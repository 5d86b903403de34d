"""`fleet stacks down NAME HOSTS`: a stack is stopped and taken away."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.asking import is_sure
from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.console import tell_note
from fleet.errors import UsageError

StackName = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="The stack's name.")]


def down(
    session: Session,
    name: StackName,
    which: Which,
    login: Login,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Stop a stack and take its containers, networks, files and secrets away. Volumes stay.

    While the recipe has it, the next provision deploys it again: stacks: {NAME: {state: absent}} says that it is to stay away.
    """
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_end

    check_name(name, "down")
    prepared = prepare(session, which, login)
    if not yes and not is_sure(session, f"Stop {name} and take it away, though its volumes stay,", prepared.hosts):
        tell_note(session.screen, "nothing was done")
        return 1
    return prepared.finish(stages.stack_down(prepared.run, prepared.hosts, name), tell_end)


def check_name(name: str, command: str) -> None:
    """Refuse what can't be the name of a stack, such as a path or a pattern."""
    from fleet.steps.stack_options import is_name

    if not is_name(name):
        raise UsageError(
            f"{name!r} can't be the name of a stack", f"fleet stacks {command} NAME HOSTS; `fleet stacks --all` lists them"
        )


app = command(down)
