"""How connections are made: numbers, files and secrets that hold for a whole run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fleet.shell import Secret


def default_known_hosts() -> Path:
    """The fleet's own record of host keys, in the user's state folder (XDG Base Directory Specification)."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "fleet" / "known_hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All times are in seconds.

    ``connect_timeout``, ``banner_timeout`` and ``auth_timeout`` bound one attempt; ``connect_attempts`` and
    ``connect_deadline`` bound all of them together. ``idle_timeout`` ends a command from which no byte came for so long,
    and a host that answers nothing for three ``keepalive`` is taken for lost. ``ssh_config`` is the file for `ssh -F`
    in place of the usual ones.
    """

    connect_timeout: float = 10.0
    banner_timeout: float = 15.0
    auth_timeout: float = 30.0
    connect_attempts: int = 3
    connect_deadline: float = 30.0
    idle_timeout: float = 600.0
    keepalive: float = 15.0
    strict_host_keys: bool = False
    known_hosts: Path = field(default_factory=default_known_hosts)
    use_ssh_config: bool = True
    ssh_config: Path | None = None
    password: Secret | None = None
    passphrase: Secret | None = None
