"""What keeps the clock right: the time services that systemd knows, and whether they have done it."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.facts.daemon import Unit, Units, read_units
from fleet.model import Probe

TIMESYNCD = "systemd-timesyncd.service"
SERVICES = ("chrony.service", "ntpsec.service", "ntp.service", "openntpd.service", TIMESYNCD)
"""The units of Debian's and Ubuntu's packages that provide time-daemon. systemd's own is the last, since it steps back for
the others (systemd-timesyncd.service.d/disable-with-time-daemon.conf)."""


@dataclass(frozen=True, slots=True)
class TimeSync:
    """``synchronized`` is what systemd-timesyncd says of itself; ``container`` tells of a machine without a clock of its own."""

    units: Units = field(default_factory=Units)
    synchronized: bool = False
    container: bool = False

    def known(self) -> tuple[Unit, ...]:
        """The services that are installed."""
        return tuple(unit for name in SERVICES if (unit := self.units.find(name)).load in ("loaded", "masked"))


def read_timesync(text: str) -> TimeSync:
    """Read the answer of the probe ``timesync``."""
    words = text.split("\n", 2)[:2]
    return TimeSync(read_units(text, SERVICES), "synchronized" in words, "container" in words)


# The first file is written by systemd in a container (systemd.io/CONTAINER_INTERFACE), the second is touched whenever
# systemd-timesyncd has set the clock (systemd-timesyncd.service(8)): no process is needed to ask for them.
TIMESYNC = Probe(
    name="timesync",
    script=f"""
[ -e /run/systemd/container ] && echo container
[ -e /run/systemd/timesync/synchronized ] && echo synchronized
echo
timeout -k 1 20 systemctl show -p Id,LoadState,ActiveState,UnitFileState,Result {" ".join(SERVICES)}
""",
    parse=read_timesync,
    unknown=TimeSync(),
)
