"""Docker runs now, and will after a boot."""

from __future__ import annotations

from fleet.facts.daemon import SOCKET, UNIT_STATES, UNITS, Unit, Units
from fleet.model import Blocked, Change, Options, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import words


class ServiceOptions(Options):
    """No options: an engine that does not run is of no use."""


class ServiceStep(Step[ServiceOptions]):
    """Starts and enables docker.service and containerd.service."""

    name = "service"
    title = "Docker running, now and after a boot"
    requires = ("engine",)
    probes = (UNIT_STATES,)
    options = ServiceOptions

    def verdict(self, situation: Situation[ServiceOptions]) -> Verdict:
        """Look at both units; a masked one was masked by somebody, so it stays."""
        found = situation.facts[UNIT_STATES]
        units = [found.find(name) for name in UNITS]
        masked = [u.name for u in (*units, found.find(SOCKET)) if u.is_masked]
        if masked:
            return Blocked(
                f"somebody forbade the start of {' and '.join(masked)} (masked)",
                f"If that was not on purpose: fleet run HOST --sudo -- systemctl unmask {' '.join(masked)}",
            )
        wrong = [u for u in units if not (u.is_running and u.is_enabled)]
        if not wrong:
            return Satisfied("active and enabled")
        return Change(
            f"start and enable {', '.join(_state(u) for u in wrong)}",
            (_start(tuple(u.name for u in wrong)),),
            after=lambda facts: facts.but(UNIT_STATES, _running(facts[UNIT_STATES])),
        )


def _running(units: Units) -> Units:
    return Units((*(Unit(n, "loaded", "active", "enabled", "success") for n in UNITS), units.find(SOCKET)))


def _state(unit: Unit) -> str:
    return f"{unit.name} ({unit.active or 'unknown'}, {unit.enabled or 'not enabled'})"


def _start(names: tuple[str, ...]) -> Run:
    """After three failed starts systemd refuses more until it is told to forget them (StartLimitBurst of docker.service).

    When it fails, the last words are dockerd's own: systemd's only say that it failed.
    """
    script = "\n".join(
        (
            f"systemctl reset-failed {words(*names)} 2>/dev/null || true",
            f"systemctl enable --now {words(*names)} || {{ {_LAST_WORDS} >&2; false; }}",
        )
    )
    return Run(f"start {', '.join(names)}", script, timeout=180)


_LAST_WORDS = "journalctl -q -b -n 30 --no-pager -o cat _SYSTEMD_UNIT=docker.service"
