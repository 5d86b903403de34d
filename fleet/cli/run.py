"""`fleet run HOSTS -- COMMAND`: a command of your own on many hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.dashes import AfterDashes
from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.errors import UsageError


def run(
    session: Session,
    which: Which,
    login: Login,
    sudo: Annotated[bool, typer.Option("--sudo", help="As root.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="For the command, on each host.")] = 600.0,
) -> int:
    """Run a command on the hosts: fleet run HOSTS -- COMMAND...

    A single word is a line for the shell: fleet run pi-1 -- 'df -h | tail -1'. Several words are one command, each passed
    on as it is: fleet run pi-1 -- ls 'a file'. Its output goes to stdout, with the host's name if there are several.
    """
    if not session.words or not session.words[0]:
        raise UsageError("there is no command to run", "put it behind two dashes: fleet run pi-kitchen -- uptime")
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import Output, tell_run_report

    prepared = prepare(session, which, login, reporter=Output(session.screen))
    report = stages.command(prepared.run, prepared.hosts, session.words, sudo=sudo, timeout=timeout)
    return prepared.finish(report, tell_run_report)


app = command(run, cls=AfterDashes)
