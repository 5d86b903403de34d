"""Something keeps the clock right: apt and TLS refuse everything when it is wrong, and a Pi starts in the past."""

from __future__ import annotations

from dataclasses import replace

from fleet.facts.daemon import Unit, Units
from fleet.facts.packages import PACKAGES
from fleet.facts.system import MACHINE
from fleet.facts.timesync import TIMESYNC, TIMESYNCD
from fleet.model import Action, Blocked, Change, Facts, Options, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import script_of, words
from fleet.steps.apt import FRESH_INDEX, MAX_SKEW, SET_CLOCK, clock_is_wrong, install, update

PACKAGE = "systemd-timesyncd"
"""A package of its own in Debian 11, Ubuntu 20.04 and newer (packages.debian.org, packages.ubuntu.com)."""

_WAIT_SECONDS = 90


class ClockOptions(Options):
    """No options: any of the time services will do."""


class ClockStep(Step[ClockOptions]):
    """Starts and enables the time service that is there; installs systemd-timesyncd where there is none."""

    name = "clock"
    title = "a clock that is kept right"
    requires = ("apt",)
    probes = (TIMESYNC, PACKAGES)
    options = ClockOptions

    def verdict(self, situation: Situation[ClockOptions]) -> Verdict:
        """Satisfied with any service that runs and starts at boot; blocked where a wrong clock can't be mended from here."""
        facts, sync = situation.facts, situation.facts[TIMESYNC]
        if sync.container:
            return Satisfied("a container has the clock of its host")
        known = sync.known()
        usable = [unit for unit in known if not unit.is_masked]
        running = next((unit for unit in usable if unit.is_running), None)
        if running and running.is_enabled:
            return _kept(facts, running)
        if usable:
            return _start(facts, running or usable[0])
        if known:
            return _forbidden(known[0])
        return clock_is_wrong(facts) or _install(facts)


def _kept(facts: Facts, unit: Unit) -> Verdict:
    wrong = clock_is_wrong(facts)
    if wrong:
        return Blocked(
            f"{wrong.why}; {unit.name} runs and has not set it",
            "Let it reach its time servers (UDP port 123; timedatectl timesync-status; chronyc sources), or set the clock once:"
            f" fleet run HOST {SET_CLOCK}",
        )
    unsure = unit.name == TIMESYNCD and not facts[TIMESYNC].synchronized
    late = (f"{unit.name} has not reached a time server since the boot (timedatectl timesync-status; UDP port 123)",)
    return Satisfied(f"{unit.name} is active and enabled", late if unsure else ())


def _forbidden(unit: Unit) -> Blocked:
    return Blocked(
        f"somebody forbade the start of {unit.name} (masked), and no other time service is there",
        f"If that was not on purpose: fleet run HOST --sudo -- systemctl unmask {unit.name}",
    )


def _start(facts: Facts, unit: Unit) -> Change:
    state = f"{unit.active or 'unknown'}, {unit.enabled or 'not enabled'}"
    return Change(f"start and enable {unit.name} ({state})", (_enable(facts, unit.name),), after=lambda f: _running(f, unit.name))


def _install(facts: Facts) -> Change:
    actions: list[Action] = [] if facts[FRESH_INDEX] else [update(facts)]
    actions += [install(facts, f"install {PACKAGE}", (PACKAGE,)), _enable(facts, TIMESYNCD)]
    return Change(
        f"no time service is there: install {PACKAGE}",
        tuple(actions),
        after=lambda later: _running(later, TIMESYNCD).but(FRESH_INDEX, True),
    )


def _enable(facts: Facts, name: str) -> Run:
    """Where the clock is so wrong that nothing else would work, it is waited for until it is set."""
    script, skew = f"systemctl enable --now {words(name)}", facts[MACHINE].clock_skew
    if abs(skew) > MAX_SKEW:
        script = waiting(script, skew, _WAIT_SECONDS)
    return Run(f"start {name}", script, timeout=_WAIT_SECONDS + 120)


def waiting(script: str, skew: int, seconds: int) -> str:
    """A script, and after it a wait until the clock is right, by how far it has jumped against the time since the boot.

    systemd-timesyncd sets a clock forward to when it last ran even where no server answers (systemd-timesyncd.service(8)),
    and that may be enough.
    """
    return script_of(
        "look() { read -r up rest </proc/uptime; up=${up%%.*}; gap=$(($(date +%s) - up)); }",
        "look",
        f"right=$((gap - ({skew})))",
        f"end=$((up + {seconds}))",
        script,
        f"while look; off=$((gap - right)); [ ${{off#-}} -gt {MAX_SKEW} ]; do",
        '  if [ "$up" -ge "$end" ]; then',
        "    echo 'the clock is still not set: no time server answers (UDP port 123)' >&2",
        "    exit 1",
        "  fi",
        "  sleep 1",
        "done",
    )


def _running(facts: Facts, name: str) -> Facts:
    sync = facts[TIMESYNC]
    others = tuple(unit for unit in sync.units.units if unit.name != name)
    units = Units((*others, Unit(name, "loaded", "active", "enabled", "success")))
    return facts.but(TIMESYNC, replace(sync, units=units)).but(MACHINE, replace(facts[MACHINE], clock_skew=0))
