"""The images of the fleet as a table."""

from __future__ import annotations

from fleet.console.stream import Screen
from fleet.console.summary import tell_troubles
from fleet.console.tables import tell_table
from fleet.events import Report
from fleet.lock.stock import Row
from fleet.report import images_of


def tell_images_report(screen: Screen, report: Report) -> None:
    """`fleet images`: the images to stdout, troubles to stderr."""
    found = images_of(report)
    if found:
        tell_table(screen.out, ("IMAGE", "DIGEST", "PLATFORM", "SIZE", "HOSTS"), [_cells(row) for row in found])
    tell_troubles(screen.err, report)


def _cells(row: Row) -> tuple[str, ...]:
    return row.image, short(row.digest), row.platform or "-", size(row.size), ", ".join(row.hosts)


def short(digest: str) -> str:
    """The first twelve digits of a digest, as docker shows an ID."""
    return digest.removeprefix("sha256:")[:12] or "-"


def size(count: int) -> str:
    """Bytes as docker counts them, by thousands: 4.2 MB."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.3g} {unit}"
    return f"{count} B" if count else "-"
