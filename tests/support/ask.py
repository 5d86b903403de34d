"""Questions that several tests ask of a --json report, and of text that was wrapped for a terminal."""

from __future__ import annotations

from typing import Any

from tests.lab.host import Host
from tests.support.project import Said


def one_line(text: str) -> str:
    """The text as it was before it was wrapped."""
    return " ".join(text.split())


def blocked(said: Said, host: Host) -> tuple[str, str]:
    """Why a host is blocked, and the way out; fails unless it is."""
    assert said.code == 1, said
    report = said.hosts()[host.name]
    assert report["result"] == "blocked", said
    rows = report["steps"] or report["plan"]["steps"]
    return next((row["why"], row["hint"]) for row in rows if "blocked" in (row.get("outcome"), row.get("verdict")))


def step(said: Said, host: Host, name: str) -> dict[str, Any]:
    """What became of one step."""
    return next(row for row in said.hosts()[host.name]["steps"] if row["step"] == name)


def planned(said: Said, host: Host) -> list[str]:
    """The steps that a plan would change."""
    return [row["step"] for row in said.hosts()[host.name]["plan"]["steps"] if row["verdict"] == "change"]
