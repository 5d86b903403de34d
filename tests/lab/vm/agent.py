"""The way into a machine that has no address yet: a virtual serial port, with a shell behind it that root's unit runs.

A script goes in as its size on a line and then its bytes; back come what it printed and a line ``lab-exit CODE``.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

SCRIPT = """\
#!/bin/sh
# Runs what the lab sends over its own serial port; the port reads as ended while nobody is connected.
exec 3<>"$(echo /dev/vport*p1)"
cd /run
while :; do
    while read -r size <&3; do
        head -c "$size" <&3 > lab-script
        [ "$(stat -c %s lab-script)" = "$size" ] || continue
        code=0
        sh lab-script </dev/null >lab-out 2>&1 || code=$?
        { cat lab-out; echo; echo "lab-exit $code"; } >&3
    done
    sleep 0.2
done
"""

UNIT = """\
[Unit]
Description=The lab's way in
After=basic.target

[Service]
ExecStart=/usr/local/sbin/lab-agent
Restart=always
Environment=LC_ALL=C HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

[Install]
WantedBy=multi-user.target
"""


class AgentError(RuntimeError):
    """The machine's agent did not answer, or its script failed."""


def run(path: Path, script: str, timeout: float) -> str:
    """Run a sh script as root on the machine behind the socket `path`; return what it printed."""
    text = script.encode()
    end = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        connection.sendall(b"%d\n" % len(text) + text)
        answer = _answer(connection, end)
    out, _, code = answer.rpartition("\nlab-exit ")
    if code.strip() != "0":
        raise AgentError(f"A script of the lab ended with {code.strip()} on the machine:\n{out[-2000:]}")
    return out


def _answer(connection: socket.socket, end: float) -> str:
    received = b""
    while not (b"\nlab-exit " in received and received.endswith(b"\n")):
        connection.settimeout(max(0.1, end - time.monotonic()))
        try:
            part = connection.recv(65536)
        except TimeoutError:
            raise AgentError("The machine's agent did not answer in time.") from None
        if not part:
            raise AgentError("The machine went away while the lab was talking to it.")
        received += part
    return received.decode(errors="replace")
