"""`fleet docker HOSTS -- ARGUMENTS`: any docker command on many hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.dashes import AfterDashes
from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session


def docker(
    session: Session,
    which: Which,
    login: Login,
    merge: Annotated[bool, typer.Option("--merge", help="Show equal answers once, with the hosts that gave them.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="For the command, on each host.")] = 600.0,
) -> int:
    """Run a docker command on the hosts: fleet docker HOSTS -- images

    As the login user where that user may use Docker, else as root by sudo. Words are passed on as they are. Ctrl-C ends
    the command on the hosts too.
    """
    from fleet.containers.asking import check_words

    check_words(session.words)
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.merging import tell_merged_report
    from fleet.console.reports import Ended, quiet_progress, tell_run_report

    reporter = quiet_progress(session.screen) if merge else Ended(session.screen)
    prepared = prepare(session, which, login, reporter=reporter)
    report = stages.docker(prepared.run, prepared.hosts, session.words, timeout=timeout)
    return prepared.finish(report, tell_merged_report if merge else tell_run_report)


app = command(docker, cls=AfterDashes)
