"""From what sockets and paramiko raise to what a person can act on."""

from __future__ import annotations

import errno
import socket

from paramiko import AuthenticationException, ChannelException, SSHException
from paramiko.ssh_exception import IncompatiblePeer, ProxyCommandFailure

from fleet.errors import FleetError, Unreachable


class Transient(Unreachable):
    """A transport that may well come about at the next attempt; the only thing that is ever retried."""


_HINTS = {
    errno.ECONNREFUSED: "Is the port right, and does sshd run there? A host that is booting refuses for a while.",
    errno.EHOSTUNREACH: "Is the host switched on, and is its address right?",
    errno.ENETUNREACH: "This machine has no route to that network: is the VPN up?",
    errno.ECONNRESET: "sshd may have too many logins at once (MaxStartups), or a firewall is in between.",
}
_PORT_HINT = "Check the address and the port: something other than an SSH server may listen there."
_SILENT_HINT = "Is the host switched on, and is its address right? A firewall may drop what comes from here."


def connecting(error: BaseException, label: str) -> FleetError:
    """The error of an attempt to connect, in words; a Transient where another attempt makes sense."""
    if isinstance(error, FleetError):
        return error
    if isinstance(error, socket.gaierror):
        kind = Transient if error.errno == socket.EAI_AGAIN else Unreachable
        return kind(f"The address of {label} can't be resolved: {error.strerror}.", "Check its address in the inventory.")
    if isinstance(error, TimeoutError):
        return Transient(f"{label} did not answer in time.", _SILENT_HINT)
    if isinstance(error, ChannelException):
        return _through_gateway(error, label)
    if isinstance(error, IncompatiblePeer):
        return Unreachable(f"{label} and this machine have no algorithm in common: {error}.", "Update the host's SSH server.")
    if isinstance(error, EOFError):
        return Transient(f"{label} closed the connection before the login.", _HINTS[errno.ECONNRESET])
    if isinstance(error, ProxyCommandFailure):
        return Transient(f"The ProxyCommand to {label} failed: {error.error}", "Run it by hand; `ssh -G` shows it.")
    if isinstance(error, SSHException):
        return _in_handshake(error, label)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return Transient(f"{label} can't be reached: {reason}.", _HINTS.get(error.errno or 0, _SILENT_HINT))
    raise error


def _in_handshake(error: SSHException, label: str) -> FleetError:
    text = str(error)
    if isinstance(error, AuthenticationException):
        return Transient(f"{label} broke off during the login: {text}", _HINTS[errno.ECONNRESET])
    if "Indecipherable" in text or "Invalid SSH banner" in text:
        return Unreachable(f"{label} does not speak SSH.", _PORT_HINT)
    if "banner" in text:
        reason = text.partition("banner")[2].strip() or "it said nothing"
        return Transient(f"{label} accepted the connection and then did not answer as an SSH server: {reason}.", _PORT_HINT)
    return Transient(f"{label} broke off the key exchange: {text}", _HINTS[errno.ECONNRESET])


def _through_gateway(error: ChannelException, label: str) -> FleetError:
    if error.code == 1:
        return Unreachable(f"The gateway may not connect to {label}.", "Set AllowTcpForwarding yes in the gateway's sshd_config.")
    return Transient(f"The gateway can't reach {label}: {error.text}.", "Is the address right as the gateway sees it?")
