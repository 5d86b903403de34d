"""Connections that `fab -H` made, put under our rules before they are open."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabric import Connection

from fleet.errors import AuthenticationError, FleetError, HostKeyError, Unreachable
from fleet.remote import Settings, execute, harden, stage, upload
from fleet.remote.wire import FleetTransport
from tests.sshd.fixtures import MakeSshd
from tests.sshd.server import Sshd, free_port, make_key


def _made_by_fab(server: Sshd, key: Path, **words: object) -> Connection:
    return Connection("127.0.0.1", user=server.user, port=server.port, connect_kwargs={"key_filename": str(key)}, **words)


def test_hardened_connection_checks_and_works(sshd: Sshd, settings: Settings, key: Path) -> None:
    """The key is recorded, the transport is the tuned one, and Fabric's own methods go through it."""
    with _made_by_fab(sshd, key) as c:
        harden(c, settings)
        harden(c, settings)
        assert c.run("echo hello", hide=True, in_stream=False).stdout == "hello\n"
        assert isinstance(c.transport, FleetTransport)
        assert execute(c, "echo ours", timeout=10).out == "ours\n"
    assert sshd.public_key() in settings.known_hosts.read_text()


def test_stage_of_a_hardened_connection(sshd: Sshd, settings: Settings, key: Path) -> None:
    """Files can be brought there as well, and the folder for them goes with the connection."""
    with _made_by_fab(sshd, key) as c:
        harden(c, settings)
        c.open()
        folder = stage(c)
        upload(c, b"content", f"{folder}/file", timeout=30)
        assert Path(folder, "file").read_bytes() == b"content"
        assert execute(c, "id -u", root=True, timeout=30).code == 0
    assert not Path(folder).exists()


def test_changed_key_stops_a_hardened_connection(sshd: Sshd, settings: Settings, key: Path, tmp_path: Path) -> None:
    """Fabric by itself would have connected without a word."""
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[1]
    settings.known_hosts.parent.mkdir(parents=True)
    settings.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} ssh-ed25519 {other}\n")
    c = _made_by_fab(sshd, key)
    harden(c, settings)
    with pytest.raises(HostKeyError, match="has changed"):
        c.open()


def test_gateway_is_hardened_too(make_sshd: MakeSshd, settings: Settings, key: Path) -> None:
    """The hop's key is checked and recorded like the host's."""
    gate, behind = make_sshd().start(), make_sshd().start()
    with _made_by_fab(behind, key, gateway=_made_by_fab(gate, key)) as c:
        harden(c, settings)
        c.open()
        assert execute(c, "echo through", timeout=10).out == "through\n"
        c.gateway.close()
    assert len(settings.known_hosts.read_text().splitlines()) == 2


def test_errors_are_ours(sshd: Sshd, settings: Settings, key: Path, tmp_path: Path) -> None:
    """A wrong key and a closed port come out as our errors, not paramiko's."""
    c = _made_by_fab(sshd, make_key(tmp_path / "wrong"))
    harden(c, settings)
    with pytest.raises(AuthenticationError):
        c.open()
    away = Connection("127.0.0.1", user="x", port=free_port(), connect_kwargs={"key_filename": str(key)})
    harden(away, settings)
    with pytest.raises(Unreachable):
        away.open()


def test_too_late_to_harden(sshd: Sshd, settings: Settings, key: Path) -> None:
    """An open connection has been believed already."""
    with _made_by_fab(sshd, key) as c:
        c.open()
        with pytest.raises(FleetError, match="open already"):
            harden(c, settings)
