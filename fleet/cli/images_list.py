"""`fleet images [list] HOSTS`: which images the hosts have."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from fleet.cli.options import LockOption, Login, What, Which, command
from fleet.cli.session import Session
from fleet.errors import SelectionError


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

    try:
        prepared = prepare(session, which, login, What(lock=lock))
    except SelectionError as error:
        raise _or_a_command(error, (which.hosts or [""])[0]) from None
    report = stages.images(prepared.run, prepared.hosts)
    found = rows({host.host: host.facts[DAEMON] for host in report.hosts if host.facts}, prepared.lock.lock)
    more = {"images": [asdict(row) for row in found]}
    code = prepared.finish(report, partial(tell_images_report, rows=found), more=more)
    return code or (3 if check and any(row.state is State.DRIFT for row in found) else 0)


def _or_a_command(error: SelectionError, word: str) -> SelectionError:
    """The error, with the command of this group that may have been meant by a word that is no host."""
    from fleet.cli.images import Images
    from fleet.files.problems import suggest

    meant = suggest(word, Images.modules)
    return SelectionError(f"{error.message}, nor such a command of `fleet images`{meant}", error.hint) if meant else error


app = command(list_)
