"""`fleet images prune`: what updates leave behind goes, and never what a container uses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.host import Host
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_pruning(converged: Callable[..., Host], project: Project) -> None:
    """Nameless images first; with --unused those that no container has; a stopped container's image stays; again nothing."""
    host = converged()
    project.inventory([host])
    host.exec(
        "docker pull -q busybox && docker pull -q busybox:1.35 && docker pull -q hello-world && docker pull -q example/moving:2.0"
    )
    host.exec("docker create --name kept busybox:1.35 && docker rmi busybox:latest")
    host.exec("docker tag example/moving:2.0 x:1 && docker rmi example/moving:2.0 && docker pull -q example/moving:1.0")
    host.exec("docker tag example/moving:1.0 x:1")  # the image of 2.0 has no name now

    def there() -> set[str]:
        return set(host.exec("docker images --format '{{.Repository}}:{{.Tag}}'").stdout.split())

    assert "<none>:<none>" in there()
    done = project.fleet("images", "prune", "--all")
    assert done.code == 0, done
    assert "Total reclaimed space" in done.out
    assert there() == {"busybox:1.35", "hello-world:latest", "example/moving:1.0", "x:1"}
    assert project.fleet("images", "prune", "--all", "--unused", "--older-than", "9000d").code == 0
    assert len(there()) == 4
    assert project.fleet("images", "prune", "--all", "--unused").code == 0
    assert there() == {"busybox:1.35"}
    assert "0B" in project.fleet("images", "prune", "--all", "--unused").out

    wrong = project.fleet("images", "prune", "--all", "--older-than", "a month")
    assert (wrong.code, "such as 24h or 30d" in wrong.err) == (2, True)
    assert project.fleet("images", "prune").code == 2  # nothing is ever selected by default


COMPOSE = 'services: {a: {image: "x:1", command: [sleep, "99999"], init: true}}\n'


def test_pruning_by_a_recipe(converged: Callable[..., Host], project: Project) -> None:
    """The plan says what goes; what a container or the recipe needs stays, and what a stack can go back to, until that is
    another one; each time the second run changes nothing."""
    host = converged()
    project.inventory([host])
    host.exec("docker pull -q example/moving:1.0; docker pull -q example/moving:2.0; docker pull -q busybox:1.35")
    host.exec("docker tag example/moving:1.0 x:1; docker tag example/moving:2.0 y:1; docker tag busybox:1.35 z:1")
    host.exec("docker rmi example/moving:1.0 example/moving:2.0 busybox:1.35; tar -c -T /dev/null | docker import - spare:1")
    (project.folder / "compose.yml").write_text(COMPOSE)

    def provision(**prune: object) -> list[str]:
        stack = {"file": "../compose.yml", "timeout": 20}
        recipe = {"images": {"pull": ["hello-world"]}, "stacks": {"a": stack}, "prune": {"older_than": "0d", **prune}}
        project.recipe("r", **recipe)
        said = project.fleet("provision", "--all", "-r", "r", "--json")
        assert said.code == 0, said
        return said.changed(host.name)

    def there() -> set[str]:
        return set(host.exec("docker images --format '{{.Repository}}:{{.Tag}}'").stdout.split())

    assert provision() == ["images", "stacks"]
    host.exec("docker tag y:1 x:1; docker rmi y:1")
    assert provision() == ["stacks"]  # the one before is kept, for a way back
    assert provision() == []
    host.exec("docker tag z:1 x:1; docker rmi z:1")
    before = len(host.exec("docker images -q --no-trunc | sort -u").stdout.split())
    planned = project.fleet("plan", "--all", "-r", "r")
    assert "remove an image that nothing needs: sha256:" in " ".join(planned.out.split()), planned
    assert provision() == ["stacks", "prune"]
    assert len(host.exec("docker images -q --no-trunc | sort -u").stdout.split()) == before - 1
    assert provision() == []
    assert project.fleet("stacks", "rollback", "a", "--all").code == 0
    assert provision() == ["stacks"]
    assert provision(unused=True, keep=["spare:1"]) == []
    assert provision(unused=True) == ["prune"]
    assert provision(unused=True) == []
    assert {name for name in there() if "<none>" not in name} == {"x:1", "hello-world:latest"}
