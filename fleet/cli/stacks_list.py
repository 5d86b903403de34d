"""`fleet stacks [list] HOSTS`: which stacks the hosts have."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import Login, What, Which, command
from fleet.cli.session import Session


def list_(
    session: Session,
    which: Which,
    what: What,
    login: Login,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 3 if a stack does not run well, or not as the recipe says.")
    ] = False,
) -> int:
    """Show the stacks of the hosts: do they run, since when, as the recipe says, and can they go back? Nothing is changed."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import quiet_progress
    from fleet.console.stacks import tell_stacks

    prepared = prepare(session, which, login, what, reporter=quiet_progress(session.screen), looks=True)
    report = stages.stacks(prepared.run, prepared.hosts)
    found = [stack for host in report.hosts for stack in host.stacks or ()]
    return prepared.finish(report, tell_stacks) or (3 if check and not all(stack.is_well for stack in found) else 0)


app = command(list_)
