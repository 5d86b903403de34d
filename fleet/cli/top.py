"""`fleet top`: what containers use."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session


def top(
    session: Session,
    which: Which,
    login: Login,
    once: Annotated[bool, typer.Option("--once", help="Look once, as when stdout is no terminal.")] = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=0, max=3600, help="Between two looks.")] = 1.0,
) -> int:
    """Show what the containers of the hosts use: processor, memory, network, disk; the busiest first, until Ctrl-C."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.containers import tell_usage_report

    if once or session.screen.json or not session.screen.out.is_terminal:
        from fleet.console.reports import quiet_progress

        prepared = prepare(session, which, login, reporter=quiet_progress(session.screen))
        return prepared.finish(stages.usage(prepared.run, prepared.hosts, None), tell_usage_report)
    from fleet.console.summary import tell_troubles
    from fleet.console.top import Top

    prepared = prepare(session, which, login, reporter=Top(session.screen))
    report = stages.usage(prepared.run, prepared.hosts, max(every, 0.1))
    return prepared.finish(report, lambda screen, report: tell_troubles(screen.err, report))


app = command(top)
