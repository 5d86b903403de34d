"""Docker runs now, and will after a boot."""

from __future__ import annotations

from fleet.facts.daemon import UNIT_STATES, UNITS, Unit, Units
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
        units = [situation.facts[UNIT_STATES].find(name) for name in UNITS]
        masked = [u.name for u in units if u.is_masked]
        if masked:
            return Blocked(
                f"{' and '.join(masked)} is masked: somebody forbade its start",
                f"If that was not on purpose: fleet run HOST --sudo -- systemctl unmask {' '.join(masked)}",
            )
        wrong = [u for u in units if not (u.is_running and u.is_enabled)]
        if not wrong:
            return Satisfied("active and enabled")
        return Change(
            f"start and enable {', '.join(_state(u) for u in wrong)}",
            (_start(tuple(u.name for u in wrong)),),
            after=lambda facts: facts.but(UNIT_STATES, Units(tuple(Unit(n, "loaded", "active", "enabled") for n in UNITS))),
        )


def _state(unit: Unit) -> str:
    return f"{unit.name} ({unit.active or 'unknown'}, {unit.enabled or 'not enabled'})"


def _start(names: tuple[str, ...]) -> Run:
    """After three failed starts systemd refuses more until it is told to forget them (StartLimitBurst of docker.service)."""
    script = "\n".join(
        (
            f"systemctl reset-failed {words(*names)} 2>/dev/null || true",
            f"systemctl enable --now {words(*names)} || {{ journalctl -n 20 --no-pager -u docker.service >&2; false; }}",
        )
    )
    return Run(f"start {', '.join(names)}", script, timeout=180)
