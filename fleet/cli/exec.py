"""`fleet exec HOSTS CONTAINER -- COMMAND`: a command in a container of many hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from fleet.cli.dashes import AfterDashes
from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.errors import UsageError

_EXAMPLE = "fleet exec pi-kitchen web -- nginx -t"


def exec_(
    session: Session,
    which: Which,
    login: Login,
    as_user: Annotated[str, typer.Option("--as", metavar="USER", help="As this user in the container.")] = "",
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="For the command, on each host.")] = 600.0,
) -> int:
    """Run a command in a container: fleet exec HOSTS CONTAINER -- COMMAND...

    CONTAINER is a Compose service, project/service, or a container's name. A single word with spaces in it is a line for
    the container's shell; several words are one command, each passed on as it is.
    """
    if not session.words or not session.words[0]:
        raise UsageError("there is no command to run", f"put it behind two dashes: {_EXAMPLE}")
    if not which.hosts or (len(which.hosts) == 1 and not which.all):
        raise UsageError("there is no container to run it in", f"name it behind the hosts: {_EXAMPLE}")
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import Ended, tell_run_report

    *hosts, container = which.hosts
    prepared = prepare(session, replace(which, hosts=hosts), login, reporter=Ended(session.screen))
    report = stages.inside(prepared.run, prepared.hosts, container, session.words, user=as_user, timeout=timeout)
    return prepared.finish(report, tell_run_report)


app = command(exec_, cls=AfterDashes)
