"""The stacks of the fleet in a table."""

from __future__ import annotations

from fleet.console.stream import Screen
from fleet.console.summary import tell_troubles
from fleet.console.tables import tell_table
from fleet.console.words import counted, marked
from fleet.events import Report
from fleet.formats.moments import moment
from fleet.model import StackState


def tell_stacks(screen: Screen, report: Report) -> None:
    """`fleet stacks`: the table, and in words what is not as the recipe says; what went wrong to stderr."""
    rows = [(host.host, stack) for host in report.hosts for stack in host.stacks or ()]
    if rows:
        heads = ("HOST", "STACK", "STATE", "UP", "SINCE", "RECIPE", "KEPT")
        tell_table(screen.out, heads, [_row(host, stack) for host, stack in rows])
        for host, stack in rows:
            if stack.why:
                screen.out.line()
                for line in marked(screen.out, stack.recipe, f"{host}: {stack.name}: {stack.why}", stack.hint):
                    screen.out.line(line)
    elif any(host.stacks is not None for host in report.hosts):
        asked = sum(host.stacks is not None for host in report.hosts)
        screen.err.line(f"no stack on {counted(asked, 'host')}")
    tell_troubles(screen.err, report)


def _row(host: str, stack: StackState) -> list[str]:
    up = f"{stack.well}/{stack.of}" if stack.of else "-"
    since, kept = (moment(when) if when else "-" for when in (stack.since, stack.kept))
    return [host, stack.name, stack.state, up, since, stack.recipe, kept]
