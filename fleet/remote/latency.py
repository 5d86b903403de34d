"""How long a question and its answer take over a connection."""

from __future__ import annotations

import time
from typing import Any

from paramiko import SSHException

from fleet.remote.channel import lost
from fleet.remote.execute import settings_of
from fleet.remote.local import LocalConnection


def round_trip(c: Any) -> float | None:
    """Seconds that sshd takes to grant a channel, the smallest thing it can be asked for; None on this very machine.

    Raises ConnectionLost.
    """
    if isinstance(c, LocalConnection):
        return None
    began = time.monotonic()
    try:
        channel = c.transport.open_session(timeout=settings_of(c).connect_timeout)
    except (SSHException, OSError, EOFError) as error:
        raise lost(error) from error
    seconds = time.monotonic() - began
    channel.close()
    return seconds
