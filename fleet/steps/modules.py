"""The kernel modules that container networks need, on the Ubuntus for Raspberry Pis that leave them out.

From 21.10 to 23.10, vxlan, macvlan and others of Ubuntu's raspi kernel are in a package that the images don't install
(docs.k3s.io/advanced; k3s-io/k3s#4234); from 24.04 on they are in the kernel's own again.
"""

from __future__ import annotations

from fleet.facts.packages import PACKAGES
from fleet.facts.system import MACHINE, OS
from fleet.model import Action, Change, Facts, Options, Satisfied, Situation, Step, Verdict
from fleet.steps.apt import FRESH_INDEX, clock_is_wrong, install, update

PACKAGE = "linux-modules-extra-raspi"
RELEASES = ("impish", "jammy", "kinetic", "lunar", "mantic")
"""Ubuntu 21.10 to 23.10."""
FLAVOUR = "-raspi"


class ModulesOptions(Options):
    """No options: the modules are there or not."""


class ModulesStep(Step[ModulesOptions]):
    """Installs one package, where Ubuntu's kernel for the Pi lacks modules that overlay networks need."""

    name = "modules"
    title = "kernel modules for container networks"
    requires = ("apt",)
    probes = (PACKAGES,)
    options = ModulesOptions

    def verdict(self, situation: Situation[ModulesOptions]) -> Verdict:
        """A change on Ubuntu 21.10 to 23.10 with the raspi kernel only."""
        facts = situation.facts
        why_not = _not_needed(facts)
        if why_not:
            return Satisfied(why_not)
        if facts[PACKAGES].find(PACKAGE):
            return Satisfied(f"{PACKAGE} is installed")
        return clock_is_wrong(facts) or _install(facts)


def _not_needed(facts: Facts) -> str:
    kernel, system = facts[MACHINE].kernel, facts[OS]
    if not kernel.endswith(FLAVOUR):
        return "not Ubuntu's kernel for the Raspberry Pi"
    codename = system.ubuntu_codename or system.codename
    return "" if codename in RELEASES else f"{codename or 'this release'} has them in its kernel's own package"


def _install(facts: Facts) -> Change:
    actions: list[Action] = [] if facts[FRESH_INDEX] else [update(facts)]
    actions.append(install(facts, f"install {PACKAGE}", (PACKAGE,)))
    return Change(
        f"install {PACKAGE}: vxlan, macvlan and others are not in this kernel's own package",
        tuple(actions),
        after=_installed,
    )


def _installed(facts: Facts) -> Facts:
    """Its version is the archive's business, so it is not told here."""
    return facts.but(PACKAGES, facts[PACKAGES].plus({PACKAGE: ""})).but(FRESH_INDEX, True)
