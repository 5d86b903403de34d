"""apt knows Docker's repository: one source, the right distribution, codename and architecture."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fleet.facts.sources import SOURCE_PATH, SOURCES, Source, deb822, with_ours
from fleet.files.fields import Url
from fleet.model import Blocked, Change, Facts, Options, Query, Satisfied, Situation, Step, Unavailable, Verdict, Write
from fleet.queries import DOCKER_MIRROR, SuiteQuery
from fleet.shell import diff_lines, words
from fleet.steps.apt import FRESH_INDEX, clock_is_wrong, update
from fleet.steps.platform import platform


class SourceOptions(Options):
    """Where Docker's packages come from."""

    url: Url = Field(DOCKER_MIRROR, description="Docker's mirror; packages are at URL/linux/DISTRIBUTION.")
    channel: Annotated[str, Field(pattern=r"^(stable|test)$")] = Field("stable", description="stable or test.")


class SourceStep(Step[SourceOptions]):
    """Writes one deb822 file, as docs.docker.com/engine/install does, and refuses to stand beside another one."""

    name = "source"
    title = "Docker's apt repository"
    requires = ("keyring",)
    probes = (SOURCES,)
    means = True
    options = SourceOptions

    def queries(self, facts: Facts, options: SourceOptions) -> tuple[Query[Any], ...]:
        """Is the suite there at all? Asked only when the source would be written."""
        is_clear = facts[SOURCES].ours == wanted_text(facts, options) or facts[SOURCES].foreign()
        return () if is_clear else (suite_query(facts, options),)

    def verdict(self, situation: Situation[SourceOptions]) -> Verdict:
        """Compare our file's text with what it should be."""
        facts, options = situation.facts, situation.options
        foreign = facts[SOURCES].foreign()
        if foreign:
            return _stands_beside(foreign)
        wanted = wanted_text(facts, options)
        there = facts[SOURCES].ours
        if there == wanted:
            return Satisfied(f"{SOURCE_PATH} names {options.url}/{platform(facts).repository} {platform(facts).codename}")
        return _unserved(situation) or clock_is_wrong(facts) or _change(facts, wanted)


def wanted_text(facts: Facts, options: SourceOptions) -> str:
    """The source file as it should be."""
    where = platform(facts)
    return deb822(
        uri=f"{options.url}/{where.repository}",
        suite=where.codename,
        channel=options.channel,
        architecture=where.architecture,
    )


def suite_query(facts: Facts, options: SourceOptions) -> SuiteQuery:
    """The question after this host's suite."""
    where = platform(facts)
    return SuiteQuery(f"{options.url}/{where.repository}", where.codename, options.channel, where.architecture)


def _change(facts: Facts, wanted: str) -> Change:
    there = facts[SOURCES].ours
    return Change(
        f"{'correct' if there else 'add'} {SOURCE_PATH}",
        (Write(SOURCE_PATH, wanted, was=facts[SOURCES].sha256), update(facts)),
        diff=diff_lines(there.splitlines(), wanted.splitlines(), SOURCE_PATH),
        after=lambda later: later.but(SOURCES, with_ours(later[SOURCES], wanted)).but(FRESH_INDEX, True),
    )


def _unserved(situation: Situation[SourceOptions]) -> Blocked | None:
    query = suite_query(situation.facts, situation.options)
    suite = situation.catalog[query]
    if isinstance(suite, Unavailable):
        return Blocked(suite.why, suite.hint)
    if not suite.exists:
        return Blocked(
            f"Docker does not publish packages for {query.codename} ({query.repository}/dists/{query.codename} is not there)",
            "Wait until Docker supports this release, install an older one, or use the distribution's own package:"
            " sudo apt-get install docker.io.",
        )
    if not suite.serves:
        return Blocked(
            f"{query.repository} {query.codename} has no {query.channel} packages for {query.architecture}",
            "Install a 64-bit system on it (arm64, amd64), or another release of its distribution.",
        )
    return None


def _stands_beside(foreign: tuple[Source, ...]) -> Blocked:
    """With different Signed-By, two sources make every apt command fail (apt: "Conflicting values set for option Signed-By")."""
    files = sorted({s.path for s in foreign})
    return Blocked(
        f"Docker's repository is already named in {', '.join(files)}, and two such sources can stop apt altogether",
        f"Remove the old one first: fleet run HOST --sudo -- rm {words(*files)}"
        if all(f.startswith("/etc/apt/sources.list.d/") for f in files)
        else f"Take its line out of {', '.join(files)} on the host.",
    )
