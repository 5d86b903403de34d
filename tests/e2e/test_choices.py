"""What is done where: steps chosen or left out, vars, facts in a recipe, recipes of hosts; and what verify finds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.support.ask import planned, step
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_steps_are_chosen_and_left_out(converged: Callable[..., Host], project: Project) -> None:
    """--step does one step and what it requires; --skip leaves one as it is; the rest is for the next run."""
    host = converged()
    project.inventory([host])
    host.exec("gpasswd -d pi docker; apt-get -qq -y remove docker-compose-plugin; systemctl stop docker.service docker.socket")

    done = project.fleet("provision", "--all", "--step", "group", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["group"]
    assert {"compose", "service"}.isdisjoint(done.steps(host.name))
    done = project.fleet("provision", "--all", "--skip", "compose", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["service"]
    assert step(done, host, "compose")["why"] == "left out on the command line"
    done = project.fleet("provision", "--all", "--json")
    assert done.changed(host.name) == ["compose"]


def test_values_from_everywhere(fresh_host: MakeHost, project: Project) -> None:
    """Vars of -e, host and recipe, facts of the host, and which recipe a host gets, as the documentation says."""
    one, two = fresh_host("debian-trixie"), fresh_host("ubuntu-noble", user="dashy")
    project.recipe("kitchen", vars={"channel": "stable", "who": "root"}, source={"channel": "${vars.channel}"},
                   group={"users": ["${facts.user}", "${vars.who}"]})  # fmt: skip
    project.recipe("bare", group={"users": ["fishy"]})
    project.write_inventory(
        {one.name: project.entry(one, recipe="kitchen", vars={"who": "noisy"}), two.name: project.entry(two, recipe="kitchen")}
    )
    why = lambda said, host: {  # noqa: E731
        row["step"]: str(row["why"]) + str(row.get("diff", "")) for row in said.hosts()[host.name]["plan"]["steps"]
    }
    plan = project.fleet("plan", "--all", "--json", "-e", "channel=test")
    assert "+Components: test" in why(plan, one)["source"], plan
    assert why(plan, one)["group"] == "add pi, noisy to the group docker"
    assert why(plan, two)["group"] == "add dashy to the group docker"
    plan = project.fleet("plan", "--all", "--recipe", "bare", "--json")
    assert why(plan, one)["group"] == why(plan, two)["group"] == "add fishy to the group docker"

    project.recipe("wrong", group={"users": ["${facts.usr}"]})
    said = project.fleet("plan", "--all", "--recipe", "wrong")
    assert said.code == 2, said
    assert "recipes/wrong.yml:" in said.err
    assert "user" in said.err


def test_what_verify_finds(converged: Callable[..., Host], project: Project) -> None:
    """Exit 0 on a good host; 3 when something was broken or the proof fails, in words; and nothing is mended."""
    host = converged()
    project.inventory([host])
    good = project.fleet("verify", "--all")
    assert good.code == 0, good
    assert project.fleet("plan", "--all", "--check").code == 0

    host.exec("gpasswd -d pi docker; apt-get -qq -y remove docker-compose-plugin")
    found = project.fleet("verify", "--all")
    assert found.code == 3, found
    assert "compose: not as wanted: install docker-compose-plugin" in found.out, found
    assert "group: not as wanted: add pi to the group docker" in found.out
    assert f"hint: fleet provision {host.name}" in found.out
    assert project.fleet("plan", "--all", "--check").code == 3
    assert planned(project.fleet("plan", "--all", "--json"), host) == ["group", "compose"]

    assert project.fleet("provision", "--all").code == 0
    host.exec("mv /usr/bin/runc /usr/bin/runc.gone")
    found = project.fleet("verify", "--all")
    assert found.code == 3, found
    assert "runc" in found.out, found
