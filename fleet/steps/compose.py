"""`docker compose` works: the plugin from Docker's packages, or the release binary for this architecture."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fleet.facts.accounts import ACCOUNTS, Account
from fleet.facts.packages import PACKAGES, is_release, is_within, upstream
from fleet.facts.plugins import FILE, PACKAGE_PATH, PLUGINS, SYSTEM_FOLDERS, USER_FOLDER, Plugin
from fleet.facts.sources import SOURCES
from fleet.files.fields import Url, UserName
from fleet.model import (
    Action,
    Blocked,
    Change,
    Download,
    Facts,
    Options,
    Query,
    Satisfied,
    Situation,
    Step,
    Unavailable,
    Verdict,
)
from fleet.queries import COMPOSE_RELEASES, ComposeQuery, ComposeRelease, SuiteQuery
from fleet.steps.apt import FRESH_INDEX, clock_is_wrong, install, is_installed, update
from fleet.steps.platform import platform

PACKAGE = "docker-compose-plugin"
SYSTEM_PATH = f"{SYSTEM_FOLDERS[0]}/{FILE}"
"""Where a release binary for everybody goes (docs.docker.com/compose/install/linux, "Install the plugin manually")."""


class ComposeOptions(Options):
    """Which Compose plugin."""

    source: Literal["apt", "release"] = Field(
        "apt", description="apt: Docker's package; release: the binary of a GitHub release."
    )
    version: Annotated[str, Field(pattern=r"^\d{1,4}(\.\d{1,4}){0,2}$")] | None = Field(
        None, description='Wanted version; apt takes whole components ("5", "5.5"), release wants all three ("5.5.1").'
    )
    user: UserName | None = Field(None, description="With source: release: only for this user, in ~/.docker/cli-plugins.")
    releases: Url = Field(
        COMPOSE_RELEASES, description="With source: release: where the releases are; a mirror keeps the layout."
    )


class ComposeStep(Step[ComposeOptions]):
    """Compares the copy that `docker compose` really runs, and says so when an old copy hides the wanted one."""

    name = "compose"
    title = "the Compose plugin"
    requires = ("engine",)
    probes = (PLUGINS, PACKAGES)
    options = ComposeOptions

    def queries(self, facts: Facts, options: ComposeOptions) -> tuple[Query[Any], ...]:
        """The package's versions or the release's checksum, unless the wanted one is there."""
        if options.source == "apt":
            return () if options.user or _package_is_right(facts, options) else (_suite_query(facts),)
        hopeless = options.user is not None and facts[ACCOUNTS].find(options.user) is None
        return () if hopeless or _binary_is_right(facts, options) else (_release_query(facts, options),)

    def verdict(self, situation: Situation[ComposeOptions]) -> Verdict:
        """By way of the package or of the binary."""
        options = situation.options
        if options.source == "apt":
            return _options_blocked(options) or _by_apt(situation)
        account = situation.facts[ACCOUNTS].find(options.user) if options.user else None
        if options.user and account is None:
            return Blocked(f"there is no user {options.user} on the host", "Correct compose: {user: …} in the recipe.")
        return _by_release(situation)


def _options_blocked(options: ComposeOptions) -> Blocked | None:
    if options.user is None:
        return None
    return Blocked(
        "a package is for everybody, so compose: {user: …} needs source: release", "Add source: release, or drop user."
    )


# ── from Docker's packages ───────────────────────────────────────────────────────────────────────────────────────────


def _suite_query(facts: Facts) -> SuiteQuery:
    source = facts[SOURCES].active()
    if source is None:
        raise AssertionError("the step 'compose' must require the step 'engine'")
    return SuiteQuery(source.uri, source.suite, " ".join(source.components), platform(facts).architecture)


def _package_is_right(facts: Facts, options: ComposeOptions) -> bool:
    have = facts[PACKAGES].version(PACKAGE)
    return bool(have) and (options.version is None or is_within(have, options.version))


def _by_apt(situation: Situation[ComposeOptions]) -> Verdict:
    facts, options = situation.facts, situation.options
    warnings = shadows(facts, PACKAGE_PATH)
    if _package_is_right(facts, options):
        return Satisfied(f"{PACKAGE} {facts[PACKAGES].version(PACKAGE)}", warnings)
    suite = situation.catalog[_suite_query(facts)]
    if isinstance(suite, Unavailable):
        return Blocked(suite.why, suite.hint)
    there = suite.versions.get(PACKAGE, ())
    fitting = [v for v in there if (is_within(v, options.version) if options.version else is_release(v))]
    if not fitting:
        return _no_version(there, options)
    return clock_is_wrong(facts) or _install(facts, fitting[0], warnings)


def _install(facts: Facts, version: str, warnings: tuple[str, ...]) -> Change:
    unless = is_installed({PACKAGE: version})
    package = install(facts, f"install {PACKAGE} {version}", (f"{PACKAGE}={version}",), unless)
    actions: tuple[Action, ...] = (package,) if facts[FRESH_INDEX] else (update(facts), package)
    plugin = Plugin(PACKAGE_PATH)
    return Change(
        f"install {PACKAGE} {upstream(version)}",
        actions,
        after=lambda f: f.but(PACKAGES, f[PACKAGES].plus({PACKAGE: version})).but(PLUGINS, f[PLUGINS].plus(plugin)),
        warnings=warnings,
    )


def _no_version(there: tuple[str, ...], options: ComposeOptions) -> Blocked:
    known = list(dict.fromkeys(upstream(v) for v in there))
    return Blocked(
        f"no {PACKAGE}{f' {options.version}' if options.version else ''} in Docker's repository for this host;"
        f" there {'is' if len(known) == 1 else 'are'} {', '.join(known[:8]) or 'none'}",
        'Correct compose: {version: …} in the recipe, or take the binary: compose: {source: release, version: "X.Y.Z"}.',
    )


def shadows(facts: Facts, path: str) -> tuple[str, ...]:
    """Copies that somebody's `docker compose` would run instead of the one at ``path``."""
    plugins = facts[PLUGINS]
    found: dict[str, None] = {}
    for account in facts[ACCOUNTS].users if any(p.path != path for p in plugins.found) else ():
        first = plugins.first(account.home)
        if first and first.path != path and _before(first.path, path, account):
            found[f"{first.path} ({first.version or 'does not run'}) hides {path}; remove it if it is not wanted"] = None
    return tuple(found)


def _before(first: str, path: str, account: Account) -> bool:
    order = [f"{account.home.rstrip('/')}/{USER_FOLDER}/{FILE}", *(f"{folder}/{FILE}" for folder in SYSTEM_FOLDERS)]
    return path in order and first in order and order.index(first) < order.index(path)


# ── the binary of a release ──────────────────────────────────────────────────────────────────────────────────────────


def _release_query(facts: Facts, options: ComposeOptions) -> ComposeQuery:
    return ComposeQuery(options.releases, options.version or "", platform(facts).compose_machine)


def _path(facts: Facts, options: ComposeOptions) -> str:
    account = facts[ACCOUNTS].find(options.user) if options.user else None
    return f"{account.home.rstrip('/')}/{USER_FOLDER}/{FILE}" if account else SYSTEM_PATH


def _binary_is_right(facts: Facts, options: ComposeOptions) -> bool:
    there = facts[PLUGINS].at(_path(facts, options))
    return there is not None and bool(there.version) and (options.version is None or upstream(there.version) == options.version)


def _by_release(situation: Situation[ComposeOptions]) -> Verdict:
    facts, options = situation.facts, situation.options
    path = _path(facts, options)
    warnings = () if options.user else shadows(facts, path)
    if _binary_is_right(facts, options):
        there = facts[PLUGINS].at(path)
        return Satisfied(f"{path} {there.version if there else ''}", warnings)
    release = situation.catalog[_release_query(facts, options)]
    if isinstance(release, Unavailable):
        return Blocked(release.why, release.hint)
    return _download(release, path, options.user or "root", warnings)


def _download(release: ComposeRelease, path: str, owner: str, warnings: tuple[str, ...]) -> Change:
    plugin = Plugin(path, release.version)
    return Change(
        f"install Compose {release.version} at {path}",
        (Download(release.url, path, release.sha256, owner=owner),),
        after=lambda facts: facts.but(PLUGINS, facts[PLUGINS].plus(plugin)),
        warnings=warnings,
    )
