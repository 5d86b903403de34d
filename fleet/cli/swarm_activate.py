"""`fleet swarm activate HOSTS`."""

from __future__ import annotations

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.cli.swarm_nodes import Manager, make


def activate(session: Session, which: Which, login: Login, manager: Manager = "") -> int:
    """Let tasks come to the hosts again."""
    return make(session, which, login, "activate", "active", manager)


app = command(activate)
