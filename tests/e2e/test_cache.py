"""The recipes `cache` and `cached`: a layer crosses the slow line once, whoever pulls it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.box import names
from tests.lab.host import Host
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_a_cache_for_the_network(converged: Callable[..., Host], project: Project) -> None:
    """The other host's layers come from the cache, which asked Docker Hub once; both are as wanted the second time."""
    cache, client = converged(name="pi-cache"), converged(name="pi-client")
    project.inventory([cache, client])
    place = f"{cache.address}:5000"
    serve = ("provision", "pi-cache", "--recipe", "cache", "--json")
    use = ("provision", "pi-client", "--recipe", "cached", "-e", f"cache={place}", "--json")

    done = project.fleet(*serve)
    assert done.code == 0, done
    assert "stacks" in done.changed("pi-cache")
    done = project.fleet(*use)
    assert done.code == 0, done
    assert done.changed("pi-client") == ["daemon"]

    before = len(project.lab.box.requests())
    client.exec("docker pull -q busybox:1.35")
    assert [line for line in project.lab.box.requests()[before:] if line.startswith(client.address)] == []
    fetched = len(project.lab.box.requests(names.HUB_BLOBS))
    assert fetched > 0
    client.exec("docker rmi busybox:1.35 && docker pull -q busybox:1.35")
    assert len(project.lab.box.requests(names.HUB_BLOBS)) == fetched

    assert project.fleet(*serve).changed("pi-cache") == []
    assert project.fleet(*use).changed("pi-client") == []
    assert project.fleet("verify", "pi-client", "--recipe", "cached", "-e", f"cache={place}").code == 0

    cache.exec("docker stop cache-registry-1")
    client.exec("docker rmi busybox:1.35 && docker pull -q busybox:1.35")  # Docker Hub itself, when the cache is gone
    assert project.fleet("verify", "pi-cache", "--recipe", "cache").code == 3
    assert project.fleet(*serve).changed("pi-cache") == ["stacks"]
