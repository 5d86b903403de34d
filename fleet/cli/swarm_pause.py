"""`fleet swarm pause HOSTS`."""

from __future__ import annotations

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.cli.swarm_nodes import Manager, make


def pause(session: Session, which: Which, login: Login, manager: Manager = "") -> int:
    """Let no more tasks come to the hosts; those that run there stay."""
    return make(session, which, login, "pause", "pause", manager)


app = command(pause)
