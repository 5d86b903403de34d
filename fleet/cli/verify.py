"""`fleet verify`: look again, and prove again."""

from __future__ import annotations

from fleet.cli.options import Login, What, Which, command
from fleet.cli.prepare import prepare
from fleet.cli.session import Session
from fleet.console import tell_json, tell_summary
from fleet.report import exit_code, to_json


def verify(session: Session, which: Which, what: What, login: Login) -> int:
    """Check that the hosts are as the recipe wants them, and that Docker runs a container. Exit code 3: they are not."""
    prepared = prepare(session, which, login, what)
    from fleet import stages

    report = prepared.checked(session, stages.check(prepared.run, prepared.hosts))
    if session.screen.json:
        tell_json(session.screen, to_json(report))
    else:
        tell_summary(session.screen.out, report)
    return exit_code(report)


app = command(verify)
