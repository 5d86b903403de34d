"""A mixed fleet in one run: every host gets its own result, and the run as a whole the right exit code and summary."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.support.ask import one_line
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_a_mixed_fleet(converged: Callable[..., Host], fresh_host: MakeHost, project: Project) -> None:
    """Converged, bare, unsupported and unreachable in one run: nobody stops anybody, and the summary says it all."""
    good, bare, fedora = converged(), fresh_host(), fresh_host("unsupported")
    project.write_inventory(
        {
            "pi-good": project.entry(good, groups=["well"]),
            "pi-bare": project.entry(bare, groups=["well"]),
            "box-fedora": project.entry(fedora),
            "pi-gone": project.entry(good, port=2, groups=["away"]),
        },
        groups={"well": {}, "away": {}},
    )
    said = project.fleet("provision", "--all", "--connect-timeout", "2", COLUMNS="80")
    assert said.code == 1, said
    assert "\x1b" not in said.out + said.err
    rows = {line.split()[0]: line.split()[1] for line in said.out.splitlines()[1:5]}
    assert rows == {"pi-good": "ok", "pi-bare": "changed", "box-fedora": "blocked", "pi-gone": "unreachable"}, said
    assert all(len(line) <= 80 for line in said.out.splitlines() if "/" not in line), said
    total = r"provision: 4 hosts in \S+: 1 ok, 1 changed, 1 blocked, 1 unreachable; 5 steps changed\."
    assert re.search(f"{total}$", one_line(said.out)), said

    told = project.fleet("provision", "--all", "--connect-timeout", "2", "--json")
    assert told.code == told.json["exit_code"] == 1, told
    hosts = told.hosts()
    assert {name: host["result"] for name, host in hosts.items()} == {**rows, "pi-bare": "ok"}, told
    assert list(hosts) == ["pi-good", "pi-bare", "box-fedora", "pi-gone"], "in the order of the inventory"
    plain = " ".join(said.out.split())
    blocked = next(step for step in hosts["box-fedora"]["steps"] if step["outcome"] == "blocked")
    for text in (blocked["why"], blocked["hint"], hosts["pi-gone"]["failure"]["why"], hosts["pi-gone"]["failure"]["hint"]):
        assert text, told
        assert " ".join(text.split()) in plain, said

    assert project.fleet("provision", "well", "away", "--connect-timeout", "2").code == 4
    assert project.fleet("verify", "well").code == 0
    assert project.fleet("plan", "--all", "--check", "--connect-timeout", "2").code == 1
