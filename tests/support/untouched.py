"""Was a host left as it was? The disk of a lab host compared from outside, but for what any login leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.host import Host

LOGIN_LEAVES = (
    r"var/log/journal/",  # journald: who logged in, and each command that sudo ran
    r"var/log/(wtmp|lastlog|btmp)$",  # records of logins (login(1), last(1)), where they are still written
    r"home/[a-z]+/\.sudo_as_admin_successful$",  # classic sudo at its first use by a member of the group sudo
)
"""Each is written by sshd, PAM, journald or sudo for any `ssh host sudo true`, whatever the command is."""


def touched(host: Host, before: object) -> list[str]:
    """What has been added, changed or removed since the snapshot, but for the records of a login."""
    changes = host.upper_changes(before)  # type: ignore[arg-type]
    return [f"{c.what} {c.path}" for c in changes if not any(re.match(allowed, c.path) for allowed in LOGIN_LEAVES)]


@contextmanager
def untouched(host: Host) -> Iterator[None]:
    """Around commands that must not change anything on the host's disk."""
    before = host.snapshot()
    yield
    assert touched(host, before) == [], f"{host.name} was touched"
