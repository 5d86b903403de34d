"""`fleet images rollback`: back to the lock before."""

from __future__ import annotations

from fleet.cli.options import LockOption, command
from fleet.cli.session import Session
from fleet.errors import LockError


def rollback(session: Session, lock: LockOption = None) -> int:
    """Go back to the lock before the last update; again, to the one before that. Needs no network.

    No host is connected: `fleet provision` brings the images back, without a pull where they are still there.
    """
    from fleet.cli.locking import Told, tell
    from fleet.lock.file import LockFile

    file = LockFile(lock, writes=True)
    if not file.lock.before:
        hint = "only `fleet images update` makes a lock that one can go back from"
        raise LockError("there is no lock before this one", hint, path=str(file.path))
    changed, was = file.lock.before[0], file.lock.pins
    now = file.change(lambda current: current.rolled_back())
    rows = [Told(name, "rolled back", was[name].digest, pin.digest) for name, pin in sorted(changed.items())]
    return tell(session, file, rows, f"as before the last update; {len(now.before)} before it; `fleet provision` brings them")


app = command(rollback)
