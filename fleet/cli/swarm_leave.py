"""`fleet swarm leave HOSTS`."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.asking import is_sure
from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.cli.swarm_nodes import Manager, Timeout, check_manager
from fleet.console import tell_note


def leave(
    session: Session,
    which: Which,
    login: Login,
    manager: Manager = "",
    end: Annotated[bool, typer.Option("--end", help="Let the last manager leave too, which ends the Swarm.")] = False,
    timeout: Timeout = 120,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Take the hosts out of their Swarm: drained, a manager demoted first, and off the list of nodes.

    A recipe with the step swarm lets them join again: swarm: {state: absent} says that they are to stay out.
    """
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_end

    prepared = prepare(session, which, login)
    check_manager(manager, prepared.run.inventory)
    if not yes and not is_sure(session, "Drain and leave the Swarm", prepared.hosts):
        tell_note(session.screen, "nothing was done")
        return 1
    return prepared.finish(stages.leave(prepared.run, prepared.hosts, manager, end=end, timeout=timeout), tell_end)


app = command(leave)
