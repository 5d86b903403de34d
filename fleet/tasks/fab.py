"""The other way in: a connection that `fab -H HOST` made, with no fleet command line behind it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet import inventory as inventory_room
from fleet.catalog import Resolver
from fleet.cookbook import Recipes
from fleet.errors import FleetError, InventoryError
from fleet.events import Report, Reporter, Reporters, RunInfo
from fleet.job import Job, Run, SudoPassword
from fleet.model import LOCAL, Host, HostReport, Result
from fleet.remote import FleetConnection, LocalConnection, Settings, harden
from fleet.shell import Secret

_OURS = (FleetConnection, LocalConnection)


def job_of(c: Any) -> Job | None:
    """The job that a connection of `fleet` carries."""
    job = c.job if isinstance(c, _OURS) else None
    return job if isinstance(job, Job) else None


def job_for(c: Any, verb: str, recipe: str) -> Job:
    """A job for a connection of somebody else's, which is made as careful as ours (host keys, limits) first."""
    if not hasattr(c, "host"):
        raise FleetError("these tasks need a host", "Give one: fab -H pi-kitchen fleet.provision")
    settings = Settings()
    harden(c, settings)
    hosts = _inventory()
    host = hosts.get(c.original_host) or Host(name=c.original_host, address=c.host or LOCAL)
    run = Run(
        settings=settings,
        resolver=Resolver(),
        recipes=Recipes(),
        reporter=_reporter(),
        inventory=hosts,
        recipe=recipe or None,
        sudo=_sudo_password(c),
    )
    run.reporter.run_started(RunInfo(verb, (host,), "fab"))
    return run.job(host)


def finish(c: Any, report: HostReport) -> HostReport:
    """For `fab`: say how it ended, and raise when it did not end well, so that fab's exit code tells."""
    if job_of(c):
        return report
    reporter = _reporter()
    reporter.host_finished(report)
    reporter.run_finished(Report("fab", "fab", (report,)))
    if report.result not in (Result.OK, Result.CHANGED):
        worst = next(s for s in report.steps if s.outcome in ("failed", "blocked"))
        raise FleetError(f"{report.host}: {worst.step}: {worst.why}", worst.hint)
    return report


def reconnect(c: Any) -> None:
    """A new login over the same object."""
    if isinstance(c, _OURS):
        c.reopen()
        return
    c.close()
    c.open()


def _inventory() -> Mapping[str, Host]:
    try:
        return inventory_room.read(inventory_room.locate()).hosts
    except InventoryError:
        if os.environ.get("FLEET_INVENTORY") or Path("inventory/fleet.yml").exists():
            raise
        return {}


def _sudo_password(c: Any) -> SudoPassword:
    given = c.config.sudo.password or os.environ.get("FLEET_SUDO_PASSWORD")
    return SudoPassword(Secret(given) if given else None)


def _reporter() -> Reporter:
    from fleet.console import plain_reporter

    return Reporters(plain_reporter())
