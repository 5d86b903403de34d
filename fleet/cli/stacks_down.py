"""`fleet stacks down NAME HOSTS`: a stack is stopped and taken away."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.console import tell_note, tell_question
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
    if not yes and not _is_sure(session, f"Stop {name} and take it away", [host.name for host in prepared.hosts]):
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


def _is_sure(session: Session, deed: str, hosts: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("this asks first, and there is no terminal to ask on", "say that it is meant: --yes")
    several = f", on {len(hosts)} hosts" if len(hosts) > 6 else f", on {', '.join(hosts)}"
    tell_question(session.screen, f"{deed}{several}? Volumes stay. [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


app = command(down)
