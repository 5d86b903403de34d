"""Passwords: where they come from, that they are asked for once, and that they are shown nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from fleet.cli import passwords
from fleet.cli.passwords import login_password, sudo_password
from fleet.cli.session import Session
from fleet.errors import UsageError
from fleet.shell import Secret


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    for variable in (passwords.LOGIN, passwords.SUDO, passwords.SUDO_COMMAND):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody at a terminal who types `typed` at every question; the questions are collected."""
    questions: list[str] = []

    def ask(question: str, stream: object = None) -> str:
        questions.append(question)
        return "typed"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", ask)
    return questions


def test_nothing_is_asked_without_need(person: list[str]) -> None:
    """Most fleets have keys and sudo without a password."""
    assert login_password(Session(), False) is None
    given, later = sudo_password(Session(), False, nullcontext)
    assert given is None
    assert later is not None
    assert person == []


def test_minus_k_asks_first(person: list[str]) -> None:
    """-k for the login, -K for sudo."""
    assert login_password(Session(), True) == Secret("typed")
    assert sudo_password(Session(), True, nullcontext) == (Secret("typed"), None)
    assert person == ["Login password: ", "sudo password: "]


def test_the_question_in_the_middle_of_a_run_pauses_the_display(person: list[str]) -> None:
    """Else the picture would be drawn over it."""
    pauses: list[str] = []

    @contextmanager
    def paused() -> Iterator[None]:
        pauses.append("begin")
        yield
        pauses.append("end")

    _, later = sudo_password(Session(), False, paused)
    assert later is not None
    assert later() == Secret("typed")
    assert pauses == ["begin", "end"]
    assert "all hosts" in person[0]


def test_nobody_is_asked_where_nobody_is() -> None:
    """Without a terminal there is no question, and the host's error tells what to do."""
    assert sudo_password(Session(), False, nullcontext) == (None, None)
    with pytest.raises(UsageError) as error:
        sudo_password(Session(), True, nullcontext)
    assert "FLEET_SUDO_PASSWORD" in error.value.hint


def test_variables_are_taken_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program that fleet starts (ssh -G, a password manager) finds them in its environment."""
    monkeypatch.setenv(passwords.LOGIN, "one")
    monkeypatch.setenv(passwords.SUDO, "two words")
    assert login_password(Session(), False) == Secret("one")
    assert sudo_password(Session(), False, nullcontext) == (Secret("two words"), None)
    assert passwords.LOGIN not in os.environ
    assert passwords.SUDO not in os.environ


@pytest.mark.parametrize("text", ["it's $HOME \"+` :-)", " spaces ", "pässwörd"])
def test_a_command_gives_the_password(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Its first line, as it is; more lines (as `pass show` has) don't matter."""
    monkeypatch.setenv("WORD", text)
    monkeypatch.setenv(passwords.SUDO_COMMAND, 'printf "%s\\nuser: ann\\n" "$WORD"')
    assert sudo_password(Session(), False, nullcontext) == (Secret(text), None)


@pytest.mark.parametrize(
    ("command", "why"), [("exit 7", "exit code 7"), ("true", "it printed nothing"), ("echo", "printed nothing")]
)
def test_a_command_that_gives_none(monkeypatch: pytest.MonkeyPatch, command: str, why: str) -> None:
    """The run does not begin."""
    monkeypatch.setenv(passwords.SUDO_COMMAND, command)
    with pytest.raises(UsageError, match=why):
        sudo_password(Session(), False, nullcontext)


def test_a_command_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked password manager does not hold fleet up for ever."""
    monkeypatch.setattr(passwords, "_COMMAND_SECONDS", 0.2)
    monkeypatch.setenv(passwords.SUDO_COMMAND, "exec sleep 30")
    with pytest.raises(UsageError, match="within"):
        sudo_password(Session(), False, nullcontext)


def test_a_password_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """More would be read by sudo as an answer to another question."""
    monkeypatch.setenv(passwords.SUDO, "one\ntwo")
    with pytest.raises(UsageError) as error:
        sudo_password(Session(), False, nullcontext)
    assert "one" not in str(error.value)
