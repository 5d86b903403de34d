"""Hosts chosen by what they say of themselves, after the probe and before anything is done."""

from __future__ import annotations

import pytest

from tests.lab.fixtures import MakeHost
from tests.support.project import Project
from tests.support.untouched import untouched

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_selection_by_facts(fresh_host: MakeHost, project: Project) -> None:
    """Only hosts with the facts are planned for, and only they are in the report; no such host is an error."""
    debian, mint = fresh_host("debian-trixie"), fresh_host("mint")
    project.inventory([debian, mint])
    for words, chosen in {
        ("fact:architecture=amd64",): {debian.name, mint.name},
        ("fact:distro=linuxmint",): {mint.name},
        ("--all", "--exclude", "fact:distro=linux*"): {debian.name},
        (mint.name, "--exclude", "fact:codename=trixie"): {mint.name},
    }.items():
        said = project.fleet("plan", *words, "--json")
        assert said.code == 0, said
        assert set(said.hosts()) == chosen, words

    said = project.fleet("plan", "fact:architecture=arm64")
    assert said.code == 2, said
    assert "no host has these facts" in said.err
    assert "fleet facts --all" in said.err
    said = project.fleet("plan", "fact:architcture=arm64")
    assert said.code == 2, said
    assert "architecture" in said.err
    with untouched(debian):
        done = project.fleet("provision", "fact:distro=ubuntu")
    assert done.code == 2, done
