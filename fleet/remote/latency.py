"""How long a question and its answer take over a connection."""

from __future__ import annotations

import time
from typing import Any

from paramiko import SSHException

from fleet.remote.channel import lost
from fleet.remote.execute import settings_of
from fleet.remote.local import LocalConnection

_QUICK = 0.1
_SAMPLES = 3
"""The first also waits for what the login has begun (PAM, logind), so that the best of a few is taken."""


def round_trip(c: Any) -> float | None:
    """Seconds that sshd takes to grant a channel, the smallest thing it can be asked for; None on this very machine.

    Raises ConnectionLost.
    """
    if isinstance(c, LocalConnection):
        return None
    best = _sample(c)
    for _ in range(_SAMPLES - 1):
        best = best if best < _QUICK else min(best, _sample(c))
    return best


def _sample(c: Any) -> float:
    began = time.monotonic()
    try:
        channel = c.transport.open_session(timeout=settings_of(c).connect_timeout)
    except (SSHException, OSError, EOFError) as error:
        raise lost(error) from error
    seconds = time.monotonic() - began
    channel.close()
    return seconds
