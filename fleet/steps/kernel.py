"""The running kernel is the installed one: Docker loads modules, and those of a kernel that was replaced are gone."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from fleet.facts.packages import PACKAGES
from fleet.facts.system import MACHINE
from fleet.model import Blocked, Change, Facts, Options, Reboot, Satisfied, Situation, Step, Verdict

MODULES_THERE = '[ -d "/lib/modules/$(uname -r)" ] || ! ls -d /lib/modules/*/kernel >/dev/null 2>&1'
"""An sh test: the running kernel has its modules, or no kernel has any, as in a container."""


class RebootOptions(Options):
    """Whether the host may be rebooted, for the steps that may want it."""

    allow_reboot: bool = Field(False, description="Reboot the host where this step needs it.")
    reboot_timeout: int = Field(600, ge=30, le=7200, description="Seconds to wait until it is back.")


class KernelStep(Step[RebootOptions]):
    """Reboots into an upgraded kernel where that is allowed; refuses to install an engine that could not start."""

    name = "kernel"
    title = "the installed kernel is the one that runs"
    requires = ("apt",)
    means = True
    probes = (PACKAGES,)
    options = RebootOptions

    def verdict(self, situation: Situation[RebootOptions]) -> Verdict:
        """A change only where a reboot is both due and allowed."""
        facts, machine = situation.facts, situation.facts[MACHINE]
        stale = stale_kernel(facts)
        if not stale and not machine.reboot_required:
            return Satisfied(f"{machine.kernel} runs")
        why = stale.why if stale else "an update waits for a reboot (/run/reboot-required)"
        if situation.options.allow_reboot:
            return busy(facts) or Change(why, (_reboot(facts, situation.options.reboot_timeout),), after=rebooted)
        if stale and not facts[PACKAGES].find("docker-ce"):
            return stale
        return Satisfied(f"{machine.kernel} runs", warnings=(f"{why}; --allow-reboot allows it",))


def _reboot(facts: Facts, timeout: int) -> Reboot:
    if facts[MACHINE].modules_present:
        return Reboot("an update waits for it", timeout=timeout)
    return Reboot("into the installed kernel", MODULES_THERE, "rebooted, and the kernel that runs still has no modules", timeout)


def stale_kernel(facts: Facts) -> Blocked | None:
    """The modules of the running kernel are gone after an upgrade: bridge and iptables fail in ways that blame others
    (geerlingguy/ansible-role-docker_arm#34, MichaIng/DietPi#3126)."""
    if facts[MACHINE].modules_present:
        return None
    return Blocked(
        f"the kernel was upgraded and the modules of the running one ({facts[MACHINE].kernel}) are gone: Docker could not start",
        "Allow a reboot with --allow-reboot (or kernel: {allow_reboot: true} in the recipe), or do it yourself:"
        " fleet run HOST --sudo -- systemctl reboot",
    )


def busy(facts: Facts) -> Blocked | None:
    """A reboot would cut off whoever holds a lock of apt or dpkg."""
    holders = facts[PACKAGES].lock_holders
    if not holders:
        return None
    return Blocked(
        f"a reboot is due, and would cut off another program that installs packages: {', '.join(holders)}",
        "Wait until it is done (ps ax | grep -E 'apt|dpkg'), and run again.",
    )


def rebooted(facts: Facts) -> Facts:
    """The installed kernel runs then, and nothing waits for a boot."""
    return facts.but(MACHINE, replace(facts[MACHINE], modules_present=True, reboot_required=False))
