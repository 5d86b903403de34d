"""`fleet images outdated`: which tags name something newer than what is locked."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import LockOption, command
from fleet.cli.session import Session


def outdated(
    session: Session,
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE]...", show_default=False, help="Only these; default: all.")
    ] = None,
    lock: LockOption = None,
) -> int:
    """Compare the lock with what the tags name today. Nothing is changed; exit code 3 when something is outdated.

    Docker Hub does not count these look-ups as pulls.
    """
    from fleet.cli.locking import Told, look_up, named, tell
    from fleet.lock.file import LockFile
    from fleet.queries import TagDigest, TagQuery

    file = LockFile(lock)

    def told(name: str, today: TagDigest) -> Told:
        locked = file.lock.pins[name].digest
        return Told(name, "as locked" if locked == today.digest else "outdated", locked, today.digest)

    _, rows = look_up(named(file.lock, images or ()), TagQuery, told, "not known")
    old = sum(row.deed == "outdated" for row in rows)
    end = f"{old} of {len(rows)} outdated{'; `fleet images update` locks what is there today' if old else ''}"
    return tell(session, file, rows, end) or (3 if old else 0)


app = command(outdated)
