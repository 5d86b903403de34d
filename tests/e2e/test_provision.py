"""The main job, on every identity: plan touches nothing, provision does what it said, verify and testinfra agree."""

from __future__ import annotations

import pytest
import testinfra

from tests.lab.box.programs import programs
from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.support.ask import planned
from tests.support.project import Project
from tests.support.untouched import untouched

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SUPPORTED = {
    "ubuntu-noble": ("ubuntu", "noble"),
    "ubuntu-jammy": ("ubuntu", "jammy"),
    "ubuntu-resolute": ("ubuntu", "resolute"),
    "debian-trixie": ("debian", "trixie"),
    "debian-bookworm": ("debian", "bookworm"),
    "raspios-bookworm": ("debian", "bookworm"),
    "raspios-trixie": ("debian", "trixie"),
    "mint": ("ubuntu", "noble"),
}
"""The repository by hand, from docs.docker.com/engine/install: 64-bit Raspberry Pi OS uses Debian's, Mint its Ubuntu's."""

FRESH = ["keyring", "source", "engine", "group", "compose"]
"""The changes of the recipe `docker` on a bare host; the package starts the service itself."""


@pytest.mark.parametrize("identity", SUPPORTED)
def test_from_bare_to_proven(identity: str, lab: Lab, fresh_host: MakeHost, project: Project) -> None:
    """One command takes a bare host to a Docker that is proven, and a second one finds nothing to do."""
    host = fresh_host(identity)
    project.inventory([host])

    with untouched(host):
        plan = project.fleet("plan", "--all", "--json")
    assert plan.code == 0, plan
    assert planned(plan, host) == FRESH, plan

    done = project.fleet("provision", "--all", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == FRESH, "what was planned on the fresh host is what was done"
    assert done.hosts()[host.name]["proven"], done

    again = project.fleet("provision", "--all", "--json")
    assert again.code == 0, again
    assert again.changed(host.name) == [], again

    verified = project.fleet("verify", "--all", "--json")
    assert verified.code == 0, verified
    _testinfra_agrees(lab, host, *SUPPORTED[identity])


def _testinfra_agrees(lab: Lab, host: Host, distribution: str, codename: str) -> None:
    known = lab.write_known_hosts()
    options = f"-o UserKnownHostsFile={known} -o IdentityFile={lab.key}"
    seen = testinfra.get_host(f"ssh://{host.user}@{host.address}", ssh_extra_args=options, sudo=False)
    source = seen.file("/etc/apt/sources.list.d/docker.sources")
    assert source.contains(f"URIs: https://download.docker.com/linux/{distribution}$")
    assert source.contains(f"Suites: {codename}$")
    assert source.mode == 0o644
    newest = programs("amd64").versions("newer")["docker.io"]
    engine = seen.package("docker-ce")
    assert engine.is_installed
    assert newest.partition("+")[0].partition("-")[0] in engine.version
    assert f"~{codename}" in engine.version
    for package in ("docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin"):
        assert seen.package(package).is_installed
    assert seen.service("docker").is_running
    assert seen.service("docker").is_enabled
    assert "docker" in seen.user(host.user).groups
    assert seen.run("docker compose version").rc == 0
    assert seen.run("docker run --rm hello-world").stdout.count("Hello from Docker!") == 1
