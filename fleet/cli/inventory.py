"""`fleet inventory`: work on the inventory itself; `import` brings in hosts from where they are known already."""

from __future__ import annotations

from difflib import unified_diff
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fleet.cli.options import command
from fleet.cli.session import Session
from fleet.console import tell_data, tell_json, tell_warning
from fleet.errors import UsageError

if TYPE_CHECKING:
    from fleet.importing.merge import Merged
    from fleet.importing.source import Findings

_VERSION = 1
"""Of the JSON."""


def import_(
    session: Session,
    source: Annotated[
        Literal["vagrant", "ssh-config", "ansible", "mdns"], typer.Argument(show_default=False, help="From where.")
    ],
    file: Annotated[
        str | None,
        typer.Argument(
            show_default=False,
            help="ansible: the inventory. ssh-config: in place of ~/.ssh/config. vagrant, mdns: saved output. - is stdin.",
        ),
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option("--inventory", "-i", metavar="FILE", help="Default: $FLEET_INVENTORY, else inventory/fleet.yml."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="PATTERN", help="Only hosts with such a name ('pi-*'). Repeatable.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also change hosts that were not imported from this source.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change in the file, and leave it.")] = False,
) -> int:
    """Add hosts to the inventory: from Vagrant, ssh_config, Ansible or the LAN. Nothing else in the file is changed.

    A host that was imported from the same source before is brought up to date; any other that is there already is kept.
    """
    from fleet.cli.inventory_file import target, text_of, world, write
    from fleet.importing import SOURCES
    from fleet.importing.merge import NEW_FILE, merge
    from fleet.importing.source import checked

    path = target(inventory)
    before = text_of(path)
    findings = checked(_chosen(next(s for s in SOURCES if s.name == source).find(file, world()), only or ()))
    merged = merge(NEW_FILE if before is None else before, str(path), findings.hosts, source, replace=replace)
    is_new = merged.text != before
    if is_new:
        write(path, merged.text, keep=not dry_run)
    notes = (*findings.notes, *merged.notes)
    diff = "".join(
        unified_diff((before or "").splitlines(keepends=True), merged.text.splitlines(keepends=True), str(path), str(path))
    )
    _tell(session, source, path, merged, notes, diff=diff if dry_run else None, written=is_new and not dry_run)
    return 0


def _chosen(findings: Findings, patterns: list[str] | tuple[()]) -> Findings:
    from fleet.importing.source import only

    hosts = [host for host in findings.hosts if not patterns or any(fnmatchcase(host.name, p) for p in patterns)]
    if not hosts:
        names = ", ".join(host.name for host in findings.hosts[:10])
        raise UsageError(f"--only {' '.join(patterns)}: no host has such a name", f"there are: {names}")
    return only(findings, hosts)


def _tell(
    session: Session, source: str, path: Path, merged: Merged, notes: tuple[str, ...], *, diff: str | None, written: bool
) -> None:
    if session.screen.json:
        data = {
            "version": _VERSION,
            "source": source,
            "inventory": str(path),
            "written": written,
            "hosts": [{"name": name, "deed": str(deed)} for name, deed in merged.deeds.items()],
            "groups": list(merged.groups),
            "notes": list(notes),
            "diff": diff,
        }
        tell_json(session.screen, data)
        return
    for note in notes:
        tell_warning(session.screen, note)
    if diff is not None:
        tell_data(session.screen, diff.rstrip("\n") or f"{path} would stay as it is")
        return
    for name, deed in merged.deeds.items():
        tell_data(session.screen, f"{deed:<9} {name}")
    tell_data(session.screen, f"{path}: {'written' if written else 'as it was'}")


app = typer.Typer(
    help="Work on the inventory itself: `fleet inventory import` adds hosts from Vagrant, ssh_config, Ansible or the LAN.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _inventory() -> None:
    """Makes a group of the one command."""


command(import_, app, name="import")
