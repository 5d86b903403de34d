"""Limits of the system's journal: one drop-in, restarted into force, and honest when another file has the last word."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.facts.journal import DROP_IN, JOURNAL, read_journal
from fleet.model import Blocked, Change, Facts, Run, Satisfied, Verdict
from fleet.steps.journal import JournalOptions
from tests.support.golden import golden
from tests.support.planning import DEFAULT, effects, plan, verdict

BARE = golden("debian-trixie").facts
WANTED = {"system_max_use": "100M", "storage": "persistent"}
OURS = "".join(f"{DROP_IN}:{line}\n" for line in ("# Written by fleet.", "[Journal]", "Storage=persistent", "SystemMaxUse=100M"))
PI = "/usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf:Storage=volatile\n"
"""A file of Raspberry Pi OS (RPi-Distro/raspberrypi-sys-mods)."""


def with_journal(text: str) -> Facts:
    """A bare host that answers this."""
    return BARE.but(JOURNAL, read_journal(text))


def look(facts: Facts, **options: Any) -> Verdict:
    """The step's verdict."""
    return verdict(plan(facts, {**DEFAULT, "journal": options}), "journal")


@pytest.mark.parametrize("before", ["", PI, f"{DROP_IN}:[Journal]\n{DROP_IN}:SystemMaxUse=1G\n"])
def test_written_and_restarted(before: str) -> None:
    """Over the system's own files and an older text of ours; afterwards nothing is left to do."""
    facts = with_journal(before)
    found = look(facts, **WANTED)
    assert isinstance(found, Change)
    (action,) = found.actions
    assert isinstance(action, Run)
    assert "systemctl restart systemd-journald.service" in action.script
    assert "+Storage=persistent" in found.diff
    later = effects(facts, plan(facts, {**DEFAULT, "journal": WANTED}))
    assert isinstance(look(later, **WANTED), Satisfied)


def test_as_wanted() -> None:
    """The recorded answer of such a host, the Pi's own file beside it."""
    found = look(with_journal(OURS + PI), **WANTED)
    assert isinstance(found, Satisfied)
    assert found.why == "Storage=persistent, SystemMaxUse=100M"


def test_cut_off_before_the_restart() -> None:
    """The file is right, and journald has not read it."""
    assert isinstance(look(with_journal("pending\n" + OURS), **WANTED), Change)


def test_a_later_file_has_the_last_word() -> None:
    """Nothing is written for nothing; a later file that says the same is no trouble, nor is journald.conf itself."""
    later = "/etc/systemd/journald.conf.d/zz-local.conf"
    found = look(with_journal(f"{later}:SystemMaxUse=4G\n"), **WANTED)
    assert isinstance(found, Blocked)
    assert later in found.why
    assert f"rm {later}" in found.hint
    for harmless in (
        f"{later}:SystemMaxUse=100M\n",
        f"{later}:MaxLevelStore=info\n",
        "/etc/systemd/journald.conf:SystemMaxUse=4G\n",
    ):
        assert isinstance(look(with_journal(harmless + OURS), **WANTED), Satisfied)


def test_a_masked_file_says_nothing() -> None:
    """Of two files of one name, /etc's counts (journald.conf(5))."""
    name = "journald.conf.d/zz.conf"
    said = f"/usr/lib/systemd/{name}:SystemMaxUse=4G\n/etc/systemd/{name}:SystemMaxUse=100M\n"
    assert isinstance(look(with_journal(said + OURS), **WANTED), Satisfied)


def test_nothing_asked_for() -> None:
    """An empty section changes nothing."""
    assert isinstance(look(BARE), Satisfied)


@pytest.mark.parametrize("size", ["", "100 MB", "-1", "1M; reboot", "0", "100m"])
def test_sizes_are_journalds(size: str) -> None:
    """Digits and K, M, G or T."""
    with pytest.raises(ValidationError):
        JournalOptions(system_max_use=size)
