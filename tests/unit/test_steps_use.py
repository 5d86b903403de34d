"""The steps that make the engine usable: group and Compose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.facts.accounts import ACCOUNTS, SESSION, Account
from fleet.facts.plugins import PACKAGE_PATH, PLUGINS, Plugin, Plugins
from fleet.model import Blocked, Change, Download, Facts, Reconnect, Run, Satisfied
from fleet.plan import Missing
from fleet.queries import ComposeQuery
from fleet.steps.compose import SYSTEM_PATH, ComposeOptions
from fleet.steps.group import GroupOptions
from tests.support.golden import golden
from tests.support.planning import DEFAULT, attempt, changed, plan, verdict

BARE = golden("debian-trixie").facts
CONVERGED = golden("converged-engine29").facts
HOME_COPY = "/home/pi/.docker/cli-plugins/docker-compose"


def with_users(facts: Facts, *users: str) -> Facts:
    """The facts with more accounts."""
    more = tuple(Account(user, 2000 + number, 2000 + number, f"/home/{user}", "/bin/bash") for number, user in enumerate(users))
    return facts.but(ACCOUNTS, replace(facts[ACCOUNTS], users=(*facts[ACCOUNTS].users, *more)))


def with_plugins(*plugins: Plugin) -> Facts:
    """The converged host with exactly these copies of Compose."""
    return CONVERGED.but(PLUGINS, Plugins(plugins))


# ── group ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_login_user_joins_and_logs_in_anew() -> None:
    """A group is taken over at login, so a new connection makes it usable in the same run."""
    found = verdict(plan(BARE), "group")
    assert isinstance(found, Change)
    run, reconnect = found.actions
    assert isinstance(run, Run)
    assert "usermod -aG docker -- pi" in run.script
    assert isinstance(reconnect, Reconnect)


def test_nobody_loses_a_group() -> None:
    """usermod -G without -a would drop sudo and all others."""
    found = verdict(plan(with_users(BARE, "ann", "bob"), {**DEFAULT, "group": {"users": ["ann", "bob"]}}), "group")
    assert isinstance(found, Change)
    for action in found.actions:
        assert isinstance(action, Run)
        assert action.script.count("usermod") == action.script.count("usermod -aG docker -- ") == 2


def test_other_users_need_no_new_login_of_ours() -> None:
    """Only the login user's own session is behind."""
    found = verdict(plan(with_users(CONVERGED, "ann"), {**DEFAULT, "group": {"users": ["pi", "ann"]}}), "group")
    assert isinstance(found, Change)
    assert found.why == "add ann to the group docker"
    assert [type(action) for action in found.actions] == [Run]


def test_root_needs_no_group() -> None:
    """Named or logged in as, root is passed over, and so is a user named twice."""
    assert isinstance(verdict(plan(golden("login-as-root").facts), "group"), Satisfied)
    found = verdict(plan(BARE, {**DEFAULT, "group": {"users": ["root", "pi", "pi"]}}), "group")
    assert isinstance(found, Change)
    assert found.why == "add pi to the group docker"


def test_unknown_user_is_blocked_and_takes_nothing_along() -> None:
    """A misspelt user stops this step alone; the engine and Compose still come."""
    found = plan(BARE, {**DEFAULT, "group": {"users": ["pi", "nobdy"]}})
    blocked = verdict(found, "group")
    assert isinstance(blocked, Blocked)
    assert "nobdy" in blocked.why
    assert "adduser" in blocked.hint
    assert changed(found) == ["keyring", "source", "engine", "compose"]


def test_missing_group_is_made() -> None:
    """A converged engine whose group somebody removed gets it back."""
    facts = CONVERGED.but(ACCOUNTS, replace(CONVERGED[ACCOUNTS], docker_gid=None, docker_members=()))
    found = verdict(plan(facts), "group")
    assert isinstance(found, Change)
    assert isinstance(found.actions[0], Run)
    assert "groupadd --system docker" in found.actions[0].script


@pytest.mark.parametrize("user", ["-aG", "pi;reboot", "$(id)", "", "a b", "1000"])
def test_user_names_are_plain(user: str) -> None:
    """A name ends in a command line of root's."""
    with pytest.raises(ValidationError):
        GroupOptions(users=(user,))


# ── Compose ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def release(**options: Any) -> dict[str, Any]:
    """The default recipe with Compose from its release."""
    return {**DEFAULT, "compose": {"source": "release", **options}}


def test_package_version_is_whole_components() -> None:
    """ "5" and "5.5" are satisfied by 5.5.1; "2" is not there, and the hint names the other way."""
    assert plan(CONVERGED, {**DEFAULT, "compose": {"version": "5"}}).is_empty
    assert plan(CONVERGED, {**DEFAULT, "compose": {"version": "5.5.1"}}).is_empty
    found = verdict(plan(CONVERGED, {**DEFAULT, "compose": {"version": "2"}}), "compose")
    assert isinstance(found, Blocked)
    assert "there is 5.5.1" in found.why
    assert "source: release" in found.hint


@pytest.mark.parametrize(
    ("host", "machine"), [("debian-trixie", "x86_64"), ("pi4-raspios-64", "aarch64"), ("pi4-userland32", "armv7")]
)
def test_release_binary_fits_the_userland(host: str, machine: str) -> None:
    """A 32-bit userland gets armv7 on a 64-bit kernel too; the checksum travels with the action."""
    found = verdict(plan(golden(host).facts, release(version="5.5.0")), "compose")
    assert isinstance(found, Change)
    (action,) = found.actions
    assert isinstance(action, Download)
    assert action.url.endswith(f"/v5.5.0/docker-compose-linux-{machine}")
    assert (action.path, action.sha256, action.owner, action.mode) == (SYSTEM_PATH, "1" * 64, "root", 0o755)


def test_release_for_one_user_goes_into_that_home() -> None:
    """And belongs to that user."""
    found = verdict(plan(CONVERGED, release(user="pi")), "compose")
    assert isinstance(found, Change)
    (action,) = found.actions
    assert isinstance(action, Download)
    assert (action.path, action.owner) == (HOME_COPY, "pi")


def test_release_that_is_there_asks_nothing() -> None:
    """The right version, or any when none is named; another one is replaced, and so is one that does not run."""
    there = with_plugins(Plugin(SYSTEM_PATH, "5.5.1"))
    for options in ({}, {"version": "5.5.1"}):
        found = attempt(there, release(**options))
        assert not isinstance(found, Missing)
        assert found.is_empty
    assert isinstance(verdict(plan(there, release(version="5.4.0")), "compose"), Change)
    assert isinstance(verdict(plan(with_plugins(Plugin(SYSTEM_PATH)), release()), "compose"), Change)


def test_release_for_an_unknown_user_is_blocked_without_a_look_up() -> None:
    """Nothing is asked of the network for a user who is not there."""
    found = attempt(CONVERGED, release(user="ann"))
    assert not isinstance(found, Missing)
    assert isinstance(verdict(found, "compose"), Blocked)


def test_package_for_one_user_is_a_contradiction() -> None:
    """A package is for everybody; said before anything is looked up."""
    found = attempt(CONVERGED, {**DEFAULT, "compose": {"user": "pi"}})
    assert not isinstance(found, Missing)
    assert "source: release" in getattr(verdict(found, "compose"), "hint", "")


def test_copies_that_hide_the_wanted_one_are_named() -> None:
    """The first in the search order of each user; one that the wanted one hides is of no interest."""
    local = Plugin("/usr/local/libexec/docker/cli-plugins/docker-compose", "2.6.0")
    found = verdict(plan(with_plugins(Plugin(PACKAGE_PATH), local)), "compose")
    assert isinstance(found, Satisfied)
    assert found.warnings == (f"{local.path} (2.6.0) hides {PACKAGE_PATH}; remove it if it is not wanted",)
    quiet = verdict(plan(with_plugins(Plugin(SYSTEM_PATH, "5.5.1"), local), release()), "compose")
    assert isinstance(quiet, Satisfied)
    assert quiet.warnings == ()


def test_latest_release_is_asked_for_without_a_version() -> None:
    """No version means the latest, which only the network knows."""
    found = attempt(CONVERGED, release())
    assert isinstance(found, Missing)
    assert found.queries == (ComposeQuery("https://github.com/docker/compose/releases", "", "aarch64"),)


@pytest.mark.parametrize("options", [{"version": "v5.5.1"}, {"version": "latest"}, {"source": "pip"}, {"user": "../x"}])
def test_compose_options_are_plain(options: dict[str, str]) -> None:
    """They end in URLs and paths."""
    with pytest.raises(ValidationError):
        ComposeOptions.model_validate(options)


def test_session_without_a_user_adds_nobody() -> None:
    """If the host did not say who we are, no empty name gets into a command."""
    unknown = CONVERGED.but(SESSION, replace(CONVERGED[SESSION], user=""))
    assert isinstance(verdict(plan(unknown), "group"), Satisfied)
