"""`fleet doctor`: what is wrong with the hosts, before anything is done to them."""

from __future__ import annotations

from datetime import date

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session


def doctor(session: Session, which: Which, login: Login) -> int:
    """Look for what will go wrong, and say how to set it right. Changes nothing. Exit code 3: something is wrong."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_doctor_report

    prepared = prepare(session, which, login)
    return prepared.finish(stages.examine(prepared.run, prepared.hosts, date.today()), tell_doctor_report)


app = command(doctor)
