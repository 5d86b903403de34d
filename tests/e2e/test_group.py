"""The group docker: several users, in the same run, and never at the cost of another group."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.host import Host
from tests.support.ask import blocked, step
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_several_users_at_once(converged: Callable[..., Host], project: Project) -> None:
    """All named users are proven in the run that added them, the login user too, and keep their other groups."""
    host = converged()
    project.inventory([host])
    host.exec("gpasswd -d pi docker; groupadd gpio; usermod -aG gpio,sudo pi; usermod -aG gpio dashy")
    before = {user: set(host.exec(["id", "-nG", user]).stdout.split()) for user in ("pi", "dashy", "fishy")}
    project.recipe("friends", group={"users": ["${facts.user}", "dashy", "fishy", "root"]})

    done = project.fleet("provision", "--all", "--recipe", "friends", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["group"]
    proven = done.hosts()[host.name]["proven"]
    assert [next(user for user in before if user in line) for line in proven] == ["pi", "dashy", "fishy"], proven
    for user, groups in before.items():
        assert set(host.exec(["id", "-nG", user]).stdout.split()) == {*groups, "docker"}
        assert host.ssh("docker ps -q", user=user).returncode == 0
    assert project.fleet("provision", "--all", "--recipe", "friends", "--json").changed(host.name) == []


def test_a_user_who_is_not_there(converged: Callable[..., Host], project: Project) -> None:
    """The step is blocked and names the user; nobody else is added, and the rest of the recipe holds."""
    host = converged()
    project.inventory([host])
    host.exec("gpasswd -d pi docker; apt-get -qq -y remove docker-compose-plugin")
    project.recipe("ghost", group={"users": ["dashy", "ghost"]})
    done = project.fleet("provision", "--all", "--recipe", "ghost", "--json")
    why, hint = blocked(done, host)
    assert why == "there is no user ghost on the host"
    assert f"fleet run {host.name} --sudo -- adduser" in hint
    assert "docker" not in host.exec("id -nG dashy").stdout.split()
    assert done.changed(host.name) == ["compose"]
    assert step(done, host, "proof")["outcome"] == "ok", "Docker itself is proven, as root"
