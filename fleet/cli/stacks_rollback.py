"""`fleet stacks rollback NAME HOSTS`: back to the good one before."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.cli.stacks_down import StackName


def rollback(
    session: Session,
    name: StackName,
    which: Which,
    login: Login,
    timeout: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", min=1, max=3600, help="Until it must be healthy.")
    ] = 120,
) -> int:
    """Bring back what a stack was before its last change: files, values, secrets and images, as the host has kept them.

    No registry, recipe or secret of this machine is asked. What runs now is kept in its place: once more, and it is back.
    The recipe is not changed, so the next provision brings what that says.
    """
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.cli.stacks_down import check_name
    from fleet.console.reports import tell_end

    check_name(name, "rollback")
    prepared = prepare(session, which, login)
    return prepared.finish(stages.stack_rollback(prepared.run, prepared.hosts, name, timeout), tell_end)


app = command(rollback)
