"""Passwords: from the terminal, the environment, or a command of the user's password manager. They are never printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from fleet.cli.session import Session
from fleet.errors import UsageError
from fleet.shell import Secret

LOGIN = "FLEET_PASSWORD"
PASSPHRASE = "FLEET_PASSPHRASE"  # noqa: S105, the variable's name
SUDO = "FLEET_SUDO_PASSWORD"
SUDO_COMMAND = "FLEET_SUDO_PASSWORD_COMMAND"
_COMMAND_SECONDS = 120


def login_password(session: Session, ask: bool) -> Secret | None:
    """The password to log in with, if there is one."""
    if ask:
        return _asked(session, "Login password: ", "-k", LOGIN)
    return _from_environment(LOGIN)


def passphrase() -> Secret | None:
    """What opens encrypted keys that no agent has, if it was given."""
    return _from_environment(PASSPHRASE)


def sudo_password(
    session: Session, ask: bool, paused: Callable[[], AbstractContextManager[None]]
) -> tuple[Secret | None, Callable[[], Secret | None] | None]:
    """The sudo password if it is known already, and the way to ask for it later if there is a person to ask."""
    if ask:
        return _asked(session, "sudo password: ", "-K", SUDO), None
    given = _from_environment(SUDO) or _from_command()
    if given or not sys.stdin.isatty():
        return given, None

    def later() -> Secret | None:
        with paused():
            return _asked(session, "sudo password (one for all hosts that want one): ", "-K", SUDO)

    return None, later


def _asked(session: Session, question: str, option: str, variable: str) -> Secret | None:
    if not sys.stdin.isatty():
        raise UsageError(f"{option} needs a terminal to ask on", f"set {variable} instead")
    import getpass

    session.remember_terminal()
    try:
        return _secret(getpass.getpass(question, stream=sys.stderr))
    except EOFError:
        return None


def _from_environment(variable: str) -> Secret | None:
    """The password of a variable, which no program that fleet starts shall see."""
    return _secret(os.environ.pop(variable, ""))


def _from_command() -> Secret | None:
    command = os.environ.get(SUDO_COMMAND)
    if not command:
        return None
    try:
        done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=False)  # noqa: S602
    except subprocess.TimeoutExpired:
        raise UsageError(f"{SUDO_COMMAND} gave no password within {_COMMAND_SECONDS} seconds", _TRY) from None
    lines = done.stdout.decode(errors="surrogateescape").splitlines()
    if done.returncode or not lines or not lines[0]:
        reason = f"exit code {done.returncode}" if done.returncode else "it printed nothing"
        raise UsageError(f"{SUDO_COMMAND} gave no password: {reason}", _TRY)
    return _secret(lines[0])


_TRY = f"try the command of {SUDO_COMMAND} in your shell: it must print the password as its first line"


def _secret(text: str) -> Secret | None:
    """A password that sudo and sshd can be given: one line."""
    if "\n" in text or "\0" in text:
        raise UsageError("a password can't have a line break in it", "set the variable to the password alone")
    return Secret(text) if text else None
