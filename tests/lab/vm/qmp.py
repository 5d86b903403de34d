"""qemu's own language, as far as the lab speaks it (qemu docs/interop/qmp-spec)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class QmpError(RuntimeError):
    """qemu refused a command."""


class Qmp:
    """An open connection to one qemu."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = connection.makefile("rwb", buffering=0)
        self._next()
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command and return what it returns; QmpError with qemu's words."""
        self._lines.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while message := self._next():
            if "error" in message:
                raise QmpError(f"qemu refused {command}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]
        raise QmpError(f"qemu ended while it was told to {command}.")

    def monitor(self, line: str) -> None:
        """Run a line of the human monitor; what it prints is a complaint."""
        if complaint := self.execute("human-monitor-command", **{"command-line": line}).strip():
            raise QmpError(f"qemu refused `{line}`: {complaint}")

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield events until qemu ends."""
        while message := self._next():
            if "event" in message:
                yield message

    def _next(self) -> dict[str, Any]:
        line = self._lines.readline()
        return dict(json.loads(line)) if line else {}


@contextmanager
def connect(path: Path, timeout: float | None = 120) -> Iterator[Qmp]:
    """Talk to the qemu behind a socket; no timeout is for who waits for events."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        yield Qmp(connection)
