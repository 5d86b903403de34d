"""A user's project folder for every test on lab hosts, and hosts that `fleet` itself has provisioned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.host import Host, Spec
from tests.lab.lab import Lab
from tests.support.project import Project


@pytest.fixture
def project(lab: Lab, tmp_path: Path) -> Project:
    """An empty project folder."""
    return Project(lab, tmp_path)


@pytest.fixture
def converged(lab: Lab, warm_host: Callable[..., Host], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Host]:
    """Call it for a host that `fleet provision` has converged: ``converged("ubuntu-noble", sshd="LogLevel VERBOSE")``."""

    def provision(host: Host) -> None:
        made = Project(lab, tmp_path_factory.mktemp("converge"))
        made.inventory([host])
        said = made.fleet("provision", "--all")
        assert said.code == 0, said

    def make(identity: str = "debian-trixie", *, name: str | None = None, **options: object) -> Host:
        host = warm_host(identity, provision, Spec(identity, **options), name=name)  # type: ignore[arg-type]
        host.exec("systemctl is-system-running --wait", check=False)  # Docker starts some time after sshd
        return host

    return make
