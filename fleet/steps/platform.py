"""The host is one that Docker publishes packages for: decided before anything is touched."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fleet.distros import Platform, Unsupported, platform_of
from fleet.distros.base import make, refuse_processor
from fleet.distros.debian import CONFLICTS as DEBIAN_CONFLICTS
from fleet.distros.ubuntu import CONFLICTS as UBUNTU_CONFLICTS
from fleet.facts.board import BOARD
from fleet.facts.system import MACHINE, OS
from fleet.model import Blocked, Facts, Options, Probe, Satisfied, Situation, Step, Verdict

PLATFORM: Probe[Platform | None] = Probe(name="platform", script="", parse=lambda _: None, unknown=None)
"""Worked out by this step for those after it; no host is asked."""


class PlatformOptions(Options):
    """Only for children of Debian and Ubuntu that do not say what they are built on."""

    distribution: Literal["debian", "ubuntu"] | None = Field(
        None, description="Take the host for a child of this distribution, whatever its os-release says."
    )
    codename: Annotated[str, Field(pattern=r"^[a-z]{2,20}$")] | None = Field(
        None, description="The release of that distribution which it is built on, for example trixie or noble."
    )


def wanted_platform(facts: Facts, options: PlatformOptions) -> Platform | Unsupported:
    """What the options force, or else what the facts say."""
    if not (options.distribution and options.codename):
        return platform_of(facts)
    conflicts = UBUNTU_CONFLICTS if options.distribution == "ubuntu" else DEBIAN_CONFLICTS
    refused = refuse_processor(facts[OS], facts[MACHINE], facts[BOARD])
    return refused or make(f"linux/{options.distribution}", options.codename, facts[MACHINE], conflicts)


class PlatformStep(Step[PlatformOptions]):
    """Refuses, in words and with a way out, what can't work."""

    name = "platform"
    title = "a system that Docker publishes packages for"
    means = True
    options = PlatformOptions

    def verdict(self, situation: Situation[PlatformOptions]) -> Verdict:
        """Satisfied with the platform, or Blocked."""
        if bool(situation.options.distribution) != bool(situation.options.codename):
            return Blocked(
                "the recipe's section 'platform' names only one of distribution and codename",
                "Give both, for example platform: {distribution: debian, codename: trixie}.",
            )
        found = wanted_platform(situation.facts, situation.options)
        if isinstance(found, Unsupported):
            return Blocked(found.why, found.hint)
        return Satisfied(
            f"{found.repository} {found.codename} for {found.architecture}",
            warnings=(found.note,) if found.note else (),
            after=lambda facts: facts.but(PLATFORM, found),
        )


def platform(facts: Facts) -> Platform:
    """The platform, for steps that require this one."""
    found = facts[PLATFORM]
    if found is None:
        raise AssertionError("a step that asks for the platform must require the step 'platform'")
    return found
