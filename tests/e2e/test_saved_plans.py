"""A plan in a file: carried out exactly as it was shown, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.lab.users import user
from tests.support.ask import planned
from tests.support.project import Project, Said
from tests.support.untouched import untouched

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_from_a_file_alone(fresh_host: MakeHost, project: Project) -> None:
    """What was planned is done with the recipe gone and without asking the network for versions again."""
    host = fresh_host("ubuntu-jammy", user="carol")
    project.inventory([host])
    recipe = project.recipe("kitchen", group={"users": ["carol", "dashy"]})
    secret = user("carol").password or ""
    plan = project.fleet("plan", "--all", "-r", "kitchen", "--out", "fleet.plan", "--json", FLEET_SUDO_PASSWORD=secret)
    assert plan.code == 0, plan

    file = project.folder / "fleet.plan"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert secret not in text
    assert json.dumps(secret) not in text
    assert "PRIVATE" not in text

    recipe.unlink()
    before = len(project.lab.box.requests("download.docker.com"))
    done = project.fleet("provision", "fleet.plan", "--json", FLEET_SUDO_PASSWORD=secret)
    assert done.code == 0, done
    assert done.changed(host.name) == planned(plan, host)
    assert "docker" in host.exec("id -nG dashy").stdout.split()
    asked = project.lab.box.requests("download.docker.com")[before:]
    assert [line for line in asked if line.startswith("127.")] == [], "the laptop asked nothing"

    again = project.fleet("provision", "fleet.plan", FLEET_SUDO_PASSWORD=secret)
    assert_refused(again, "has changed since the plan was made")


def assert_refused(said: Said, words: str) -> None:
    """Exit code 1 or 2, the reason, and what to do."""
    assert said.code in (1, 2), said
    text = " ".join((said.out + said.err).split())
    assert words in text, said
    assert "fleet plan" in text, said
    assert "Traceback" not in text


@pytest.fixture
def waiting(converged: Callable[..., Host], project: Project) -> tuple[Host, Path]:
    """A host and a plan for it that has one change: pi is not in the group."""
    host = converged()
    host.exec("gpasswd -d pi docker")
    project.inventory([host])
    said = project.fleet("plan", "--all", "--out", "fleet.plan", "--json")
    assert planned(said, host) == ["group"], said
    return host, project.folder / "fleet.plan"


def test_plans_that_are_not_carried_out(waiting: tuple[Host, Path], project: Project, converged: Callable[..., Host]) -> None:
    """A host that has changed since, another machine, a damaged file, another version: refused, nothing touched."""
    host, file = waiting
    good = json.loads(file.read_text())
    other = converged(name="other")
    other.exec("gpasswd -d pi docker")
    with untouched(other):
        project.write_inventory({host.name: project.entry(other)})
        assert_refused(project.fleet("provision", "fleet.plan"), "was made for another machine")
    project.inventory([host])

    with untouched(host):
        for change, words in DAMAGES.values():
            file.write_text(change(json.loads(json.dumps(good)), host.name))
            said = project.fleet("provision", "fleet.plan")
            assert_refused(said, words)
        file.write_text(json.dumps(good))

    host.exec("rm /etc/apt/sources.list.d/docker.sources")
    with untouched(host):
        said = project.fleet("provision", "fleet.plan")
        assert_refused(said, f"{host.name} has changed since the plan was made (source)")
        assert said.code == 1


def _half(plan: Any, host: str) -> str:
    text = json.dumps(plan)
    return text[: len(text) // 2]


def _other_version(plan: Any, host: str) -> str:
    return json.dumps({**plan, "fleet_plan": 99})


def _unknown_step(plan: Any, host: str) -> str:
    plan["hosts"][host]["plan"]["steps"][0]["step"] = "podman"
    return json.dumps(plan)


def _without_options(plan: Any, host: str) -> str:
    del plan["hosts"][host]["options"]["group"]
    return json.dumps(plan)


def _bad_option(plan: Any, host: str) -> str:
    plan["hosts"][host]["options"]["group"]["users"] = ["a b; reboot"]
    return json.dumps(plan)


def _other_action(plan: Any, host: str) -> str:
    group = next(row for row in plan["hosts"][host]["plan"]["steps"] if row["step"] == "group")
    group["actions"][0]["script"] = "touch /root/owned"
    return json.dumps(plan)


DAMAGES: dict[str, tuple[Callable[[Any, str], str], str]] = {
    "half of it": (_half, "is no plan"),
    "another version": (_other_version, "is no plan of a kind that this fleet knows"),
    "a step that fleet does not have": (_unknown_step, "is damaged"),
    "options missing": (_without_options, "is damaged"),
    "an option that a recipe could not have": (_bad_option, "is damaged"),
    "an action of somebody else": (_other_action, "has changed since the plan was made (group)"),
}
"""What was done to the file, and the words of the refusal."""
