"""The order of versions, with dpkg itself as the judge."""

from __future__ import annotations

import shutil
import subprocess
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.formats.debversion import compare, newest_first

WORDS = {-1: "lt", 0: "eq", 1: "gt"}
DOCKER = [
    "5:29.0.0~rc.1-1~ubuntu.24.04~noble",
    "5:29.0.0-1~ubuntu.24.04~noble",
    "5:28.5.2-1~ubuntu.24.04~noble",
    "5:28.5.2-1~debian.12~bookworm",
    "5:28.5.2-1~raspbian.12~bookworm",
    "5:28.5.2-1",
    "5:28.10.0-1~ubuntu.24.04~noble",
    "27.5.1-0ubuntu3",
    "1.7.27-1",
    "2.3.5-1~ubuntu.24.04~noble",
]
ODD = [
    "1.0",
    "1.0-0",
    "1.0-0.0",
    "1.0.0",
    "1.0~",
    "1.0~~",
    "1.0a",
    "1.0+b1",
    "1.0-1-2",
    "01.0",
    "1.",
    "0:1.0",
    "1.0~rc1-1",
    "1",
    "1a2",
    "1-a:2",
]

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is the judge here, and this is no Debian")


def dpkg_agrees(a: str, b: str) -> bool:
    words = ["dpkg", "--compare-versions", a, WORDS[compare(a, b)], b]
    return subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0


@needs_dpkg
@pytest.mark.parametrize("versions", [DOCKER, ODD[:-1]], ids=["docker", "odd"])
def test_dpkg_agrees_on_all_pairs(versions: list[str]) -> None:
    """Docker's own forms, and the corners of deb-version(7)."""
    assert [(a, b) for a, b in combinations(versions, 2) if not dpkg_agrees(a, b)] == []


@needs_dpkg
@settings(max_examples=60, deadline=None)
@given(*[st.from_regex(r"[0-9][0-9ab.+~]{0,8}(-[0-9a.~]{1,4})?", fullmatch=True)] * 2)
def test_dpkg_agrees_on_any_pair(a: str, b: str) -> None:
    """Made-up versions compare as dpkg compares them, both ways round."""
    assert dpkg_agrees(a, b)
    assert compare(a, b) == -compare(b, a)


def test_newest_first() -> None:
    """28.10 is newer than 28.5, a release newer than its candidate, an epoch newer than all; no version twice."""
    assert newest_first([*DOCKER[:3], DOCKER[6], DOCKER[7], DOCKER[2]]) == (DOCKER[1], DOCKER[0], DOCKER[6], DOCKER[2], DOCKER[7])
    assert newest_first([]) == ()
