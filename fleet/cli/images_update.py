"""`fleet images update`: lock what the tags name today."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import LockOption, command
from fleet.cli.session import Session


def update(
    session: Session,
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE]...", show_default=False, help="Only these; default: all.")
    ] = None,
    lock: LockOption = None,
) -> int:
    """Lock what the tags name today, in place of what is locked. The lock before is kept for `fleet images rollback`.

    No host is connected: `fleet provision` brings the images to them.
    """
    from fleet.cli.locking import Told, look_up, named, tell
    from fleet.lock.file import LockFile
    from fleet.queries import ImageQuery, RemoteImage

    file = LockFile(lock, writes=True)
    before = file.lock.pins

    def told(name: str, image: RemoteImage) -> Told:
        was = before[name].digest
        return Told(name, "as it was" if was == image.digest else "updated", was, image.digest)

    found, rows = look_up(named(file.lock, images or ()), ImageQuery, told, "not updated")
    changed = {name: image for name, image in found.items() if image != before[name]}
    if changed:
        file.change(lambda lock: lock.updated(changed))
    return tell(session, file, rows, f"{len(changed)} updated; `fleet provision` brings them" if changed else "up to date")


app = command(update)
