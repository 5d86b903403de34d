"""`fleet plan`: what would change."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import __version__
from fleet.cli.options import Login, What, Which, command
from fleet.cli.session import Session
from fleet.console import tell_note, tell_warning

if TYPE_CHECKING:
    from fleet.events import Report


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
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_plan_report

    prepared = prepare(session, which, login, what, looks=True)
    report = stages.propose(prepared.run, prepared.hosts)
    code = prepared.finish(report, partial(tell_plan_report, diff=diff), check=check)
    if prepared.lock.learnt:
        tell_note(session.screen, f"{prepared.lock.path}: provision would lock {', '.join(prepared.lock.learnt)}")
    if out:
        _save(session, report, out)
    return code


def _save(session: Session, report: Report, path: Path) -> None:
    from fleet.plan import saved

    plans = {host.host: host.saved for host in report.hosts if host.saved is not None}
    if plans:
        saved.write(path, plans, __version__)
    if len(plans) < len(report.hosts):
        missing = ", ".join(host.host for host in report.hosts if host.saved is None)
        tell_warning(session.screen, f"{path if plans else 'nothing was saved'}: no plan for {missing}")


app = command(plan)
