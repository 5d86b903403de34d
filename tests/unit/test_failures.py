"""What apt, dpkg and docker say when something goes wrong: who is waited for, what is stale, and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet import tasks
from fleet.model import Done, Host, Run
from fleet.tasks.failures import HINTS, failed, is_locked, last_words, lock_holder, stale_source

PI = Host("pi-kitchen", "192.0.2.7")
LOCK = "Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt-get)"


def test_who_holds_a_lock() -> None:
    """While apt waits for it itself, and when it has given up; other lines name nobody."""
    assert lock_holder(f"Waiting for cache lock: {LOCK}... 3s") == "process 4711 (apt-get)"
    assert lock_holder(f"E: {LOCK}") == "process 4711 (apt-get)"
    assert lock_holder("Reading package lists...") == ""
    assert is_locked(Done(100, "", f"E: {LOCK}\n"))
    assert not is_locked(Done(100, LOCK, "E: something else\n"))


@pytest.mark.parametrize(
    ("line", "source"),
    [
        (
            "W: Failed to fetch http://x.example/dists/a/InRelease  Could not resolve",
            "http://x.example/dists/a/InRelease (Could not resolve)",
        ),
        ("W: GPG error: http://x.example a InRelease: NO_PUBKEY 1", "GPG error: http://x.example a InRelease: NO_PUBKEY 1"),
        ("W: something of no account", ""),
    ],
)
def test_sources_that_are_stale(line: str, source: str) -> None:
    """By the address, with the reason."""
    assert stale_source(line) == source


def test_last_words() -> None:
    """apt's own error if there is one, else the last line, else that there was none."""
    assert last_words(Done(100, "", "Err:1 x\nE: first\nW: later\n")) == "E: first"
    assert last_words(Done(1, "only\nthis\n", "")) == "this"
    assert last_words(Done(1, "", " \n")) == "it printed nothing"


@pytest.mark.parametrize("words", [words for words, _ in HINTS])
def test_every_failure_that_is_known_has_its_remedy(words: str) -> None:
    """However it is written, on either stream."""
    for done in (Done(1, "", f"E: {words.upper()}"), Done(1, f"{words} \n", "")):
        error = failed(PI, Run("refresh the package index", "apt-get update"), done)
        assert error.hint in [hint.replace("HOST ", "pi-kitchen ") for _, hint in HINTS]
        assert error.message.startswith("refresh the package index: exit code 1: ")


def test_a_clock_that_apt_stumbles_over() -> None:
    """It is set from the laptop's, by a line that names the host: a time service may not be there."""
    said = "E: Release file for http://mirror.example/debian/dists/trixie/InRelease is not valid yet (invalid for another 3h)."
    error = failed(PI, Run("refresh the package index", "apt-get update"), Done(100, "", said))
    assert "fleet run pi-kitchen --sudo -- date -s @$(date +%s)" in error.hint
    assert "set-ntp" not in error.hint


def test_what_nobody_knows() -> None:
    """The log has it all."""
    assert "log" in failed(PI, Run("x", "y"), Done(3, "", "never heard")).hint


def test_remedies_can_be_typed_as_they_stand() -> None:
    """What fails on a host knows the host, so no remedy has a word in its place."""
    room = Path(tasks.__file__).parent
    assert [path.name for path in room.glob("*.py") if "fleet doctor HOST" in path.read_text(encoding="utf-8")] == []
