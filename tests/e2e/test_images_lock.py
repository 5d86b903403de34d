"""The whole fleet has the same images by digest: tags that move, drift, update and rollback; and the Hub's quota."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.host import Host
from tests.support.ask import blocked
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

MOVING = "example/moving"
HUB = "registry-1.docker.io"


def digest(host: Host) -> str:
    """What the tag names on the host."""
    said = host.exec(f"docker image inspect -f '{{{{join .RepoDigests \" \"}}}}' {MOVING}:stable").stdout.split()
    return said[0].partition("@")[2]


def again(project: Project, *hosts: Host) -> None:
    """Run again: 0 changed, and no image is looked up."""
    before = len(project.lab.box.requests(HUB))
    done = project.fleet("provision", "--all", "--recipe", "moving", "--json")
    assert done.code == 0, done
    assert [done.changed(host.name) for host in hosts] == [[] for _ in hosts]
    assert project.lab.box.requests(HUB)[before:] == []


def test_every_host_has_the_locked_image(converged: Callable[..., Host], project: Project) -> None:
    """A tag that moves between two hosts' runs; drift that is found and mended; update, and back again."""
    first, second = converged(name="first"), converged(name="second")
    box = project.lab.box
    box.move_tag(MOVING, "stable", "1.0")
    project.inventory([first, second])
    project.recipe("moving", images={"pull": [f"{MOVING}:stable"]})
    lock = project.folder / "fleet.lock.yml"

    planned = project.fleet("plan", "first", "--recipe", "moving")
    assert "provision would lock example/moving:stable" in planned.err, planned
    assert not lock.exists()
    done = project.fleet("provision", "first", "--recipe", "moving")
    assert done.code == 0, done
    assert "locked example/moving:stable" in done.err
    one = digest(first)
    assert one in lock.read_text()

    box.move_tag(MOVING, "stable", "2.0")
    assert project.fleet("provision", "second", "--recipe", "moving").code == 0
    assert digest(second) == one
    again(project, first, second)

    # drift: somebody pulls by hand
    second.exec(f"docker pull -q {MOVING}:stable")
    two = digest(second)
    assert two != one
    listed = project.fleet("images", "--all", "--check")
    assert listed.code == 3, listed
    rows = [line.split() for line in listed.out.splitlines() if line.startswith(f"{MOVING}:stable")]
    assert {(row[1], row[2], row[-1]) for row in rows} == {(one[7:19], "locked", "first"), (two[7:19], "drift", "second")}
    verified = project.fleet("verify", "--all", "--recipe", "moving")
    assert verified.code == 3, verified
    assert "replace example/moving:stable by the locked" in verified.out
    assert project.fleet("provision", "--all", "--recipe", "moving").code == 0
    assert digest(second) == one
    again(project, first, second)

    # update, and back: the old image is still there, so that no network is needed
    outdated = project.fleet("images", "outdated")
    assert (outdated.code, "1 of 1 outdated" in outdated.out) == (3, True), outdated
    assert project.fleet("images", "update", f"{MOVING}:stable").code == 0
    assert project.fleet("images", "outdated").code == 0
    assert project.fleet("provision", "--all", "--recipe", "moving").code == 0
    assert (digest(first), digest(second)) == (two, two)
    again(project, first, second)
    back = project.fleet("images", "rollback")
    assert back.code == 0, back
    assert project.fleet("provision", "--all", "--recipe", "moving").code == 0
    assert (digest(first), digest(second)) == (one, one)
    again(project, first, second)
    assert project.fleet("images", "rollback").code == 2


def test_the_hubs_quota_is_looked_at_first(converged: Callable[..., Host], project: Project) -> None:
    """Too few pulls left: blocked, and no layer was asked for; with enough of them, it goes on."""
    host = converged()
    project.inventory([host])
    project.recipe("two", images={"pull": ["busybox", f"{MOVING}:1.0"]})
    box = project.lab.box
    box.grant_pulls(1)
    before = len(box.requests())
    try:
        why, hint = blocked(project.fleet("provision", "--all", "--recipe", "two", "--json"), host)
    finally:
        box.grant_pulls()
    assert "Docker Hub grants 1 more of its 100 pulls in 6 hours, and this host needs 2" in why
    assert "fleet images push" in hint
    assert [line for line in box.requests()[before:] if "/blobs/" in line or "cloudflare" in line] == []
    done = project.fleet("provision", "--all", "--recipe", "two", "--json")
    assert done.changed(host.name) == ["images"], done
    assert project.fleet("provision", "--all", "--recipe", "two", "--json").changed(host.name) == []
