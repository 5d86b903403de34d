"""Limits of containers: are they what Docker was asked for, and can this Docker keep any?"""

from __future__ import annotations

from fleet.doctor.kernel import cgroups
from fleet.doctor.words import as_root, as_user, error, lines, warning
from fleet.facts.daemon import DAEMON
from fleet.facts.limits import LIMITS
from fleet.formats.limits import not_held
from fleet.model import Facts, Finding


def limits(facts: Facts) -> tuple[Finding, ...]:
    """A container that is not held to its limits; a daemon that would drop limits without an error."""
    return (*_broken(facts), *_dropped(facts))


def _broken(facts: Facts) -> tuple[Finding, ...]:
    found = {c.name: why for c in facts[LIMITS] if (why := not_held(c.asked, c.held))}
    if not found:
        return ()
    return (
        error(
            "limits",
            f"the kernel does not hold {', '.join(found)} to the limits that Docker says it has set",
            "; ".join(f"{name}: {', '.join(why)}" for name, why in found.items()),
            lines(
                "Something has changed the control groups behind Docker's back. Restart the container, which sets them anew:",
                as_root(f"docker restart {' '.join(found)}"),
            ),
        ),
    )


def _dropped(facts: Facts) -> tuple[Finding, ...]:
    """What GET /info admits. A missing memory controller is told, with its cure, by the check of control groups."""
    info = facts[DAEMON].info
    told = {"swap", "memory"} if cgroups(facts) else {"swap"}
    dropped = [name for name in info.unkept if name not in told] if info else []
    if not info or not dropped:
        return ()
    words = " and ".join(dropped)
    return (
        warning(
            "limits",
            f"Docker drops limits of {words} here: containers start, and nothing holds them",
            "; ".join(info.warnings) or f"docker info: no support for limits of {words}",
            lines("The kernel lacks the controller, or was started without it:", as_user("cat /proc/cgroups /proc/cmdline")),
        ),
    )
