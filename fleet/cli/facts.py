"""`fleet facts`: what the hosts say of themselves."""

from __future__ import annotations

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session


def facts(session: Session, which: Which, login: Login) -> int:
    """Ask the hosts for their facts. Changes nothing, and needs no root rights."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_facts_report

    prepared = prepare(session, which, login)
    return prepared.finish(stages.gather(prepared.run, prepared.hosts), tell_facts_report)


app = command(facts)
