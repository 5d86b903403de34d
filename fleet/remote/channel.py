"""Running a command over an SSH channel: both streams drained at once, in one thread, within its limits.

invoke's runner starts three threads a command; this needs none, except for feeding stdin that does not fit one window.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from paramiko import Channel, ChannelException, Message, SSHException, Transport
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST

from fleet.errors import ConnectionLost, RemoteError
from fleet.remote.answer import Stream
from fleet.remote.limits import AFTER_EXIT, Limits
from fleet.remote.wire import Wire

_READ = 1 << 18


class _Wake(threading.Event):
    """Set by either stream; paramiko clears it when one stream is empty, which says nothing about the other."""

    def clear(self) -> None:
        """Left to `rearm`."""

    def rearm(self) -> None:
        """To be called before the streams are drained, so that nothing that comes meanwhile is missed."""
        super().clear()


class _Feeder:
    """Writes stdin: at once what fits the first window, in a thread what does not."""

    def __init__(self, channel: Channel, head: bytes, more: Iterable[bytes]) -> None:
        self._channel = channel
        self._pieces = (head, more)
        self.failure: BaseException | None = None
        self.sent = 0

    def start(self, large: bool) -> None:
        """Begin, or do all of it."""
        if large:
            threading.Thread(target=self._write, daemon=True, name="fleet-stdin").start()
        else:
            self._write()

    def _write(self) -> None:
        try:
            self._send(self._pieces[0])
            for piece in self._pieces[1]:
                self._send(piece)
            self._channel.shutdown_write()
        except (OSError, EOFError, SSHException):
            pass  # the command has ended without reading it all, which is its right; or the connection, which others notice
        except BaseException as error:
            self.failure = error
            with suppress(OSError, EOFError, SSHException):
                self._channel.close()

    def _send(self, data: bytes) -> None:
        self._channel.sendall(data)
        self.sent += len(data)


class _Pulse:
    """Asks a silent host for an answer, as ServerAliveInterval does; three times in vain means that it is gone."""

    def __init__(self, transport: Transport, every: float) -> None:
        self._transport = transport
        self._every = every
        self._asked = 0.0
        self._unanswered = 0

    def check(self, now: float) -> None:
        """To be called often. Raises ConnectionLost."""
        wire: Any = self._transport.sock
        if not isinstance(wire, Wire) or now - max(wire.heard, self._asked) < self._every:
            return
        self._unanswered = self._unanswered + 1 if wire.heard < self._asked else 0
        if self._unanswered == 3:
            raise ConnectionLost(f"The host has not answered for {now - wire.heard:.0f} s.", "Is it up? Then run it again.")
        self._asked = now
        message = Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        _send(self._transport, message)


def run_on_channel(
    transport: Transport, command: str, head: bytes, more: Iterable[bytes], large: bool, out: Stream, err: Stream, limits: Limits
) -> int:
    """Run a command and give its exit code.

    Raises ConnectionLost, CommandTimeout, or RemoteError if the host does not run it or kills it.
    """
    channel = _open(transport, limits)
    try:
        wake = _Wake()
        channel.in_buffer.set_event(wake)
        channel.in_stderr_buffer.set_event(wake)
        _request(transport, channel, command, limits)
        feeder = _Feeder(channel, head, more)
        channel.settimeout(limits.total)
        feeder.start(large)
        _drain(transport, channel, wake, feeder, out, err, limits)
        return _exit_code(transport, channel, limits)
    except (SSHException, OSError, EOFError) as error:
        raise lost(error) from error
    finally:
        channel.close()


def lost(error: BaseException | None = None) -> ConnectionLost:
    """The connection is gone."""
    reason = f": {error}" if error and str(error) else ""
    return ConnectionLost(f"The connection broke while something ran on the host{reason}.", "Is the host up? Then run it again.")


def _open(transport: Transport, limits: Limits) -> Channel:
    try:
        return transport.open_session(timeout=limits.opening)
    except ChannelException as error:
        raise RemoteError(
            f"The host refuses another session on this connection: {error.text}.",
            "Raise MaxSessions in its /etc/ssh/sshd_config, or run less side by side.",
        ) from error
    except (SSHException, OSError, EOFError) as error:
        raise lost(error) from error


def _request(transport: Transport, channel: Channel, command: str, limits: Limits) -> None:
    """Ask for the command; as `Channel.exec_command`, which waits for ever for the answer."""
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)
    message.add_string(command)
    channel._event_pending()  # type: ignore[attr-defined]
    _send(transport, message)
    if not channel.event.wait(limits.opening):
        raise ConnectionLost("The host did not answer when it was asked to run a command.", "Is it overloaded? Try again.")
    if not channel.event_ready:
        if not transport.is_active():
            raise lost(transport.get_exception())
        raise RemoteError("The host refuses to run commands for this user.", "See ForceCommand and the login shell there.")


def _drain(
    transport: Transport, channel: Channel, wake: _Wake, feeder: _Feeder, out: Stream, err: Stream, limits: Limits
) -> None:
    began = last = time.monotonic()
    pulse = _Pulse(transport, limits.keepalive)
    exited: float | None = None
    fed = 0
    while True:
        wake.wait(min(1.0, limits.keepalive / 2))
        wake.rearm()
        now = time.monotonic()
        if _take(channel, out, err) or feeder.sent != fed:
            last, fed = now, feeder.sent
        if feeder.failure:
            raise feeder.failure
        if (channel.eof_received or channel.closed) and not channel.recv_ready() and not channel.recv_stderr_ready():
            return
        exited = exited or (now if channel.exit_status_ready() else None)
        if exited and now - max(exited, last) > AFTER_EXIT:
            return
        limits.check(now - began, now - last)
        pulse.check(now)


def _take(channel: Channel, out: Stream, err: Stream) -> bool:
    took = False
    while channel.recv_ready():
        out.feed(channel.recv(_READ))
        took = True
    while channel.recv_stderr_ready():
        err.feed(channel.recv_stderr(_READ))
        took = True
    return took


def _send(transport: Transport, message: Message) -> None:
    transport._send_user_message(message)  # type: ignore[attr-defined]


def _exit_code(transport: Transport, channel: Channel, limits: Limits) -> int:
    if not channel.status_event.wait(limits.opening):
        raise ConnectionLost("The host ended the output of a command and never told its exit code.", "Run it again.")
    if channel.exit_status >= 0:
        return channel.exit_status
    if not transport.is_active():
        raise lost(transport.get_exception())
    raise RemoteError("The command was killed on the host.", "Is it short of memory? See: journalctl -k -n 50")
