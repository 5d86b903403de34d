"""`fleet facts`: what the hosts say of themselves."""

from __future__ import annotations

from fleet.cli.options import Login, Which, command
from fleet.cli.prepare import prepare
from fleet.cli.session import Session
from fleet.console import tell_facts_report, tell_json
from fleet.report import exit_code, to_json


def facts(session: Session, which: Which, login: Login) -> int:
    """Ask the hosts for their facts. Changes nothing, and needs no root rights."""
    prepared = prepare(session, which, login)
    from fleet import stages

    report = prepared.checked(session, stages.gather(prepared.run, prepared.hosts))
    if session.screen.json:
        tell_json(session.screen, to_json(report))
    else:
        tell_facts_report(session.screen, report)
    return exit_code(report)


app = command(facts)
