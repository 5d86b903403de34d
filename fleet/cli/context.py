"""`fleet context`: contexts for the laptop's own docker command."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.options import Which, command
from fleet.cli.session import Session
from fleet.errors import SelectionError

SshConfig = Annotated[Path | None, typer.Option("--ssh-config", "-F", metavar="FILE", help="In place of ~/.ssh/config.")]


def context(
    session: Session,
    which: Which,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Before the names of the contexts.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Remove them again.")] = False,
    ssh_config: SshConfig = None,
) -> int:
    """Let your own docker command talk to the hosts: a context for each, and how ssh gets there.

    Then: docker --context pi-kitchen ps. Writes docker's files for contexts, and ~/.ssh/fleet.conf, which is included at the
    top of ~/.ssh/config. Contexts that others have made are never touched. No host is connected.
    """
    from fleet import contexts
    from fleet.cli.files import chosen
    from fleet.console import tell_json
    from fleet.console.tables import tell_table
    from fleet.remote import Settings
    from fleet.report import VERSION

    inventory, selection = chosen(which)
    if selection.terms:
        raise SelectionError("facts are not known without asking the hosts", "name the hosts, or take a pattern or a group")
    places = contexts.Places.usual()
    if remove:
        found = contexts.remove(selection.hosts, places, prefix)
    else:
        found = contexts.write(selection.hosts, inventory.hosts, Settings(ssh_config=ssh_config), places, prefix)
    if session.screen.json:
        tell_json(session.screen, {"version": VERSION, "contexts": [asdict(each) for each in found]})
        return 0
    rows = [(each.host, each.name or "-", each.outcome, each.why or each.address) for each in found]
    tell_table(session.screen.out, ("HOST", "CONTEXT", "RESULT", "ADDRESS"), rows)
    return 0


app = command(context)
