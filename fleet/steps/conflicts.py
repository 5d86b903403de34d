"""Nothing on the host that Docker's packages would push out, or that would shadow them."""

from __future__ import annotations

from pydantic import Field

from fleet.facts.packages import PACKAGES
from fleet.model import Blocked, Change, Options, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import words
from fleet.steps.apt import INSTALL_SECONDS, LOCK_TIMEOUT, apt_get
from fleet.steps.platform import platform


class ConflictsOptions(Options):
    """What may be removed."""

    remove: bool = Field(
        False, description="Remove conflicting packages (docker.io, podman-docker, …) and so stop their containers."
    )


class ConflictsStep(Step[ConflictsOptions]):
    """apt would remove them without asking, by the Conflicts of docker-ce (docker/docker-ce-packaging, deb/common/control).

    They go only when Docker's repository is known to work, so that a host is not left without any engine for nothing.
    """

    name = "conflicts"
    title = "no other Docker in the way"
    requires = ("source",)
    probes = (PACKAGES,)
    means = True
    options = ConflictsOptions

    def verdict(self, situation: Situation[ConflictsOptions]) -> Verdict:
        """Blocked unless the user has allowed the removal."""
        facts = situation.facts
        packages = facts[PACKAGES]
        names = tuple(n for n in platform(facts).conflicts if packages.find(n))
        if packages.snap_docker:
            return Blocked(
                "Docker is installed as a snap, with images and volumes of its own, and would shadow the packages",
                "Save what you need from it, then on the host: sudo snap remove --purge docker",
            )
        if not names:
            return Satisfied("no conflicting packages")
        if not situation.options.remove:
            return Blocked(
                f"{', '.join(names)} must go before Docker's own packages can come; containers that run on it would stop",
                "Allow it with --allow-removal (or conflicts: {remove: true} in the recipe); /var/lib/docker stays as it is.",
            )
        gone = f"! dpkg-query -W -f '${{db:Status-Status}}\\n' {words(*names)} 2>/dev/null | grep -qx installed"
        return Change(
            f"remove {', '.join(names)}",
            (Run(f"remove {', '.join(names)}", apt_get("remove", *names), gone, INSTALL_SECONDS, facts[LOCK_TIMEOUT]),),
            after=lambda later: later.but(PACKAGES, later[PACKAGES].minus(names)),
        )
