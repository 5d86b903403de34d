"""The recipe `swarm`: hosts become nodes of one Docker Swarm, on which services run where they can."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.host import Host
from tests.support.ask import blocked
from tests.support.project import Project
from tests.support.watch import files_with, processes

pytestmark = [pytest.mark.lab, pytest.mark.slow]

TOKEN = "SWMTKN"
RECIPE = Path(__file__).parents[2] / "recipes" / "swarm.yml"


def test_one_swarm(converged: Callable[..., Host], project: Project) -> None:
    """Begun, joined, as wanted at the second run; drained and promoted; services go by labels; no token is ever seen."""
    boss, other = converged(name="boss"), converged(name="other")
    project.inventory([boss, other])
    words = ("--recipe", str(RECIPE), "-e", "swarm_manager=boss")

    with processes(other, TOKEN) as seen:  # the arguments of all hosts' processes
        done = project.fleet("provision", "--all", *words, "--json", "-vv")
    assert done.code == 0, done
    assert done.changed("boss") == done.changed("other") == ["swarm"]
    assert seen == []
    assert TOKEN not in done.out + done.err
    assert files_with(project.folder, TOKEN) == []

    again = project.fleet("provision", "--all", *words, "--json")
    assert again.code == 0, again
    assert again.changed("boss") == again.changed("other") == []
    assert _node(boss, "other")["Spec"] == {
        "Labels": {"architecture": "amd64"},
        "Role": "worker",
        "Availability": "active",
    }

    _services_run_where_they_may(project, boss)

    wanted = (*words, "-e", "swarm_availability=drain", "-e", "swarm_role=manager")
    drained = project.fleet("provision", "other", *wanted, "--json")
    assert drained.changed("other") == ["swarm"], drained
    spec = _node(boss, "other")["Spec"]
    assert (spec["Role"], spec["Availability"]) == ("manager", "drain")
    differing = project.fleet("verify", "other", *words)
    assert differing.code == 3, differing
    assert "role manager → worker" in differing.out
    _leave_and_come_back(project, boss, words)
    _in_another(project, other)


def _leave_and_come_back(project: Project, boss: Host, words: tuple[str, ...]) -> None:
    """By the recipe a manager is demoted first, by the verb a worker leaves: the list of nodes is right both times."""
    out = (*words, "-e", "swarm_state=absent")
    assert project.fleet("provision", "other", *out, "--json").changed("other") == ["swarm"]
    assert _nodes(boss) == ["boss"]
    assert project.fleet("provision", "other", *out, "--json").changed("other") == []
    assert project.fleet("provision", "other", *words).code == 0
    spec = _node(boss, "other")["Spec"]
    assert (spec["Role"], spec["Availability"]) == ("worker", "active")

    last = project.fleet("swarm", "leave", "boss", "--yes")
    assert (last.code, "it is the last manager" in last.out) == (1, True), last
    assert project.fleet("swarm", "leave", "other", "--yes").code == 0
    assert _nodes(boss) == ["boss"]
    again = project.fleet("swarm", "leave", "other", "--yes", "--json")
    assert (again.code, again.changed("other")) == (0, []), again
    assert project.fleet("swarm", "leave", "boss", "--yes", "--end").code == 0


def _services_run_where_they_may(project: Project, boss: Host) -> None:
    """A service with a constraint on a label of ours, on an overlay network of the Swarm, runs on such a node."""
    create = ("service", "create", "-q", "--detach", "--init", "--name", "web", "--network", "net", "--endpoint-mode", "dnsrr")
    where = ("--constraint", "node.labels.architecture==amd64", "--constraint", "node.hostname==other")
    made = project.fleet("docker", "boss", "--", "network", "create", "-d", "overlay", "net")
    assert made.code == 0, made
    made = project.fleet("docker", "boss", "--", *create, *where, "busybox", "sleep", "100000")
    assert made.code == 0, made
    ends = time.monotonic() + 60
    while "web.1" not in project.fleet("ps", "other").out:
        assert time.monotonic() < ends, boss.exec("docker service ps --no-trunc web").stdout
        time.sleep(1)

    told = ("--constraint-rm", "node.hostname==other", "--detach", "web")
    assert project.fleet("docker", "boss", "--", "service", "update", *told).code == 0
    drained = project.fleet("swarm", "drain", "other", "--json")
    assert drained.changed("other") == ["swarm"], drained
    assert "web.1" not in project.fleet("ps", "other").out
    while "web.1" not in project.fleet("ps", "boss").out:
        assert time.monotonic() < ends, boss.exec("docker service ps --no-trunc web").stdout
        time.sleep(1)
    again = project.fleet("swarm", "drain", "other", "--json")
    assert (again.code, again.changed("other")) == (0, []), again
    assert project.fleet("swarm", "activate", "other").code == 0
    assert _node(boss, "other")["Spec"]["Availability"] == "active"
    assert project.fleet("docker", "boss", "--", "service", "rm", "web").code == 0


def _in_another(project: Project, other: Host) -> None:
    """A node of some other Swarm is left there, and it is said how it could leave."""
    other.exec("docker swarm init >/dev/null")
    why, hint = blocked(project.fleet("provision", "other", "--recipe", str(RECIPE), "-e", "swarm_manager=boss", "--json"), other)
    assert why == "it is in another Swarm than boss"
    assert "fleet run other --sudo -- docker swarm leave" in hint


def _nodes(manager: Host) -> list[str]:
    return manager.exec("docker node ls --format '{{.Hostname}}'").stdout.split()


def _node(manager: Host, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(manager.exec(["docker", "node", "inspect", name]).stdout)
    return found[0]
