"""The recipe `ml`: one environment on every host, proven by numbers that agree. Lane `make test-ml`, since it takes minutes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.lab.host import Host
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.ml, pytest.mark.timeout(3000)]


def test_the_environment(converged: Callable[..., Host], project: Project) -> None:
    """One command builds it on each host and starts it; the libraries agree to the tolerance; again nothing is changed."""
    hosts = [converged(name="ml-a"), converged(name="ml-b")]
    project.inventory(hosts)
    index = ("-e", f"pip_index={project.lab.box.pip_index}", "-e", f"pip_trusted_host={project.lab.box.address}")
    provision = ("provision", "--all", "--recipe", "ml", "--json", *index)

    done = project.fleet(*provision, timeout=2400)
    assert done.code == 0, done
    assert {tuple(done.changed(h.name)) for h in hosts} == {("builds", "stacks")}

    said = [json.loads(h.exec("docker logs ml-smoke-1").stdout) for h in hosts]
    assert all(s["agrees"] for s in said)
    assert said[0]["versions"] == said[1]["versions"]
    for library in ("numpy", "scikit-learn", "onnxruntime"):
        assert said[0]["found"][library] == pytest.approx(said[1]["found"][library], abs=1e-4)

    listens = hosts[0].exec("docker port ml-notebook-1").stdout
    assert "127.0.0.1:8888" in listens
    assert "0.0.0.0" not in listens

    again = project.fleet(*provision)
    assert again.code == 0, again
    assert [again.changed(h.name) for h in hosts] == [[], []]
    assert project.fleet("verify", "--all", "--recipe", "ml", *index).code == 0
