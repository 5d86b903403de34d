"""Log root in at a registry: the password goes over stdin, and is in no argument list, log or plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fleet.errors import RemoteError
from fleet.facts.logins import MARKS
from fleet.formats.references import HUB
from fleet.job import Job
from fleet.model import Login
from fleet.queries import LoginQuery
from fleet.remote import execute
from fleet.shell import quote, script_of, words
from fleet.steps.pulling import DOCKER

_SECONDS = 120


def log_in(c: Any, job: Job, action: Login) -> None:
    """`docker login`, and a note of what it was made with; raises RemoteError in the registry's words."""
    found = job.run.resolver.login(LoginQuery(action.registry, action.user, action.variable))
    job.run.told.append(found.password)
    password = found.password.reveal().encode()
    done = execute(
        c, login_script(action), root=True, sudo_password=job.run.sudo.known, timeout=_SECONDS, stdin=password, on_line=job.say
    )
    done = replace(done, out=job.masked(done.out), err=job.masked(done.err))
    if done.code:
        said = [line.strip() for line in done.err.splitlines() if line.strip() and "WARNING" not in line]
        raise RemoteError(
            f"{action.registry} does not let {action.user} in: {said[-1] if said else f'exit code {done.code}'}",
            "Check user and password; where the registry has tokens, it takes one that may read. The whole output is in the log.",
        )


def login_script(action: Login) -> str:
    """Docker writes its own file; the note is written when it is sure, to a temporary name first."""
    server = () if action.registry == HUB else (action.registry,)
    folder = MARKS.rpartition("/")[0]
    return script_of(
        "export HOME=/root; unset DOCKER_CONFIG",
        words(*DOCKER, "login", "--username", action.user, "--password-stdin", *server),
        f"mkdir -p -m 0755 {folder}",
        f"temporary=$(mktemp {folder}/.fleet.XXXXXX)",
        "trap 'rm -f \"$temporary\"' EXIT HUP INT TERM",
        f"registry={quote(action.registry)}",
        "tab=$(printf '\\t')",
        f'if [ -e {MARKS} ]; then grep -v "^$registry$tab" {MARKS} >"$temporary" || :; fi',
        f'printf \'%s\\t%s\\t%s\\n\' "$registry" {quote(action.user)} {quote(action.mark)} >>"$temporary"',
        f'mv -f "$temporary" {MARKS}',
    )
