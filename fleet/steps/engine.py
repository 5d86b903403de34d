"""Docker Engine is installed from Docker's packages, in the wanted version, and stays in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from fleet.distros.base import Platform
from fleet.facts.accounts import ACCOUNTS
from fleet.facts.daemon import DAEMON, SOCKET, UNIT_STATES, UNITS, Unit, Units
from fleet.facts.packages import PACKAGES, is_release, is_within, upstream
from fleet.facts.sources import SOURCES, Source
from fleet.facts.system import DISK
from fleet.model import (
    Action,
    Blocked,
    Change,
    Facts,
    Options,
    Query,
    Satisfied,
    Situation,
    Step,
    Unavailable,
    Verdict,
)
from fleet.queries import Suite, SuiteQuery
from fleet.steps.apt import FRESH_INDEX, clock_is_wrong, install, is_installed, update
from fleet.steps.kernel import stale_kernel
from fleet.steps.pinning import pin_action, pin_diff, with_pin
from fleet.steps.platform import platform

ENGINE = ("docker-ce", "docker-ce-cli")
"""Released together; a version is pinned for these."""

PACKAGE_SET = (*ENGINE, "containerd.io", "docker-buildx-plugin")
HELPERS = ("ca-certificates", "apparmor")
"""Recommended by docker-ce, and missing on minimal systems: without apparmor's parser, containers don't start where the
kernel has AppArmor on."""

DATA_FOLDERS = ("/var/lib/docker", "/var/lib/containerd")
"""Engine 29 keeps its images in containerd's folder, older ones in Docker's own (Engine 29.0.0 release notes)."""

NEEDED_KIB = 1_000_000
"""Packages unpacked take some 500 MB; as much again is left for images."""


class EngineOptions(Options):
    """Which engine."""

    version: Annotated[str, Field(pattern=r"^\d{1,4}(\.\d{1,4}){0,2}$")] | None = Field(
        None, description='Upstream version as whole components, "28", "28.5" or "28.5.2"; none: any, the newest at first.'
    )
    allow_restart: bool = Field(
        False, description="Change the version of an engine that runs containers, which stops them (unless live-restore is on)."
    )


class EngineStep(Step[EngineOptions]):
    """Installs or moves docker-ce; without a wanted version an installed one is left alone."""

    name = "engine"
    title = "Docker Engine"
    requires = ("kernel", "conflicts")
    probes = (PACKAGES, DAEMON, UNIT_STATES)
    options = EngineOptions

    def queries(self, facts: Facts, options: EngineOptions) -> tuple[Query[Any], ...]:
        """The versions there are, unless the right one is installed."""
        return () if _is_right(facts, options) else (_query(facts),)

    def verdict(self, situation: Situation[EngineOptions]) -> Verdict:
        """Compare versions and the pin."""
        facts, options = situation.facts, situation.options
        pin = pin_action(facts, options.version)
        if _is_right(facts, options):
            return _only_pin(facts, options, pin) if pin else Satisfied(f"docker-ce {facts[PACKAGES].version('docker-ce')}")
        suite = situation.catalog[_query(facts)]
        if isinstance(suite, Unavailable):
            return Blocked(suite.why, suite.hint)
        versions = _choose(suite, facts, options)
        if isinstance(versions, Blocked):
            return versions
        return _refusal(facts, options, versions) or _install(facts, options, versions, pin)


def _query(facts: Facts) -> SuiteQuery:
    source = _source(facts)
    return SuiteQuery(source.uri, source.suite, " ".join(source.components), platform(facts).architecture)


def _source(facts: Facts) -> Source:
    source = facts[SOURCES].active()
    if source is None:
        raise AssertionError("the step 'engine' must come after the step 'source'")
    return source


def _is_right(facts: Facts, options: EngineOptions) -> bool:
    packages = facts[PACKAGES]
    if any(not packages.find(name) for name in PACKAGE_SET):
        return False
    return options.version is None or all(is_within(packages.version(name), options.version) for name in ENGINE)


def _choose(suite: Suite, facts: Facts, options: EngineOptions) -> dict[str, str] | Blocked:
    """Deb versions to install: the newest that is within the wanted one; what is right already stays."""
    chosen: dict[str, str] = {}
    for name in PACKAGE_SET:
        wanted = options.version if name in ENGINE else None
        have = facts[PACKAGES].version(name)
        if have and (wanted is None or is_within(have, wanted)):
            continue
        fitting = [v for v in suite.versions.get(name, ()) if (is_within(v, wanted) if wanted else is_release(v))]
        if not fitting:
            return _no_version(suite, name, wanted, platform(facts))
        chosen[name] = next((v for v in fitting if v == _sibling(name, facts)), fitting[0])
    return chosen


def _sibling(name: str, facts: Facts) -> str:
    """The version that the other half of the engine has, for client and daemon belong together."""
    return next((facts[PACKAGES].version(other) for other in ENGINE if name in ENGINE and other != name), "")


def _no_version(suite: Suite, name: str, wanted: str | None, where: Platform) -> Blocked:
    there = list(dict.fromkeys(upstream(v) for v in suite.versions.get(name, ()) if is_release(v)))
    if not there:
        return Blocked(
            f"{where.repository} {where.codename} has no package {name} for {where.architecture}",
            "Check source: {url, channel} in the recipe; a mirror may be incomplete.",
        )
    return Blocked(
        f"no {name} {wanted} for {where.repository} {where.codename} {where.architecture};"
        f" there are {', '.join(there[:8])}{' …' if len(there) > 8 else ''}",
        f'Set engine: {{version: "{there[0]}"}} (or "{".".join(there[0].split(".")[:2])}"), or leave it out for the newest.',
    )


def _refusal(facts: Facts, options: EngineOptions, versions: dict[str, str]) -> Blocked | None:
    """What must not be done without a word from the user, or can't succeed."""
    return clock_is_wrong(facts) or stale_kernel(facts) or _disk_is_full(facts) or _would_stop(facts, options, versions)


def _would_stop(facts: Facts, options: EngineOptions, versions: dict[str, str]) -> Blocked | None:
    daemon, have = facts[DAEMON], facts[PACKAGES].version("docker-ce")
    moves = have and "docker-ce" in versions
    if not moves or daemon.running == 0 or daemon.live_restore or options.allow_restart:
        return None
    count = "an unknown number of" if daemon.running is None else str(daemon.running)
    return Blocked(
        f"going from {upstream(have)} to {upstream(versions['docker-ce'])} restarts Docker and stops"
        f" {count} running container{'' if daemon.running == 1 else 's'}",
        "Allow it with --allow-restart (or engine: {allow_restart: true} in the recipe); those with a restart policy come back.",
    )


def _disk_is_full(facts: Facts) -> Blocked | None:
    found = {folder: facts[DISK].free_for(folder) for folder in ("/usr", *DATA_FOLDERS)}
    short = {folder: free for folder, free in found.items() if free is not None and free < NEEDED_KIB}
    if facts[PACKAGES].find("docker-ce") or not short:
        return None
    folder, free = min(short.items(), key=lambda pair: pair[1])
    return Blocked(
        f"only {free // 1024} MiB are free for {folder}; the packages and a first image need {NEEDED_KIB // 1024}",
        "Make room on the host (sudo apt-get clean; sudo journalctl --vacuum-size=50M), or grow its file system"
        " (sudo raspi-config --expand-rootfs).",
    )


def _install(facts: Facts, options: EngineOptions, versions: dict[str, str], pin: Action | None) -> Change:
    packages = (*(f"{name}={version}" for name, version in versions.items()), *_missing_helpers(facts))
    actions: list[Action] = [pin] if pin else []
    if not facts[FRESH_INDEX]:
        actions.append(update(facts))
    actions.append(install(facts, f"install {_words(versions)}", packages, is_installed(versions)))
    return Change(
        _why(facts, versions),
        tuple(actions),
        diff=pin_diff(facts, options.version),
        after=lambda later: _installed(later, versions, options),
    )


def _why(facts: Facts, versions: dict[str, str]) -> str:
    have = facts[PACKAGES].version("docker-ce")
    if have and "docker-ce" in versions:
        return f"move docker-ce from {upstream(have)} to {upstream(versions['docker-ce'])}"
    return f"{'complete with' if have else 'install'} {_words({n: upstream(v) for n, v in versions.items()})}"


def _words(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _missing_helpers(facts: Facts) -> tuple[str, ...]:
    return tuple(name for name in HELPERS if not facts[PACKAGES].find(name))


def _only_pin(facts: Facts, options: EngineOptions, pin: Action) -> Change:
    why = f"keep docker-ce at {options.version}" if options.version else "let docker-ce move again"
    return Change(why, (pin,), diff=pin_diff(facts, options.version), after=lambda later: with_pin(later, options.version))


def _installed(facts: Facts, versions: dict[str, str], options: EngineOptions) -> Facts:
    """The package brings the group, and starts and enables its units (docker/docker-ce-packaging, deb/common)."""
    packages = facts[PACKAGES].plus(versions)
    units = Units(tuple(_started(facts[UNIT_STATES].find(name)) for name in (*UNITS, SOCKET)))
    daemon = replace(facts[DAEMON], version=upstream(packages.version("docker-ce")))
    later = with_pin(facts, options.version).but(PACKAGES, packages).but(UNIT_STATES, units).but(DAEMON, daemon)
    return with_group(later.but(FRESH_INDEX, True))


def _started(unit: Unit) -> Unit:
    return unit if unit.is_masked else replace(unit, load="loaded", active="active", enabled="enabled", result="success")


def with_group(facts: Facts) -> Facts:
    """With the group docker in the database; its number is known only when it is there."""
    accounts = facts[ACCOUNTS]
    return facts if accounts.docker_gid is not None else facts.but(ACCOUNTS, replace(accounts, docker_gid=-1))
