"""Logins at real servers: which keys are offered, and what is said when none is taken."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.errors import AuthenticationError
from fleet.model import Host
from fleet.remote import Settings, connect, execute
from fleet.shell import Secret
from tests.sshd.fixtures import MakeSshd
from tests.sshd.server import Sshd, make_key


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An agent of our own, empty, and the environment that leads to it."""
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert process.poll() is None
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield socket
    process.terminate()
    process.wait()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without keys."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    return tmp_path / "home"


def _locked(key: Path, tmp_path: Path) -> Path:
    """The same key with a passphrase."""
    locked = tmp_path / "locked"
    locked.write_bytes(key.read_bytes())
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(locked)], check=True, capture_output=True)
    return locked


def test_wrong_key_says_what_was_tried(sshd: Sshd, settings: Settings, host_of, tmp_path: Path) -> None:
    """One attempt, no retry, and a remedy with key, port and user."""
    wrong = make_key(tmp_path / "wrong")
    with pytest.raises(AuthenticationError) as error:
        connect(host_of(sshd, key=str(wrong)), settings)
    assert f"key {wrong}" in error.value.message
    assert f"ssh-copy-id -i {wrong} -p {sshd.port} {sshd.user}@127.0.0.1" in error.value.hint
    assert sshd.log.count("Connection from") == 2  # the start's own look at the port is one


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTY's format"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJRQSLyXtq0C4eC7O0slV7SzlQcJBa/khibqIZE6ttIz me\n", "it is a public key"),
        ("", "can't be used"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n####\n-----END OPENSSH PRIVATE KEY-----\n", "can't be used"),
    ],
)
def test_key_file_that_is_none(sshd: Sshd, settings: Settings, host_of, tmp_path: Path, content: str | None, says: str) -> None:
    """A key of the inventory that can't be used is an error of its own, and nothing else is tried in its place."""
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AuthenticationError, match=says):
        connect(host_of(sshd, key=str(path)), settings)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("form", ["openssh", "PEM"])
def test_all_kinds_of_keys(make_sshd: MakeSshd, settings: Settings, host_of, tmp_path: Path, kind: str, form: str) -> None:
    """Ed25519, ECDSA and RSA keys log in, in OpenSSH's format and in the older one."""
    key = make_key(tmp_path / kind, kind)
    if form == "PEM" and kind != "ed25519":
        subprocess.run(
            ["ssh-keygen", "-q", "-p", "-m", "PEM", "-P", "", "-N", "", "-f", str(key)], check=True, capture_output=True
        )
    server = make_sshd(f"AuthorizedKeysFile {key}.pub")
    server._config.write_text(server._config.read_text().replace("AuthorizedKeysFile", "#", 1))
    with connect(host_of(server.start(), key=str(key)), settings) as c:
        assert execute(c, "true", timeout=10).code == 0


def test_encrypted_key(sshd: Sshd, settings: Settings, host_of, key: Path, tmp_path: Path, home: Path) -> None:
    """An encrypted key needs its passphrase; without it, or with a wrong one, the error says so."""
    locked = str(_locked(key, tmp_path))
    with pytest.raises(AuthenticationError, match="is encrypted") as error:
        connect(host_of(sshd, key=locked), settings)
    assert f"ssh-add {locked}" in error.value.hint
    with pytest.raises(AuthenticationError, match="passphrase is wrong"):
        connect(host_of(sshd, key=locked), replace(settings, passphrase=Secret("wrong")))
    connect(host_of(sshd, key=locked), replace(settings, passphrase=Secret("open sesame"))).close()


def test_encrypted_key_from_agent(sshd: Sshd, settings: Settings, host_of, key: Path, tmp_path: Path, agent: Path) -> None:
    """The agent opens an encrypted key, found by the public part that the file itself holds; other keys stay unused."""
    locked = _locked(key, tmp_path)
    for other in range(7):
        subprocess.run(["ssh-add", "-q", str(make_key(tmp_path / f"other{other}"))], check=True)
    subprocess.run(["ssh-add", "-q", str(key)], check=True)
    connect(host_of(sshd, key=str(locked)), settings).close()
    assert "Failed publickey" not in sshd.log


def test_agent_alone(sshd: Sshd, settings: Settings, key: Path, home: Path, agent: Path) -> None:
    """Without any key named, the agent's keys are offered."""
    subprocess.run(["ssh-add", "-q", str(key)], check=True)
    os.environ["SSH_AUTH_SOCK"] = str(agent)
    connect(Host("pi", "127.0.0.1", user=sshd.user, port=sshd.port), settings).close()


def test_default_key(sshd: Sshd, settings: Settings, key: Path, home: Path) -> None:
    """Without any key named and no agent, ~/.ssh/id_* is offered."""
    (home / ".ssh" / "id_ed25519").write_bytes(key.read_bytes())
    connect(Host("pi", "127.0.0.1", user=sshd.user, port=sshd.port), settings).close()


def test_nothing_to_try(sshd: Sshd, settings: Settings, home: Path) -> None:
    """With no key, no agent and no password the error says so, and what the server would take."""
    with pytest.raises(AuthenticationError, match="no key and no password to try; it allows publickey"):
        connect(Host("pi", "127.0.0.1", user=sshd.user, port=sshd.port), settings)


def test_too_many_keys(make_sshd: MakeSshd, settings: Settings, tmp_path: Path, home: Path, agent: Path) -> None:
    """A server that ends the login after too many keys is not mistaken for a bad line: the error names the cure."""
    os.environ["SSH_AUTH_SOCK"] = str(agent)
    server = make_sshd("MaxAuthTries 3").start()
    for number in range(6):
        subprocess.run(["ssh-add", "-q", str(make_key(tmp_path / f"k{number}"))], check=True)
    with pytest.raises(AuthenticationError, match="ended the login after") as error:
        connect(Host("pi", "127.0.0.1", user=server.user, port=server.port), settings)
    assert "`key:`" in error.value.hint


def test_identity_file_of_ssh_config(sshd: Sshd, settings: Settings, key: Path, home: Path) -> None:
    """IdentityFile with tokens is honoured, and the user of ssh_config where the inventory is silent."""
    assert settings.ssh_config
    (home / "key-127.0.0.1").write_bytes(key.read_bytes())
    settings.ssh_config.write_text(
        f"Host 127.*\n  User {sshd.user}\n  Port {sshd.port}\n  IdentityFile %d/key-%h\n  IdentitiesOnly yes\n"
    )
    with connect(Host("pi", "127.0.0.1"), settings) as c:
        assert (c.user, c.port) == (sshd.user, sshd.port)


def test_password_is_not_sent_where_only_keys_are_taken(sshd: Sshd, settings: Settings, home: Path) -> None:
    """A server without password logins refuses, and the error says what it allows."""
    with pytest.raises(AuthenticationError, match="tried the password; it allows publickey"):
        connect(Host("pi", "127.0.0.1", user=sshd.user, port=sshd.port), replace(settings, password=Secret("x")))


def test_certificate_beside_the_key(make_sshd: MakeSshd, settings: Settings, host_of, tmp_path: Path) -> None:
    """A certificate beside the key logs in where only the authority's word counts."""
    authority, key = make_key(tmp_path / "ca"), make_key(tmp_path / "certified")
    probe = make_sshd()
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "x", "-n", probe.user, f"{key}.pub"], check=True)
    server = make_sshd(f"TrustedUserCAKeys {authority}.pub").start()
    connect(host_of(server, key=str(key)), settings).close()
