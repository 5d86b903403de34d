"""`fleet hosts`: what the inventory says."""

from __future__ import annotations

from dataclasses import asdict, replace

from fleet.cli.options import Which, command
from fleet.cli.session import Session
from fleet.console import tell_json
from fleet.errors import SelectionError


def hosts(session: Session, which: Which) -> int:
    """List the hosts of the inventory, or those that the words name. Nothing is connected."""
    from fleet.cli.files import chosen
    from fleet.console.tables import tell_hosts
    from fleet.recipe import DEFAULT
    from fleet.report import VERSION

    everything = which.all or not which.hosts
    inventory, selection = chosen(replace(which, all=everything))
    if selection.terms:
        raise SelectionError("facts are not known without asking the hosts", "use `fleet facts fact:NAME=VALUE`")
    if session.screen.json:
        rows = [{**asdict(host), "vars": dict(host.vars), "groups": list(host.groups)} for host in selection.hosts]
        tell_json(session.screen, {"version": VERSION, "inventory": inventory.path, "hosts": rows})
    else:
        tell_hosts(session.screen.out, selection.hosts, DEFAULT)
    return 0


app = command(hosts)
