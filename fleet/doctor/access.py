"""Getting there: the connection, root rights, and a clock that agrees with the laptop's."""

from __future__ import annotations

from fleet.doctor.words import HOST, as_user, error, lines, note, warning
from fleet.facts import MACHINE, ROOT_WAYS, SESSION, SUDO
from fleet.facts.accounts import no_root
from fleet.model import Facts, Failure, Finding, Probe
from fleet.steps.apt import MAX_SKEW, SET_CLOCK, off_by

ROUND_TRIP: Probe[float | None] = Probe(name="round_trip", script="", parse=lambda _: None, unknown=None)
"""Seconds that a question and its answer take over the connection; measured by the laptop, no host is asked."""

SLOW, VERY_SLOW = 0.3, 1.0
"""Seconds of a round trip: from the first on it is felt, from the second on things time out."""

CLOCK_SLACK = 30
"""Seconds that clocks may differ (k0sproject/k0sctl, phase/validate_hosts.go, warns from there on too)."""

FAILURES = {"connect": "reach", "host key": "host-key", "login": "login"}
"""The checks that a host fails by not letting us in, by the stage at which it left; any other is `probe`."""


def of_failure(name: str, failure: Failure) -> Finding:
    """A host of that name that could not be looked at, as a finding."""
    check = FAILURES.get(failure.stage, "probe")
    look = f"fleet hosts {name}" if check in FAILURES.values() else f"fleet facts {name} -vv"
    return error(check, failure.why, f"given up at the stage: {failure.stage}", lines(failure.hint or "See:", look))


def latency(facts: Facts) -> Finding | None:
    """A connection on which a question and its answer take long."""
    seconds = facts[ROUND_TRIP]
    if seconds is None or seconds < SLOW:
        return None
    make = warning if seconds >= VERY_SLOW else note
    return make(
        "latency",
        "the connection is slow, and so will be everything that is done over it",
        f"a question and its answer take {seconds * 1000:.0f} ms",
        lines(
            "Use a cable, or run fleet from a machine that is nearer. How good is its radio link?",
            as_user("cat /proc/net/wireless"),
        ),
    )


def sudo(facts: Facts) -> Finding | None:
    """No way to root: nothing can be changed, and what only root sees is unknown."""
    way = facts[SUDO]
    if way in ROOT_WAYS:
        return None
    why, hint = no_root(way, facts[SESSION].user)
    return error("sudo", why, f"sudo: {way}; the checks that only root can make were left out", hint)


def clock(facts: Facts) -> Finding | None:
    """A clock that differs from the laptop's: from some minutes on, apt refuses every signature."""
    skew = facts[MACHINE].clock_skew
    if abs(skew) <= CLOCK_SLACK:
        return None
    make = error if abs(skew) > MAX_SKEW else warning
    return make(
        "clock",
        f"the clock is {off_by(skew)}",
        f"date +%s on the host gives {abs(skew)} {'more' if skew > 0 else 'less'} than here",
        lines(
            set_clock(),
            "Or set the clock of the machine that you type on, if it is that one.",
        ),
    )


def set_clock() -> str:
    """How the host's clock is set from the laptop's, and kept right; neither takes a time service that is there already."""
    return lines(
        f"fleet run {HOST} {SET_CLOCK}",
        "And so that it stays right:",
        f"fleet provision {HOST} --recipe pi --step clock",
    )
