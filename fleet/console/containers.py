"""Containers of the fleet in tables: what runs where, and what it uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleet.console.stream import Screen
from fleet.console.summary import tell_troubles
from fleet.console.tables import tell_table
from fleet.console.words import age, amount, columns, counted, joined
from fleet.events import Report
from fleet.model import Container, Usage


def tell_containers(screen: Screen, report: Report) -> None:
    """`fleet ps`: the table to stdout, what went wrong to stderr."""
    rows = [_row(host.host, container) for host in report.hosts for container in host.containers or ()]
    if rows:
        tell_table(screen.out, ("HOST", "PROJECT", "SERVICE", "STATE", "IMAGE", "PORTS"), rows)
    elif any(host.containers is not None for host in report.hosts):
        asked = sum(host.containers is not None for host in report.hosts)
        screen.err.line(f"no such container on {counted(asked, 'host')}")
    tell_troubles(screen.err, report)


def _row(host: str, container: Container) -> list[str]:
    ports = ", ".join(port.removesuffix("/tcp") for port in container.ports)
    name = container.called + (f"-{container.number}" if container.number > 1 else "")
    return [host, container.project or "-", name, state(container), container.image, ports or "-"]


def state(container: Container) -> str:
    """up 3h, healthy; exited (137) 5m ago; created."""
    since = age(container.seconds) if container.seconds is not None else ""
    if container.is_running:
        restarts = f", {counted(container.restarts, 'restart')}" if container.restarts else ""
        return f"up {since}{f', {container.health}' if container.health else ''}{restarts}"
    code = f" ({container.code})" if container.state in ("exited", "dead") else ""
    return f"{container.state}{code}{f' {since} ago' if since else ''}"


def tell_usage_report(screen: Screen, report: Report) -> None:
    """`fleet top --once`: one look at all hosts."""
    found = {host.host: host.usage for host in report.hosts if host.usage is not None}
    if any(found.values()):
        screen.out.line("\n".join(usage_lines(found)))
    elif found:
        screen.err.line(f"no container runs on {counted(len(found), 'host')}")
    tell_troubles(screen.err, report)


_HEADS = ("HOST", "CONTAINER", "CPU", "MEMORY", "LIMIT", "MEM", "NET I/O", "DISK I/O", "PIDS")


def usage_lines(found: Mapping[str, Sequence[Usage]]) -> list[str]:
    """The table as lines, the busiest first."""
    rows = [(host, usage) for host, usages in found.items() for usage in usages]
    rows.sort(key=lambda row: (-row[1].cpu, row[0], row[1].name))
    cells = columns(_HEADS, [_usage(host, usage) for host, usage in rows], right=(2, 3, 4, 5, 6, 7, 8))
    return [joined(row) for row in cells]


def _usage(host: str, usage: Usage) -> list[str]:
    share = f"{100 * usage.memory / usage.memory_limit:.1f}%" if usage.memory_limit else "-"
    return [
        host,
        usage.name,
        f"{usage.cpu:.1f}%",
        amount(usage.memory),
        amount(usage.memory_limit) if usage.memory_limit else "-",
        share,
        f"{amount(usage.received)}/{amount(usage.sent)}",
        f"{amount(usage.read)}/{amount(usage.written)}",
        str(usage.processes),
    ]
