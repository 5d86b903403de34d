"""Docker Engine is installed from Docker's packages, in the wanted version, and stays in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from fleet.distros.base import Platform
from fleet.facts.daemon import DAEMON, UNIT_STATES, Daemon, Unit, Units
from fleet.facts.packages import PACKAGES, is_within, upstream
from fleet.facts.sources import KEYRING, PIN_PATH, SOURCES, Source, sha256_of
from fleet.facts.system import DISK, MACHINE
from fleet.model import (
    Action,
    Blocked,
    Change,
    Facts,
    Options,
    Query,
    Remove,
    Run,
    Satisfied,
    Situation,
    Step,
    Unavailable,
    Verdict,
    Write,
)
from fleet.queries import Suite, SuiteQuery
from fleet.shell import diff_lines, quote
from fleet.steps.apt import clock_is_wrong, install, update
from fleet.steps.platform import platform

ENGINE = ("docker-ce", "docker-ce-cli")
"""Released together; a version is pinned for these."""

PACKAGE_SET = (*ENGINE, "containerd.io", "docker-buildx-plugin")
HELPERS = ("ca-certificates", "apparmor")
"""Recommended by docker-ce, and missing on minimal systems: without apparmor's parser, containers don't start where the
kernel has AppArmor on."""

PINNED = (*ENGINE, "docker-ce-rootless-extras")
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
    requires = ("source",)
    probes = (PACKAGES, DAEMON, UNIT_STATES)
    options = EngineOptions

    def queries(self, facts: Facts, options: EngineOptions) -> tuple[Query[Any], ...]:
        """The versions there are, unless the right one is installed."""
        return () if _is_right(facts, options) else (_query(facts),)

    def verdict(self, situation: Situation[EngineOptions]) -> Verdict:
        """Compare versions and the pin."""
        facts, options = situation.facts, situation.options
        pin = _pin_action(facts, options)
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
        raise AssertionError("the step 'engine' must require the step 'source'")
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
        if have and (wanted is None or is_within(have, wanted)) and name not in ENGINE:
            continue
        fitting = [v for v in suite.versions.get(name, ()) if _fits(v, wanted, have if name in ENGINE else "")]
        if not fitting:
            return _no_version(suite, name, options, platform(facts))
        chosen[name] = fitting[0]
    return chosen


def _fits(version: str, wanted: str | None, have: str) -> bool:
    if wanted:
        return is_within(version, wanted)
    return version == have if have else "~rc" not in version and "~beta" not in version


def _no_version(suite: Suite, name: str, options: EngineOptions, where: Platform) -> Blocked:
    there = list(dict.fromkeys(upstream(v) for v in suite.versions.get(name, ())))
    if not there:
        return Blocked(
            f"{where.repository} {where.codename} has no package {name} for {where.architecture}",
            "Check source: {url, channel} in the recipe; a mirror may be incomplete.",
        )
    return Blocked(
        f"no {name} {options.version} for {where.repository} {where.codename} {where.architecture};"
        f" there are {', '.join(there[:8])}{' …' if len(there) > 8 else ''}",
        f"Set engine: {{version: \"{there[0]}\"}} (or \"{'.'.join(there[0].split('.')[:2])}\"), or leave it out for the newest.",
    )


def _refusal(facts: Facts, options: EngineOptions, versions: dict[str, str]) -> Blocked | None:
    """What must not be done without a word from the user, or can't succeed."""
    return clock_is_wrong(facts) or _stale_kernel(facts) or _disk_is_full(facts) or _would_stop(facts, options, versions)


def _would_stop(facts: Facts, options: EngineOptions, versions: dict[str, str]) -> Blocked | None:
    daemon, have = facts[DAEMON], facts[PACKAGES].version("docker-ce")
    if not have or not daemon.running or daemon.live_restore or options.allow_restart:
        return None
    return Blocked(
        f"going from {upstream(have)} to {upstream(versions['docker-ce'])} restarts Docker and stops"
        f" {daemon.running} running container{'s' if daemon.running > 1 else ''}",
        "Allow it with --allow-restart (or engine: {allow_restart: true} in the recipe); those with a restart policy come back.",
    )


def _stale_kernel(facts: Facts) -> Blocked | None:
    """The modules of the running kernel are gone after an upgrade: bridge and iptables fail in ways that blame others
    (geerlingguy/ansible-role-docker_arm#34, MichaIng/DietPi#3126)."""
    if facts[MACHINE].modules_present:
        return None
    return Blocked(
        f"the kernel was upgraded and the modules of the running one ({facts[MACHINE].kernel}) are gone: Docker could not start",
        "Reboot it first: fleet run HOST --sudo -- systemctl reboot",
    )


def _disk_is_full(facts: Facts) -> Blocked | None:
    free = facts[DISK].free_for("/var/lib/docker")
    if facts[PACKAGES].find("docker-ce") or free is None or free >= NEEDED_KIB:
        return None
    return Blocked(
        f"only {free // 1024} MiB are free where Docker keeps its data; the packages and a first image need {NEEDED_KIB // 1024}",
        "Make room on the host (sudo apt-get clean; sudo journalctl --vacuum-size=50M), or grow its file system"
        " (sudo raspi-config --expand-rootfs).",
    )


def _install(facts: Facts, options: EngineOptions, versions: dict[str, str], pin: Action | None) -> Change:
    packages = (*(f"{name}={version}" for name, version in versions.items()), *_missing_helpers(facts))
    actions: list[Action] = [pin] if pin else []
    if _index_may_be_old(facts):
        actions.append(update())
    actions.append(install(f"install {_words(versions)}", packages, _unless(versions)))
    return Change(
        _why(facts, versions),
        tuple(actions),
        diff=_pin_diff(facts, options),
        after=lambda later: _installed(later, versions, options),
    )


def _index_may_be_old(facts: Facts) -> bool:
    """A source that stood there before this run may have been refreshed long ago."""
    return facts[PACKAGES].version("docker-ce") != "" or facts[KEYRING].mode != 0


def _why(facts: Facts, versions: dict[str, str]) -> str:
    have = facts[PACKAGES].version("docker-ce")
    if not have:
        return f"install {_words(versions)}"
    if have != versions["docker-ce"]:
        return f"move docker-ce from {upstream(have)} to {upstream(versions['docker-ce'])}"
    return f"complete with {_words({n: v for n, v in versions.items() if n not in ENGINE})}"


def _words(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _missing_helpers(facts: Facts) -> tuple[str, ...]:
    return tuple(name for name in HELPERS if not facts[PACKAGES].find(name))


def _unless(versions: dict[str, str]) -> str:
    checks = (f'[ "$(dpkg-query -W -f \'${{Version}}\' {quote(n)} 2>/dev/null)" = {quote(v)} ]' for n, v in versions.items())
    return " && ".join(checks)


def wanted_pin(options: EngineOptions) -> str:
    """The text of the pin file: `apt upgrade` then stays within the wanted version; over 1000 also goes down to it (apt_preferences(5))."""
    if options.version is None:
        return ""
    pattern = f"5:{options.version}-*" if options.version.count(".") == 2 else f"5:{options.version}.*"
    return (
        "# Written by fleet: the wanted version of Docker Engine, so that an upgrade does not leave it.\n"
        f"Package: {' '.join(PINNED)}\nPin: version {pattern}\nPin-Priority: 1001\n"
    )


def _pin_action(facts: Facts, options: EngineOptions) -> Action | None:
    wanted, there = wanted_pin(options), facts[KEYRING].pin
    if wanted == there:
        return None
    was = sha256_of(there) if there else ""
    return Write(PIN_PATH, wanted, was=was) if wanted else Remove(PIN_PATH, was)


def _only_pin(facts: Facts, options: EngineOptions, pin: Action) -> Change:
    why = f"keep docker-ce at {options.version}" if options.version else "let docker-ce move again"
    return Change(why, (pin,), diff=_pin_diff(facts, options), after=lambda later: _pinned(later, options))


def _pin_diff(facts: Facts, options: EngineOptions) -> str:
    return diff_lines(facts[KEYRING].pin.splitlines(), wanted_pin(options).splitlines(), PIN_PATH)


def _pinned(facts: Facts, options: EngineOptions) -> Facts:
    return facts.but(KEYRING, replace(facts[KEYRING], pin=wanted_pin(options)))


def _installed(facts: Facts, versions: dict[str, str], options: EngineOptions) -> Facts:
    """The package brings the group, and starts and enables its units (docker/docker-ce-packaging, deb/common)."""
    later = _pinned(facts, options).but(PACKAGES, facts[PACKAGES].plus(versions))
    units = Units(tuple(_started(facts[UNIT_STATES].find(name)) for name in ("docker.service", "containerd.service")))
    daemon: Daemon = replace(facts[DAEMON], version=upstream(versions["docker-ce"]), platform=platform(facts).image_platform)
    return with_group(later.but(UNIT_STATES, units).but(DAEMON, daemon))


def _started(unit: Unit) -> Unit:
    return unit if unit.is_masked else replace(unit, load="loaded", active="active", enabled="enabled", result="success")


def with_group(facts: Facts) -> Facts:
    """With the group docker in the database."""
    from fleet.facts.accounts import ACCOUNTS

    accounts = facts[ACCOUNTS]
    return facts if accounts.docker_gid is not None else facts.but(ACCOUNTS, replace(accounts, docker_gid=-1))
