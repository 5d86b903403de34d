"""Asking before something is done that stops what runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fleet.cli.session import Session
from fleet.console import tell_question
from fleet.errors import UsageError
from fleet.model import Host

_NAMED = 6
"""So many hosts are named in a question."""


def is_sure(session: Session, deed: str, hosts: Sequence[Host]) -> bool:
    """Ask at the terminal whether it is to be done; raises UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError("this asks first, and there is no terminal to ask on", "say that it is meant: --yes")
    names = f"{len(hosts)} hosts" if len(hosts) > _NAMED else ", ".join(host.name for host in hosts)
    tell_question(session.screen, f"{deed} on {names}? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
