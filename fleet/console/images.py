"""The images of the fleet as a table."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.console.stream import Screen
from fleet.console.summary import tell_troubles
from fleet.console.tables import tell_table
from fleet.events import Report
from fleet.formats.sizes import size
from fleet.lock.stock import Row


def tell_images_report(screen: Screen, report: Report, rows: Sequence[Row]) -> None:
    """`fleet images`: the images to stdout, troubles to stderr."""
    if rows:
        tell_table(screen.out, ("IMAGE", "DIGEST", "LOCK", "PLATFORM", "SIZE", "HOSTS"), [_cells(row) for row in rows])
    tell_troubles(screen.err, report)


def _cells(row: Row) -> tuple[str, ...]:
    return row.image, short(row.digest), str(row.state), row.platform or "-", size(row.size), ", ".join(row.hosts)


def short(digest: str) -> str:
    """The first twelve digits of a digest, as docker shows an ID."""
    return digest.removeprefix("sha256:")[:12] or "-"
