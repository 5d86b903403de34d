"""`fleet logs`: the logs of containers on many hosts, in one stream."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import Login, Which, command
from fleet.cli.ps import Service
from fleet.cli.session import Session
from fleet.errors import UsageError

_TAIL = "100"


def logs(
    session: Session,
    which: Which,
    login: Login,
    service: Service = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="From then on: 10m, 2h, 3d, 2026-11-24T10:00:00.")] = "",
    tail: Annotated[
        str | None, typer.Option("--tail", "-n", metavar="LINES", help="Of each container: a number, or all. Default: 100.")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Show the times.")] = False,
) -> int:
    """Show what containers print, on all the hosts, in the order of time; with -f as it comes.

    Without -s, of every container that runs. With --since, all lines from then on, unless --tail says otherwise.
    """
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.merging import LogLines, tell_logs_report
    from fleet.containers import asking

    if session.screen.json:
        raise UsageError("logs have no JSON", "leave --json out; -t shows the times")
    begin, last = asking.since(since), asking.tail(tail or ("all" if since else _TAIL))
    lines = LogLines(session.screen, follow=follow, times=timestamps, gone=lambda: prepared.run.stop.ask())
    prepared = prepare(session, which, login, reporter=lines)
    report = stages.logs(prepared.run, prepared.hosts, service or (), follow=follow, tail=last, since=begin)
    return prepared.finish(report, tell_logs_report)


app = command(logs)
