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
