"""Connections that do not come about, or break: what is retried, what is not, and how soon the error comes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from fleet.errors import ConnectionLost, RemoteError, Unreachable
from fleet.model import Host
from fleet.remote import Settings, connect, execute
from tests.sshd.fixtures import MakeSshd
from tests.sshd.server import Sshd, free_port


@contextmanager
def _listener(answer: bytes | None) -> Iterator[int]:
    """A port that accepts and says something, or closes at once (None)."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                held.append(peer)
                if answer is None:
                    peer.close()
                else:
                    peer.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for peer in held:
        peer.close()


def test_refused_port_is_tried_again_until_it_is_up(make_sshd: MakeSshd, settings: Settings, host_of) -> None:
    """A host that is booting refuses for a while; the connection comes about when sshd is up."""
    server = make_sshd()
    threading.Timer(0.7, server.start).start()
    with connect(host_of(server), replace(settings, connect_attempts=10)) as c:
        assert execute(c, "echo up", timeout=10).out == "up\n"


def test_refused_port_ends_as_unreachable(settings: Settings) -> None:
    """After the last attempt it is Unreachable, with host, port and a remedy."""
    port = free_port()
    with pytest.raises(Unreachable, match=f"pi .127.0.0.1 port {port}. can't be reached: Connection refused") as error:
        connect(Host("pi", "127.0.0.1", user="x", port=port), replace(settings, connect_attempts=2))
    assert error.value.hint


def test_silent_port(settings: Settings) -> None:
    """A port that accepts and says nothing costs no more than the limits say."""
    began = time.monotonic()
    with _listener(b"") as port, pytest.raises(Unreachable, match="did not answer as an SSH server"):
        connect(Host("pi", "127.0.0.1", user="x", port=port), replace(settings, banner_timeout=0.5, connect_attempts=2))
    assert time.monotonic() - began < 6


def test_silent_after_the_banner(settings: Settings) -> None:
    """A host that stops answering in the middle of the key exchange is given up, too."""
    quick = replace(settings, banner_timeout=0.5, connect_attempts=1)
    with _listener(b"SSH-2.0-OpenSSH_9.2\r\n") as port, pytest.raises(Unreachable):
        connect(Host("pi", "127.0.0.1", user="x", port=port), quick)


def test_port_of_something_else(settings: Settings) -> None:
    """What is not SSH is said to be not SSH, and is not tried again."""
    began = time.monotonic()
    with _listener(b"HTTP/1.1 400 Bad Request\r\n" * 200) as port, pytest.raises(Unreachable, match="does not speak SSH"):
        connect(Host("pi", "127.0.0.1", user="x", port=port), settings)
    assert time.monotonic() - began < 3


def test_closed_at_once(settings: Settings) -> None:
    """A server that hangs up before its banner (MaxStartups) is tried again, then Unreachable."""
    with _listener(None) as port, pytest.raises(Unreachable) as error:
        connect(Host("pi", "127.0.0.1", user="x", port=port), replace(settings, connect_attempts=2))
    assert "Traceback" not in error.value.message


def test_deadline_bounds_all_attempts(settings: Settings) -> None:
    """However many attempts there may be, the deadline ends them."""
    began = time.monotonic()
    with pytest.raises(Unreachable):
        connect(Host("pi", "127.0.0.1", user="x", port=free_port()), replace(settings, connect_attempts=99, connect_deadline=2))
    assert time.monotonic() - began < 4


def test_name_that_does_not_resolve(settings: Settings) -> None:
    """A name that nobody knows is said to be that."""
    with pytest.raises(Unreachable, match=r"no\.such\.host\.invalid can't be resolved"):
        connect(Host("no.such.host.invalid", "no.such.host.invalid", user="x"), replace(settings, connect_attempts=1))


def test_connection_killed_in_a_command(sshd: Sshd, settings: Settings, host_of) -> None:
    """A connection that breaks while a command runs is ConnectionLost, at once."""
    with connect(host_of(sshd), settings) as c:
        threading.Timer(0.7, sshd.drop_connections).start()
        began = time.monotonic()
        with pytest.raises(ConnectionLost):
            execute(c, "sleep 20", timeout=30)
        assert time.monotonic() - began < 5
        with pytest.raises(ConnectionLost):
            execute(c, "true", timeout=5)
        c.reopen()
        assert execute(c, "echo again", timeout=5).out == "again\n"


def test_frozen_host_is_noticed(sshd: Sshd, settings: Settings, host_of) -> None:
    """A host that vanishes without a word is given up after three keepalives, though its TCP connection still stands."""
    import os
    import signal

    with connect(host_of(sshd), replace(settings, keepalive=1.0)) as c:
        frozen: list[int] = []

        def freeze() -> None:
            for pid in sshd.sessions():
                frozen.append(pid)
                os.kill(pid, signal.SIGSTOP)

        threading.Timer(0.7, freeze).start()
        try:
            with pytest.raises(ConnectionLost, match="has not answered"):
                execute(c, "sleep 30", timeout=40)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGKILL)


def test_quiet_command_is_no_frozen_host(sshd: Sshd, settings: Settings, host_of) -> None:
    """A command that is silent for longer than three keepalives goes on, since the host answers for it."""
    with connect(host_of(sshd), replace(settings, keepalive=0.3)) as c:
        assert execute(c, "sleep 2; echo done", timeout=10).out == "done\n"


def test_max_sessions(make_sshd: MakeSshd, settings: Settings, host_of) -> None:
    """A server that takes no more sessions on a connection is named as such."""
    server = make_sshd("MaxSessions 1").start()
    with connect(host_of(server), settings) as c:
        held = c.transport.open_session()
        with pytest.raises(RemoteError, match="another session"):
            execute(c, "true", timeout=5)
        held.close()


def test_ipv6_address(make_sshd: MakeSshd, settings: Settings, host_of) -> None:
    """An IPv6 address is an address."""
    server = make_sshd("ListenAddress ::1").start()
    with connect(host_of(server, address="::1"), settings) as c:
        assert execute(c, "true", timeout=5).code == 0
    assert settings.known_hosts.read_text().startswith(f"[::1]:{server.port} ")
