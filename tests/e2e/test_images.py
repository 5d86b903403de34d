"""Images are pulled for the host's platform, and refused before the first byte when there are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.host import Host
from tests.support.ask import blocked
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

HUB = "registry-1.docker.io"


def test_pulling(converged: Callable[..., Host], project: Project) -> None:
    """By name, by tag and by digest; what is there is not pulled again, nor asked for."""
    host = converged()
    project.inventory([host])
    host.exec("docker pull -q hello-world")
    digest = host.exec("docker image inspect -f '{{index .RepoDigests 0}}' hello-world").stdout.strip()
    host.exec("docker rmi hello-world")
    project.recipe("some", images={"pull": ["busybox", "docker.io/library/busybox:1.35", digest, "example/no-arm32:1.0"]})

    done = project.fleet("provision", "--all", "--recipe", "some", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["images"]
    assert host.exec(["docker", "run", "--rm", digest]).stdout.count("Hello from Docker!") == 1
    tags = host.exec("docker images --format '{{.Repository}}:{{.Tag}}'").stdout.split()
    assert {"busybox:latest", "busybox:1.35", "example/no-arm32:1.0"} <= set(tags)

    before = len(project.lab.box.requests(HUB))
    assert project.fleet("provision", "--all", "--recipe", "some", "--json").changed(host.name) == []
    assert project.lab.box.requests(HUB)[before:] == []


@pytest.mark.parametrize(
    ("image", "reason", "way_out"),
    [
        ("busybox:no-such-tag", "busybox:no-such-tag", "Check its name and tag"),
        ("nobody/nothing", "nobody/nothing", "Check its name; if it is private, log in"),
        ("example/arm64-only", "has no image for linux/amd64; it is made for linux/arm64", "multi-arch"),
    ],
)
def test_images_that_can_not_be(converged: Callable[..., Host], project: Project, image: str, reason: str, way_out: str) -> None:
    """Unknown, or made for other machines: blocked, and no layer was downloaded, not even of the good one beside it."""
    host = converged()
    project.inventory([host])
    project.recipe("bad", images={"pull": ["busybox", image]})
    before = len(project.lab.box.requests())
    why, hint = blocked(project.fleet("provision", "--all", "--recipe", "bad", "--json"), host)
    assert reason in why
    assert way_out in hint
    assert [line for line in project.lab.box.requests()[before:] if "/blobs/" in line or "cloudflare" in line] == []
    assert host.exec("docker images -q").stdout == ""
