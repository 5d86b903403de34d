"""`fleet images [list] HOSTS`: which images the hosts have."""

from __future__ import annotations

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session


def list_(session: Session, which: Which, login: Login) -> int:
    """Show the images of the hosts: equal ones in one row. Nothing is changed."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.images import tell_images_report

    prepared = prepare(session, which, login)
    return prepared.finish(stages.images(prepared.run, prepared.hosts), tell_images_report)


app = command(list_)
