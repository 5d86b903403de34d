"""`fleet images [list] HOSTS`: which images the hosts have."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from fleet.cli.options import LockOption, Login, What, Which, command
from fleet.cli.session import Session


def list_(
    session: Session,
    which: Which,
    login: Login,
    lock: LockOption = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 3 if an image is not the locked one.")] = False,
) -> int:
    """Show the images of the hosts: equal ones in one row. Nothing is changed."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.images import tell_images_report
    from fleet.facts.daemon import DAEMON
    from fleet.lock.stock import State, rows

    prepared = prepare(session, which, login, What(lock=lock))
    report = stages.images(prepared.run, prepared.hosts)
    found = rows({host.host: host.facts[DAEMON] for host in report.hosts if host.facts}, prepared.lock.lock)
    more = {"images": [asdict(row) for row in found]}
    code = prepared.finish(report, partial(tell_images_report, rows=found), more=more)
    return code or (3 if check and any(row.state is State.DRIFT for row in found) else 0)


app = command(list_)
