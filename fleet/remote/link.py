"""One link to a host: dial, agree on keys, check the host's key, log in; and again, if the transport alone failed."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable

from paramiko import PKey, SSHException
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_exponential, wait_random

from fleet.errors import FleetError
from fleet.remote.hostkeys import Seen
from fleet.remote.login import log_in
from fleet.remote.settings import Settings
from fleet.remote.target import SshTarget
from fleet.remote.translate import Transient, connecting
from fleet.remote.trust import Trust
from fleet.remote.wire import FleetTransport, Socket

log = logging.getLogger("fleet.ssh")
Dial = Callable[[float], Socket]
"""Gives a new stream to the host's SSH port within so many seconds."""


def dial_tcp(target: SshTarget) -> Dial:
    """Straight to the host; each of its addresses is tried, IPv6 and IPv4."""
    return lambda seconds: socket.create_connection((target.hostname, target.port), timeout=seconds)


def open_transport(
    target: SshTarget, settings: Settings, dial: Dial, pkey: PKey | None = None, attempts: int | None = None
) -> FleetTransport:
    """A transport that is logged in.

    Raises Unreachable, HostKeyError or AuthenticationError; only what may be better the next time is tried again.
    """
    ends = time.monotonic() + settings.connect_deadline
    retrying = Retrying(
        retry=retry_if_exception_type(Transient),
        stop=stop_after_attempt(attempts or settings.connect_attempts) | stop_before_delay(settings.connect_deadline),
        wait=wait_exponential(multiplier=0.5, max=8) + wait_random(0, 1),
        before_sleep=lambda state: log.info("%s Trying again.", state.outcome.exception() if state.outcome else ""),
        reraise=True,
    )
    return retrying(lambda: _attempt(target, settings, dial, pkey, ends))


def _attempt(target: SshTarget, settings: Settings, dial: Dial, pkey: PKey | None, ends: float) -> FleetTransport:
    left = max(0.1, ends - time.monotonic())
    try:
        sock = dial(min(settings.connect_timeout, left))
    except (OSError, EOFError, SSHException) as error:
        raise connecting(error, target.label) from error
    transport = FleetTransport(sock)
    try:
        _shake_hands(transport, target, settings, left)
        log_in(transport, target, settings, pkey)
        transport.set_keepalive(max(1, round(settings.keepalive)))
        return transport
    except BaseException as error:
        transport.close()
        sock.close()
        if isinstance(error, (OSError, EOFError, SSHException)) and not isinstance(error, FleetError):
            raise connecting(error, target.label) from error
        raise


def _shake_hands(transport: FleetTransport, target: SshTarget, settings: Settings, left: float) -> None:
    trust = Trust.of(
        target.label,
        target.known_as,
        target.port if target.known_as == target.hostname else 22,
        target.known_hosts,
        settings.known_hosts,
        target.strict,
        target.forget,
    )
    transport.banner_timeout = min(settings.banner_timeout, left)
    transport.auth_timeout = settings.auth_timeout
    transport.channel_timeout = settings.connect_timeout + settings.banner_timeout
    transport.prefer_host_keys(trust.preferred())
    transport.start_client(timeout=settings.banner_timeout * 2)
    if not transport.initial_kex_done:
        raise TimeoutError
    trust.check(Seen.of(transport.get_remote_server_key()))
