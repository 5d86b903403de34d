"""The tuned transport: paramiko's, with what costs round trips and stalls taken out.

Paramiko leaves Nagle's algorithm on, so that its login request waits for the peer's delayed ACK, and sshd's channel
confirmation waits for ours: two stalls of 40 ms per connection wherever the round trip is shorter than that.
TCP_NODELAY cures the first and TCP_QUICKACK the second (tcp(7): it is not permanent, hence set again after each read).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from paramiko import Message, PKey, SSHException, Transport
from paramiko.auth_handler import AuthHandler
from paramiko.packet import Packetizer

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_READ = 65536


class Socket(Protocol):
    """What a transport needs of its socket: a real one, or a channel of a gateway."""

    def send(self, data: bytes, /) -> int:
        """Some of the data, and how much."""

    def recv(self, size: int, /) -> bytes:
        """What is there, up to a size; nothing means the end."""

    def settimeout(self, seconds: float | None, /) -> None:
        """How long a call may take."""

    def close(self) -> None:
        """The end."""


class Wire:
    """The socket under a transport: reads whole flights, keeps ACKs quick, and knows when the host was last heard."""

    def __init__(self, sock: Socket) -> None:
        self._sock = sock
        self._held = b""
        self._at = 0
        self._quick = isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX and _QUICKACK is not None
        self.heard = time.monotonic()
        if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes, out of what came in one read of the socket."""
        if self._at >= len(self._held):
            self._held, self._at = self._sock.recv(_READ), 0
            self.heard = time.monotonic()
            if self._quick:
                self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)  # type: ignore[attr-defined]
        start, self._at = self._at, self._at + size
        return self._held[start : self._at]

    def close(self) -> None:
        """The end, for the thread that reads as well, which may be waiting in the middle of a read."""
        if isinstance(self._sock, socket.socket):
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Packets(Packetizer):
    """Without the timer of the handshake, which is one more thread for each host: `start_client` has its own limit."""

    def start_handshake(self, timeout: float) -> None:
        """Nothing is to be started."""


class _EagerAuth(AuthHandler):
    """Sends the login request right behind the service request, without waiting for the latter's answer.

    RFC 4253 §10 lets a client do so; it saves a round trip. The answer, when it comes, has nothing left to start.
    """

    def _request_auth(self) -> None:
        super()._request_auth()  # type: ignore[misc]
        accepted = Message()
        accepted.add_string("ssh-userauth")
        accepted.rewind()
        super()._parse_service_accept(accepted)  # type: ignore[misc]

    def _parse_service_accept(self, m: Message) -> None:
        """Nothing is left to do: the request is on its way."""


class FleetTransport(Transport):
    """AES-GCM first (no separate MAC, whose check is slow in Python), and logins without idle round trips."""

    _preferred_ciphers = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
    _active_check_timeout = 1.0
    """Seconds between two looks of the reading thread at whether it is still wanted; paramiko's ten a second add up."""

    def __init__(self, sock: Socket, **kwargs: Any) -> None:
        self.wire = sock if isinstance(sock, Wire) else Wire(sock)
        super().__init__(self.wire, packetizer_class=_Packets, **kwargs)  # type: ignore[arg-type]

    def prefer_host_keys(self, types: tuple[str, ...]) -> None:
        """Ask for these types of host key first, so that the host shows one that is on record if it has one."""
        options = self.get_security_options()
        known = [t for t in types if t in options.key_types]
        options.key_types = [*known, *(t for t in options.key_types if t not in known)]

    def auth_publickey(self, username: str, key: PKey, event: threading.Event | None = None) -> list[str]:
        """Log in with a key; gives the methods that are wanted besides, normally none."""
        return self._log_in(lambda handler, answered: handler.auth_publickey(username, key, answered))

    def _parse_debug(self, m: Message) -> None:
        """Drop sshd's remarks on authorized_keys: paramiko would spell them out byte by byte, for a log that nobody keeps."""

    def _log_in(self, ask: Callable[[AuthHandler, threading.Event], None]) -> list[str]:
        if not self.is_active() or not self.initial_kex_done:
            raise SSHException("No existing session")
        self.auth_handler = _EagerAuth(self)
        answered = threading.Event()
        ask(self.auth_handler, answered)
        return list(self.auth_handler.wait_for_response(answered))
