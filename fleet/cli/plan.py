"""`fleet plan`: what would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet import __version__
from fleet.cli.options import Login, What, Which, command
from fleet.cli.prepare import prepare
from fleet.cli.session import Session
from fleet.console import tell_json, tell_plan_report, tell_warning
from fleet.events import Report
from fleet.report import exit_code, to_json


def plan(
    session: Session,
    which: Which,
    what: What,
    login: Login,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the plans for `fleet provision FILE`.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 3 if anything would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what would change inside files.")] = False,
) -> int:
    """Show what `fleet provision` would change. Nothing is changed on the hosts."""
    prepared = prepare(session, which, login, what)
    from fleet import stages

    report = prepared.checked(session, stages.propose(prepared.run, prepared.hosts))
    if session.screen.json:
        tell_json(session.screen, to_json(report, check=check))
    else:
        tell_plan_report(session.screen, report, diff=diff)
    if out:
        _save(session, report, out)
    return exit_code(report, check=check)


def _save(session: Session, report: Report, path: Path) -> None:
    from fleet import saved

    plans = {host.host: host.saved for host in report.hosts if host.saved is not None}
    if plans:
        saved.write(path, plans, __version__)
    if len(plans) < len(report.hosts):
        missing = ", ".join(host.host for host in report.hosts if host.saved is None)
        tell_warning(session.screen, f"{path if plans else 'nothing was saved'}: no plan for {missing}")


app = command(plan)
