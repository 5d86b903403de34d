"""Errors of connecting in words, keys from files, and what importing the package does not do."""

from __future__ import annotations

import errno
import logging
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from paramiko import ChannelException, SSHException
from paramiko.ssh_exception import IncompatiblePeer, ProxyCommandFailure

from fleet.errors import FleetError, Unreachable
from fleet.remote import Settings, default_known_hosts
from fleet.remote.keys import load_key, public_part
from fleet.remote.translate import Transient, connecting
from fleet.shell import Secret


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), Transient, "Connection refused"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Transient, "No route to host"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), Transient, "reset"),
        (TimeoutError(), Transient, "did not answer in time"),
        (EOFError(), Transient, "closed the connection"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Unreachable, "can't be resolved"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), Transient, "can't be resolved"),
        (SSHException("Error reading SSH protocol banner[Errno 104] reset"), Transient, "did not answer as an SSH server"),
        (SSHException('Indecipherable protocol version "HTTP/1.1"'), Unreachable, "does not speak SSH"),
        (SSHException("something else"), Transient, "something else"),
        (IncompatiblePeer("no acceptable host key"), Unreachable, "no algorithm in common"),
        (ProxyCommandFailure("", "it ended with 1"), Transient, "ended with 1"),
        (ChannelException(1, "Administratively prohibited"), Unreachable, "may not connect"),
        (ChannelException(2, "Connect failed"), Transient, "can't reach"),
    ],
)
def test_every_error_has_words_and_a_remedy(error: Exception, kind: type[FleetError], says: str) -> None:
    """Each error names the host, says what happened, has a hint, and is tried again only where that makes sense."""
    said = connecting(error, "pi (10.0.0.1)")
    assert type(said) is kind
    assert "pi (10.0.0.1)" in said.message
    assert says in said.message
    assert said.hint


def test_errors_of_ours_pass_and_bugs_too() -> None:
    """What has words already keeps them, and a bug is not dressed up as a network problem."""
    ours = FleetError("x")
    assert connecting(ours, "pi") is ours
    with pytest.raises(ZeroDivisionError):
        connecting(ZeroDivisionError(), "pi")


def test_settings_show_no_secret() -> None:
    """Secrets are masked however the settings are shown."""
    settings = Settings(password=Secret("hunter2"), passphrase=Secret("sesame"))
    for text in (repr(settings), str(asdict(settings))):
        assert "hunter2" not in text
        assert "sesame" not in text


def test_known_hosts_are_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fleet's known_hosts is in the user's state folder."""
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_known_hosts() == Path("/state/fleet/known_hosts")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_known_hosts() == Path("~/.local/state/fleet/known_hosts").expanduser()


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_public_part_without_the_pub_file(tmp_path: Path, passphrase: str) -> None:
    """A key file of OpenSSH's format tells its public part, even when it is encrypted."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(key)], check=True)
    with_file = public_part(str(key))
    Path(f"{key}.pub").unlink()
    assert public_part(str(key)) == with_file
    assert load_key(str(key), Secret(passphrase) if passphrase else None).asbytes() == with_file


def test_paramiko_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """Paramiko's tracebacks reach neither the screen nor the root logger."""
    logging.getLogger("paramiko.transport").error("Exception (client): boo")
    assert capfd.readouterr() == ("", "")


def test_nothing_is_imported_before_its_time() -> None:
    """The files and errors of the core bring neither paramiko nor fabric with them."""
    code = (
        "import fleet.model, fleet.errors, fleet.inventory, sys; print([m for m in ('paramiko', 'fabric') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
