"""apt can work: no interrupted dpkg, and a clock that signatures can be checked by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from fleet.facts.packages import PACKAGES
from fleet.facts.sources import SOURCE_PATH
from fleet.facts.system import MACHINE
from fleet.model import Blocked, Change, Facts, Options, Probe, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import quote, words

MAX_SKEW = 300
"""Seconds. apt refuses a Release file from the future by 10 s already (apt.conf(5), Acquire::Max-FutureTime), but the
date of the last index is some hours back, so a small skew does no harm."""

ENVIRONMENT = "DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none"
"""Nobody is there to answer; services other than Docker's are not restarted behind the user's back (needrestart(1))."""

DPKG_OPTIONS = "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=60"
"""A changed configuration file stays as the user has it. The lock is waited for here, and by ``Run.lock_timeout`` beyond."""

INSTALL_SECONDS = 1800
"""A Pi with a slow card and a slow line takes its time."""


class AptOptions(Options):
    """How apt is used."""

    lock_timeout: int = Field(600, ge=0, le=7200, description="Seconds to wait while another program holds apt's locks.")


def apt_get(*arguments: str) -> str:
    """A line of sh that runs apt-get unattended."""
    return f"{ENVIRONMENT} apt-get -y -q {DPKG_OPTIONS} {words(*arguments)}"


def is_installed(versions: Mapping[str, str]) -> str:
    """An sh test: these packages are there in these versions. dpkg still tells the version of a removed one, hence the status."""
    show = "dpkg-query -W -f '${db:Status-Status} ${Version}'"
    return " && ".join(f'[ "$({show} {quote(n)} 2>/dev/null)" = {quote(f"installed {v}")} ]' for n, v in versions.items())


LOCK_TIMEOUT: Probe[int] = Probe(name="lock_timeout", script="", parse=int, unknown=600)
"""Worked out by the step `apt` for those after it: seconds to wait for apt's locks."""

FRESH_INDEX: Probe[bool] = Probe(name="fresh_index", script="", parse=bool, unknown=False)
"""True after a step which has refreshed the package index in this very plan."""


_ONLY_DOCKER = words(
    "-o", f"Dir::Etc::SourceList={SOURCE_PATH}", "-o", "Dir::Etc::SourceParts=/dev/null", "-o", "APT::Get::List-Cleanup=0"
)  # fmt: skip
_REFRESH = """\
exec 3>&1
code=$( { { ALL 2>&1 >&3 4>&-; echo $? >&4; } | sed -u 's/^E: /W: /' >&2; } 4>&1 )
[ "$code" = 0 ] || [ ! -e SOURCE ] || DOCKER
"""
"""The errors of all sources come as warnings, each as it is said, and then Docker's own source is asked alone."""


def update(facts: Facts) -> Run:
    """`apt-get update` that fails when Docker's index can't be had: without --error-on=any it exits 0 all the same (apt-get(8)).

    Another source that is gone is only told of: apt goes on with what it knew of it, if anything, and whether that is enough
    the installation will tell.
    """
    every = apt_get("--error-on=any", "update")
    script = _REFRESH.replace("DOCKER", f"{every} {_ONLY_DOCKER}").replace("ALL", every).replace("SOURCE", quote(SOURCE_PATH))
    return Run("refresh the package index", script, timeout=900, lock_timeout=facts[LOCK_TIMEOUT])


def install(facts: Facts, title: str, packages: tuple[str, ...], unless: str = "") -> Run:
    """Install exactly these, with no others but what they depend on; a pinned older version may replace a newer one."""
    script = apt_get("--no-install-recommends", "--allow-downgrades", "--allow-change-held-packages", "install", *packages)
    return Run(title, script, unless=unless, timeout=INSTALL_SECONDS, lock_timeout=facts[LOCK_TIMEOUT])


SET_CLOCK = "--sudo -- date -s @$(date +%s)"
"""What `fleet run HOST` takes to set a clock from the laptop's, whose shell puts the time in; it needs no time service there."""

CLOCK_REMEDY = f"Set it from here: fleet run HOST {SET_CLOCK} (or fix the clock of the machine that you type on)."
"""For a clock that stands in apt's way. HOST stands for the host's name until it is known whose clock it is."""


def off_by(skew: int) -> str:
    """So many seconds ahead of the laptop's clock, or behind it when negative; in days too when it is hard to read else."""
    days = f" ({abs(skew) // _DAY} days)" if abs(skew) >= 2 * _DAY else ""
    return f"{abs(skew)} s{days} {'ahead of' if skew > 0 else 'behind'} this machine's"


_DAY = 24 * 60 * 60


def clock_is_wrong(facts: Facts) -> Blocked | None:
    """Every signature check needs a clock; a Pi without one starts in the past."""
    skew = facts[MACHINE].clock_skew
    if abs(skew) <= MAX_SKEW:
        return None
    return Blocked(
        f"the host's clock is {off_by(skew)}, so apt would refuse every signature",
        CLOCK_REMEDY,
    )


class AptStep(Step[AptOptions]):
    """Heals what an earlier, interrupted run of dpkg has left."""

    name = "apt"
    title = "apt ready to work"
    requires = ("platform",)
    probes = (PACKAGES,)
    means = True
    options = AptOptions

    def verdict(self, situation: Situation[AptOptions]) -> Verdict:
        """Change when `dpkg --configure -a` is due."""
        packages, timeout = situation.facts[PACKAGES], situation.options.lock_timeout
        held = f"a lock is held now, which will be waited for: {', '.join(packages.lock_holders)}"
        warnings = (held,) if packages.lock_holders else ()
        if not packages.interrupted or packages.lock_holders:
            return Satisfied("dpkg is in order", warnings, after=lambda facts: facts.but(LOCK_TIMEOUT, timeout))
        return Change(
            "dpkg was interrupted earlier and left packages half-way",
            (
                Run(
                    "finish what dpkg had begun",
                    f"{ENVIRONMENT} dpkg --force-confdef --force-confold --configure -a || true\n"
                    + apt_get("--fix-broken", "install"),
                    timeout=INSTALL_SECONDS,
                    lock_timeout=timeout,
                ),
            ),
            after=lambda facts: facts.but(PACKAGES, replace(facts[PACKAGES], interrupted=False)).but(LOCK_TIMEOUT, timeout),
        )
