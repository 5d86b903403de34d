"""The other way in: a task that `fab -H HOST` calls, with no fleet command line behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from fleet import inventory as inventory_room
from fleet.catalog import Resolver
from fleet.errors import FleetError, InventoryError
from fleet.events import Report, Reporter, Reporters, RunInfo
from fleet.job import Job, Run, SudoPassword, failure_of
from fleet.lock.file import LockFile
from fleet.model import Host, HostReport
from fleet.recipe.cookbook import Recipes
from fleet.remote import FleetConnection, LocalConnection, Settings, connect, harden
from fleet.report import exit_code
from fleet.shell import Secret

Program = Callable[[Any, Job], HostReport]
_OURS = (FleetConnection, LocalConnection)


def walk(c: Any, verb: str, recipe: str, program: Program) -> HostReport:
    """Run a verb's program over a connection: one of `fleet`, which carries its job, or one that `fab` made.

    For `fab` it ends as the command line does: with a summary, and with its exit code when the host is not well.
    """
    if isinstance(c, _OURS) and isinstance(c.job, Job):
        return program(c, c.job)
    try:
        report = _walk_for_fab(c, verb, recipe, program)
    except FleetError as error:  # before there was a host to report of: no host given, a file that is wrong
        raise Exit(f"error: {error}\nhint: {error.hint}", code=2) from None
    summary = Report(verb, "fab", (report,))
    _tell(summary)
    if code := exit_code(summary):
        raise Exit(code=code)
    return report


def _walk_for_fab(c: Any, verb: str, recipe: str, program: Program) -> HostReport:
    if not hasattr(c, "original_host"):
        raise FleetError("these tasks need a host", "Give one: fab -H pi-kitchen fleet.provision")
    known = _inventory()
    host = _host(c, known)
    run = Run(
        settings=_settings(c),
        resolver=Resolver(lock=LockFile(writes=verb == "provision")),
        recipes=Recipes(),
        reporter=_reporter(verb),
        inventory=known,
        recipe=recipe or None,
        sudo=_sudo_password(c),
    )
    job = run.job(host)
    run.reporter.run_started(RunInfo(verb, (host,), "fab"))
    try:
        with _connection(c, job, is_known=host.name in known) as connection:
            report = program(connection, job)
    except FleetError as error:
        report = HostReport(host.name, failure=failure_of(error))
    run.reporter.host_finished(report)
    return report


def _host(c: Any, known: Mapping[str, Host]) -> Host:
    """The inventory's host of that name, with what was said to `fab` over it; or one that only `fab` knows of."""
    keys = c.connect_kwargs.get("key_filename") or ()
    key = keys if isinstance(keys, str) else next(iter(keys), None)
    host = known.get(c.original_host)
    if host is None:
        return Host(name=c.original_host, address=c.host)
    user = c.user if c.user != c.config.user else host.user
    port = c.port if c.port != c.config.port else host.port
    return replace(host, user=user, port=port, key=key or host.key)


def _settings(c: Any) -> Settings:
    password = c.connect_kwargs.get("password")
    return Settings(password=Secret(password)) if password else Settings()


@contextmanager
def _connection(c: Any, job: Job, *, is_known: bool) -> Iterator[Any]:
    """One of ours to a host of the inventory, since it says where and how; else fab's own, made as careful as ours."""
    if not is_known:
        harden(c, job.run.settings)
        c.open()
        yield c
        return
    with connect(job.host, job.run.settings, gateways=job.run.inventory) as connection:
        yield connection


def reconnect(c: Any, attempts: int | None = None) -> None:
    """A new login over the same object. ``attempts`` bounds them where the settings' number would take too long."""
    if isinstance(c, _OURS):
        c.reopen(attempts)
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


def _reporter(verb: str) -> Reporter:
    from fleet.console.merging import LogLines
    from fleet.console.reports import Output, plain_screen, progress
    from fleet.console.top import Top

    if verb == "logs":
        return LogLines(plain_screen(), follow=True, times=False, gone=lambda: None)
    if verb == "top":
        return Top(plain_screen())
    return Reporters(Output(plain_screen()) if verb in ("run", "exec", "docker") else progress(plain_screen()))


def _tell(report: Report) -> None:
    from fleet.console.containers import tell_containers, tell_usage_report
    from fleet.console.merging import tell_logs_report
    from fleet.console.reports import (
        plain_screen,
        tell_doctor_report,
        tell_end,
        tell_facts_report,
        tell_plan_report,
        tell_run_report,
    )
    from fleet.console.stacks import tell_stacks

    match report.verb:
        case "doctor":
            tell_doctor_report(plain_screen(), report)
        case "facts":
            tell_facts_report(plain_screen(), report)
        case "plan":
            tell_plan_report(plain_screen(), report, diff=False)
        case "ps":
            tell_containers(plain_screen(), report)
        case "stacks":
            tell_stacks(plain_screen(), report)
        case "top":
            tell_usage_report(plain_screen(), report)
        case "logs":
            tell_logs_report(plain_screen(), report)
        case "run" | "exec" | "docker":
            tell_run_report(plain_screen(), report)
        case _:
            tell_end(plain_screen(), report)
