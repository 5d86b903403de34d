"""Ways to a host that is not reached directly: through other hosts, or a command's stdin and stdout.

All hosts behind a gateway share one connection to it. Its sshd would turn a fleet of logins away (MaxStartups), while
forwarded streams are not counted (MaxSessions is about sessions).
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from paramiko.ssh_exception import ProxyCommandFailure

from fleet.errors import InventoryError, Unreachable
from fleet.model import Host
from fleet.remote.link import Dial, dial_tcp, open_transport
from fleet.remote.settings import Settings
from fleet.remote.target import SshTarget, gateway_host, resolve_ssh
from fleet.remote.wire import FleetTransport, Socket

_MOST_HOPS = 8


@dataclass(frozen=True, slots=True)
class Gateway:
    """A host to go through, and the one before it on the way."""

    target: SshTarget
    settings: Settings
    via: Gateway | None = None


class _Shared:
    """One open connection to a gateway, for as long as someone goes through it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.users = 0
        self.lock = threading.Lock()
        self.hop = Hop(gateway.via) if gateway.via else None
        self.transport: FleetTransport | None = None

    def open(self) -> FleetTransport:
        """The transport, made by the first who comes; the others wait for it."""
        with self.lock:
            if self.transport is None or not self.transport.is_active():
                target = self.gateway.target
                straight = dial_command(target) if target.command else dial_tcp(target)
                dial = self.hop.dial(target) if self.hop else straight
                self.transport = open_transport(target, self.gateway.settings, dial)
            return self.transport

    def close(self) -> None:
        """Nobody goes through it any more."""
        with self.lock:
            if self.transport:
                self.transport.close()
            self.transport = None
            if self.hop:
                self.hop.leave()


_shared: dict[Gateway, _Shared] = {}
_shared_lock = threading.Lock()


class Hop:
    """One host's way through a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._entered: _Shared | None = None

    def dial(self, target: SshTarget) -> Dial:
        """Streams to the host by way of the gateway."""

        def through(seconds: float) -> Socket:
            transport = self._enter().open()
            return transport.open_channel("direct-tcpip", (target.hostname, target.port), ("127.0.0.1", 0), timeout=seconds)

        return through

    def leave(self) -> None:
        """Go through it no more; the last one closes it."""
        entered, self._entered = self._entered, None
        if not entered:
            return
        with _shared_lock:
            entered.users -= 1
            last = entered.users == 0
            if last:
                _shared.pop(self._gateway, None)
        if last:
            entered.close()

    def _enter(self) -> _Shared:
        if not self._entered:
            with _shared_lock:
                self._entered = _shared.setdefault(self._gateway, _Shared(self._gateway))
                self._entered.users += 1
        return self._entered


def gateway_of(host: Host, target: SshTarget, settings: Settings, known: Mapping[str, Host]) -> Gateway | None:
    """The way to a host: the inventory's gateway, else ssh_config's ProxyJump, else none."""
    hops = (host.gateway,) if host.gateway else target.jumps
    return _chain(hops, target, settings, known, 0)


def _chain(hops: tuple[str, ...], target: SshTarget, settings: Settings, known: Mapping[str, Host], depth: int) -> Gateway | None:
    if depth > _MOST_HOPS:
        raise InventoryError(f"The way to {target.label} goes in circles: {', '.join(hops)}.", "See `gateway:` and ProxyJump.")
    gateway: Gateway | None = None
    for number, hop in enumerate(hops):
        host = gateway_host(hop, known)
        through = resolve_ssh(host, settings)
        if (through.hostname, through.port) == (target.hostname, target.port):
            return None  # a `Host *` with ProxyJump is true of the jump host as well
        if number == 0:
            own = (host.gateway,) if host.gateway else through.jumps
            gateway = _chain(own, through, settings, known, depth + 1)
        else:
            through = replace(through, command="")
        gateway = Gateway(through, settings, gateway)
    return gateway


class _CommandStream:
    """A ProxyCommand's stdin and stdout as a socket; the command ends with it."""

    def __init__(self, command: str) -> None:
        ours, theirs = socket.socketpair()
        self._sock = ours
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        with theirs:
            shell = os.environ.get("SHELL") or "/bin/sh"
            words, end = [shell, "-c", f"exec {command}"], theirs.fileno()
            self._process = subprocess.Popen(words, stdin=end, stdout=end, stderr=self._said, start_new_session=True)

    def recv(self, size: int) -> bytes:
        try:
            data = self._sock.recv(size)
        except ConnectionError as error:  # it ended without having read all that was sent
            raise self._failure() from error
        if not data and self._process.wait(timeout=5):
            raise self._failure()
        return data

    def send(self, data: bytes) -> int:
        try:
            return self._sock.send(data)
        except ConnectionError as error:
            raise self._failure() from error

    def _failure(self) -> ProxyCommandFailure:
        """The kind of error that paramiko lets through, with the last line that the command wrote to stderr."""
        code = self._process.wait(timeout=5)
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return ProxyCommandFailure("", f"it ended with {code} and said: {lines[-1] if lines else 'nothing'}")

    def close(self) -> None:
        self._sock.close()
        self._said.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def dial_command(target: SshTarget) -> Dial:
    """Through the ProxyCommand of ssh_config, as OpenSSH runs it: `exec`, by the user's shell."""

    def run(seconds: float) -> Socket:
        try:
            return _CommandStream(target.expand_command(target.command))
        except OSError as error:
            raise Unreachable(
                f"The ProxyCommand for {target.label} can't be run: {error}.", "Correct it in ssh_config."
            ) from error

    return run
