"""`fleet swarm drain HOSTS`."""

from __future__ import annotations

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.cli.swarm_nodes import Manager, Timeout, make


def drain(session: Session, which: Which, login: Login, manager: Manager = "", timeout: Timeout = 120) -> int:
    """Give the tasks of the hosts to other nodes, wait until they are gone, and let no more come.

    For a while, such as for work on a host: a recipe that says otherwise brings it back.
    """
    return make(session, which, login, "drain", "drain", manager, timeout)


app = command(drain)
