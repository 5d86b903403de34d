"""`fleet verify`: look again, and prove again."""

from __future__ import annotations

from fleet.cli.options import Login, What, Which, command
from fleet.cli.session import Session


def verify(session: Session, which: Which, what: What, login: Login) -> int:
    """Check that the hosts are as the recipe wants them, and that Docker runs a container. Exit code 3: they are not."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_end

    prepared = prepare(session, which, login, what, looks=True)
    return prepared.finish(stages.check(prepared.run, prepared.hosts), tell_end)


app = command(verify)
