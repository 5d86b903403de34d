"""Logins at registries, from where the laptop has them: a variable, a program that the user names, or `docker login`."""

from __future__ import annotations

import hashlib
import os
import subprocess

from fleet.catalog import credentials
from fleet.catalog.credentials import Login
from fleet.errors import CatalogError
from fleet.queries import LoginMark, LoginQuery
from fleet.shell import Secret

COMMAND = "_COMMAND"
"""Behind a variable's name: the variable that names a program which prints the password as its first line."""

_SECONDS = 120
_COST = 1 << 14
"""Of scrypt: 16 MiB and some 50 ms, once in a run and registry."""


def find(query: LoginQuery) -> Login:
    """User and password; CatalogError, with the way out, when the laptop has none."""
    if query.variable:
        return Login(query.user, _password(query))
    found = credentials.login(query.registry)
    if found is None or (query.user and found.user != query.user):
        whose = f" of {query.user}" if query.user else ""
        why = credentials.trouble(query.registry) or f"there is no login{whose} for {query.registry} on this machine"
        raise CatalogError(why, f"Log in here (docker login {query.registry}), or set user and password_from in the recipe.")
    return found


def mark(registry: str, login: Login) -> LoginMark:
    """The same for the same login, so that a host which has it is known; scrypt makes guessing from it slow (RFC 7914)."""
    salt = f"fleet login\0{registry}\0{login.user}".encode()
    digest = hashlib.scrypt(login.password.reveal().encode(), salt=salt, n=_COST, r=8, p=1, maxmem=64 << 20, dklen=32)
    return LoginMark(login.user, digest.hex())


def _password(query: LoginQuery) -> Secret:
    text = os.environ.get(query.variable) or _printed(query)
    if "\n" in text or "\0" in text:
        raise CatalogError(f"the password in {query.variable} has a line break in it", "Set the variable to the password alone.")
    return Secret(text)


def _printed(query: LoginQuery) -> str:
    """The first line of the program's output."""
    variable = query.variable + COMMAND
    command = os.environ.get(variable)
    if not command:
        raise CatalogError(
            f"there is no password for {query.registry}: neither {query.variable} nor {variable} is set",
            f"Set {query.variable} to the password, or {variable} to a command that prints it.",
        )
    try:
        done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, timeout=_SECONDS, check=False)  # noqa: S602
        lines = done.stdout.decode().splitlines()
    except (subprocess.TimeoutExpired, UnicodeDecodeError):
        lines = []
    if not lines or not lines[0] or done.returncode:
        raise CatalogError(f"{variable} gave no password", "Try its command in your shell: it must print the password first.")
    return lines[0]
