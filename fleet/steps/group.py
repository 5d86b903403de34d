"""The named users may use Docker without sudo, in this very run too."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from fleet.facts.accounts import ACCOUNTS, SESSION
from fleet.files.fields import UserName
from fleet.model import Action, Blocked, Change, Facts, Options, Reconnect, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import script_of, words


class GroupOptions(Options):
    """Who may use Docker without sudo; a member is as mighty as root (docs.docker.com/engine/install/linux-postinstall)."""

    users: tuple[UserName, ...] | None = Field(None, description="User names; left out: the login user.")


class GroupStep(Step[GroupOptions]):
    """Adds to the group, and never takes away: usermod -G without -a would drop sudo, gpio and the rest."""

    name = "group"
    title = "docker without sudo"
    requires = ("engine",)
    probes = (ACCOUNTS, SESSION)
    options = GroupOptions

    def verdict(self, situation: Situation[GroupOptions]) -> Verdict:
        """Compare with the database; the login user's own session gets the group by a new connection."""
        accounts = situation.facts[ACCOUNTS]
        users = members(situation.facts, situation.options)
        unknown = [u for u in users if accounts.find(u) is None]
        if unknown:
            return Blocked(
                f"there is no user {', '.join(unknown)} on the host",
                f"Make it: fleet run HOST --sudo -- adduser --disabled-password --gecos '' {unknown[0]};"
                " or correct group: {users: …} in the recipe.",
            )
        missing = [u for u in users if not accounts.in_docker_group(u)]
        if not missing and accounts.docker_gid is not None:
            return Satisfied(f"in the group: {', '.join(users)}" if users else "root needs no group")
        return Change(_why(missing), _actions(missing, situation.facts), after=lambda facts: _joined(facts, missing))


def members(facts: Facts, options: GroupOptions) -> tuple[str, ...]:
    """The users that are meant; root needs no group."""
    named = options.users if options.users is not None else (facts[SESSION].user,)
    return tuple(dict.fromkeys(u for u in named if u and u != "root"))


def _why(missing: list[str]) -> str:
    return f"add {', '.join(missing)} to the group docker" if missing else "make the group docker"


def _actions(missing: list[str], facts: Facts) -> tuple[Action, ...]:
    joins = (words("usermod", "-aG", "docker", "--", u) for u in missing)
    script = script_of("getent group docker >/dev/null || groupadd --system docker", *joins)
    actions: list[Action] = [Run(_why(missing), script)]
    if facts[SESSION].user in missing:
        actions.append(Reconnect("a group is taken over at login"))
    return tuple(actions)


def _joined(facts: Facts, missing: list[str]) -> Facts:
    accounts = facts[ACCOUNTS]
    gid = accounts.docker_gid if accounts.docker_gid is not None else -1
    return facts.but(ACCOUNTS, replace(accounts, docker_gid=gid, docker_members=(*accounts.docker_members, *missing)))
