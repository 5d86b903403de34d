"""Stacks whose images move under them, and the way back: `fleet stacks`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.host import Host
from tests.support.archives import Image, hello, old_save
from tests.support.ask import one_line, step
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

COMPOSE = """\
services:
  web: {{image: "app:1", command: [sleep, "{seconds}"], init: true, secrets: [pw]}}
secrets: {{pw: {{environment: PW}}}}
"""
SAVE = """
docker pull -q example/moving:1.0; docker pull -q example/moving:2.0
for n in 1 2; do docker tag example/moving:$n.0 app:1; docker save -o /root/$n.tar app:1; done
docker rmi app:1 example/moving:1.0 example/moving:2.0
"""


def _write(project: Project, seconds: int = 9999) -> None:
    secrets = {"pw": {"env": "STACK_PW"}}
    project.recipe("stack", stacks={"web": {"file": "compose.yml", "secrets": secrets, "timeout": 20}})
    (project.folder / "recipes" / "compose.yml").write_text(COMPOSE.format(seconds=seconds))


def _runs(host: Host) -> str:
    return host.exec("docker inspect -f '{{.Image}} {{json .Config.Cmd}}' web-web-1; cat /run/fleet/secrets/web/pw").stdout


def _stack(project: Project) -> dict[str, Any]:
    said = project.fleet("stacks", "--all", "-r", "stack", "--json", STACK_PW="a")
    assert said.code == 0, said
    (found,) = next(iter(said.hosts().values()))["stacks"]
    assert isinstance(found, dict)
    return found


def test_images_that_move_and_the_way_back(converged: Callable[..., Host], project: Project) -> None:
    """A push of another image under the same name starts the stack anew, once; one that does not start is gone back
    from, to the image that ran; `fleet stacks` lists, rolls back and forth, and takes away."""
    host = converged()
    project.inventory([host])
    host.exec(SAVE)
    for name in ("1.tar", "2.tar"):
        shutil.copy(host.root / "root" / name, project.folder / name)
    (project.folder / "bad.tar").write_bytes(old_save({"app:1": Image([hello()])}))

    def push(archive: str) -> None:
        said = project.fleet("images", "push", "app:1", "--all", "--from", archive)
        assert said.code == 0, said

    def provision(secret: str = "a", code: int = 0) -> tuple[list[str], str]:
        said = project.fleet("provision", "--all", "-r", "stack", "--json", STACK_PW=secret)
        assert said.code == code, said
        return said.changed(host.name), step(said, host, "stacks")["why"]

    push("1.tar")
    _write(project)
    assert provision() == (["stacks"], "web: deploy it (web)")
    first = _runs(host)
    push("2.tar")
    assert _stack(project)["why"] == "web runs another image than app:1 names now"
    assert provision() == (["stacks"], "web: web runs another image than app:1 names now")
    second = _runs(host)
    assert second != first
    assert provision()[0] == []

    push("bad.tar")
    assert provision(code=1)[1].endswith("went back to the one before, which runs")
    assert _runs(host) == second
    found = _stack(project)
    assert (found["state"], found["well"], found["recipe"], found["why"]) == ("running", 1, "differs", "images changed")

    back = project.fleet("stacks", "rollback", "web", "--all", "--json")
    assert back.code == 0, back
    assert step(back, host, "stacks")["outcome"] == "changed"
    assert _runs(host) == first
    push("1.tar")
    assert provision()[0] == ["stacks"]  # its name stands for it again, and nothing of the way back is left
    _write(project, 8888)
    assert provision("b")[0] == ["stacks"]
    third = _runs(host)
    host.exec("docker kill web-web-1")
    assert provision("b") == (["stacks"], "web: web is exited")

    back = project.fleet("stacks", "rollback", "web", "--all")
    assert back.code == 0, back
    assert "(compose.yml, labels, images or secrets changed)" in one_line(back.err)
    assert _runs(host) == first
    differing = project.fleet("verify", "--all", "-r", "stack", STACK_PW="b")
    assert (differing.code, "compose.yml" in differing.out) == (3, True), differing
    assert project.fleet("stacks", "rollback", "web", "--all").code == 0
    assert _runs(host) == third
    assert provision("b")[0] == []

    assert project.fleet("stacks", "down", "web", "--all", "--yes").code == 0
    assert host.exec("docker ps -aq; ls -A /opt/fleet/stacks /run/fleet/secrets").stdout.split() == [
        "/opt/fleet/stacks:",
        "/run/fleet/secrets:",
    ]
    listed = project.fleet("stacks", "--all", "-r", "stack", "--check", STACK_PW="b")
    assert (listed.code, "absent" in listed.out) == (3, True), listed
