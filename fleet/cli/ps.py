"""`fleet ps`: what runs where."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session

Service = Annotated[
    list[str] | None,
    typer.Option("--service", "-s", metavar="NAME", help="Only this service or container; also a pattern. Repeatable."),
]


def ps(
    session: Session,
    which: Which,
    login: Login,
    service: Service = None,
    stopped: Annotated[bool, typer.Option("--stopped", help="Also those that do not run.")] = False,
) -> int:
    """List the containers of the hosts in one table, with Compose's projects and services."""
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.containers import tell_containers
    from fleet.console.reports import quiet_progress
    from fleet.containers.choosing import is_meant
    from fleet.model import Container, HostReport

    def wanted(container: Container) -> bool:
        return (stopped or container.is_running) and (not service or any(is_meant(container, word) for word in service))

    def only(host: HostReport) -> HostReport:
        return host if host.containers is None else host.but(containers=tuple(filter(wanted, host.containers)))

    prepared = prepare(session, which, login, reporter=quiet_progress(session.screen))
    report = stages.containers(prepared.run, prepared.hosts)
    return prepared.finish(replace(report, hosts=tuple(map(only, report.hosts))), tell_containers)


app = command(ps)
