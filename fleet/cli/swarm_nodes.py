"""What the commands of `fleet swarm` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from fleet.cli import complete
from fleet.cli.options import Login, Which
from fleet.cli.session import Session
from fleet.model import Host

Manager = Annotated[
    str,
    typer.Option(
        "--manager",
        metavar="HOST",
        show_default=False,
        help="A host that is a manager. Default: one of the inventory, by its address.",
        autocompletion=complete.hosts,
    ),
]
Timeout = Annotated[int, typer.Option("--timeout", metavar="SECONDS", min=1, max=86400, help="For its tasks to go elsewhere.")]


def make(session: Session, which: Which, login: Login, verb: str, wanted: str, manager: str, timeout: int = 120) -> int:
    """Give the hosts this availability."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_end

    prepared = prepare(session, which, login)
    check_manager(manager, prepared.run.inventory)
    report = stages.availability(prepared.run, prepared.hosts, verb, wanted, manager, timeout)
    return prepared.finish(report, tell_end)


def check_manager(manager: str, inventory: Mapping[str, Host]) -> None:
    """Refuse a manager that the inventory does not have."""
    from fleet.errors import UsageError
    from fleet.files.problems import suggest

    if manager and manager not in inventory:
        why = f"--manager {manager}: the inventory has no such host{suggest(manager, inventory)}"
        raise UsageError(why, "`fleet hosts` lists them")
