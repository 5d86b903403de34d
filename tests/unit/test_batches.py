"""`--batch`: some hosts first, and the others only when those are well."""

from __future__ import annotations

from typing import Any

import pytest

from fleet import stages
from fleet.catalog import Resolver
from fleet.cli import main
from fleet.events import Reporter
from fleet.job import Run
from fleet.model import Failure, Host, HostReport, Result
from fleet.recipe.cookbook import Recipes
from fleet.remote.settings import Settings

HOSTS = [Host(name, "192.0.2.7") for name in ("a", "b", "c", "d", "e")]
UNREACHABLE = Failure("connect", "no route", unreachable=True)


class _Seen(Reporter):
    def __init__(self) -> None:
        self.finished: list[str] = []

    def host_finished(self, report: HostReport) -> None:
        self.finished.append(report.host)


def _walked(monkeypatch: pytest.MonkeyPatch, unwell: str, **settings: Any) -> tuple[dict[str, HostReport], list[str]]:
    """The reports by host, and the hosts that were really begun."""
    begun: list[str] = []

    def one(run: Run, host: Host, *rest: object) -> HostReport:
        begun.append(host.name)
        return HostReport(host.name, failure=UNREACHABLE if host.name in unwell else None)

    monkeypatch.setattr(stages, "_walk_one", one)
    seen = _Seen()
    report = stages.converge(Run(Settings(), Resolver(), Recipes(), seen, **settings), HOSTS)
    assert [host.host for host in report.hosts] == ["a", "b", "c", "d", "e"]
    return {host.host: host for host in report.hosts}, sorted(begun)


def test_all_when_all_are_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last batch may be smaller."""
    found, begun = _walked(monkeypatch, "", batch=2)
    assert begun == ["a", "b", "c", "d", "e"]
    assert {report.result for report in found.values()} == {Result.OK}


def test_the_rest_is_left_when_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its batch is finished; the others say why they were not begun, and what to do."""
    found, begun = _walked(monkeypatch, "c", batch=2)
    assert begun == ["a", "b", "c", "d"]
    failure = found["e"].failure
    assert failure
    assert (failure.stage, failure.why) == ("batch", "not begun, since c before it failed")
    assert "--max-failures 1" in failure.hint
    assert found["d"].result is Result.OK


def test_some_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as --max-failures says, in all batches together."""
    assert _walked(monkeypatch, "a", batch=1, max_failures=1)[1] == ["a", "b", "c", "d", "e"]
    found, begun = _walked(monkeypatch, "ac", batch=1, max_failures=1)
    assert begun == ["a", "b", "c"]
    assert found["d"].failure
    assert found["d"].failure.why == "not begun, since a and 1 more before it failed"


def test_without_batches_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad host never stops another."""
    assert _walked(monkeypatch, "abcd")[1] == ["a", "b", "c", "d", "e"]


def test_max_failures_is_about_batches(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --batch it would say nothing, so it is refused."""
    assert main(["provision", "--all", "--max-failures", "1"]) == 2
    assert "--batch N" in capsys.readouterr().err
