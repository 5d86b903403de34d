"""Host keys, gateways, keys and passwords, and hosts that can't be reached: by `fleet` on real hosts."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import users
from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.support.project import Project, Said

pytestmark = [pytest.mark.lab, pytest.mark.slow]

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
ECHO = ("--", "echo", "hello")


@pytest.fixture(scope="module")
def pair(lab: Lab) -> Iterator[tuple[Host, Host]]:
    """Two bare hosts for all tests of this file."""
    made = [lab.up(name, sshd="LogLevel VERBOSE") for name in ("ssh-gate", "ssh-inner")]
    yield made[0], made[1]
    for host in made:
        host.destroy()


@pytest.fixture
def gate(pair: tuple[Host, Host]) -> Host:
    """The one that others go through."""
    return pair[0]


@pytest.fixture
def inner(pair: tuple[Host, Host]) -> Host:
    """The one behind it."""
    return pair[1]


def _known_hosts(project: Project) -> Path:
    return project.folder / "state" / "fleet" / "known_hosts"


def _fingerprint(host: Host) -> str:
    return host.exec("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]


def _logins_from(host: Host) -> set[str]:
    return set(re.findall(r"Accepted \w+ for \w+ from (\S+)", host.exec("journalctl -u ssh -o cat").stdout))


# ── host keys ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_key_is_accepted_once(project: Project, gate: Host) -> None:
    """The first run tells the key and records it; the second finds it there and says nothing."""
    project.inventory([gate])
    first = project.fleet("run", gate.name, *ECHO)
    assert (first.code, first.out) == (0, "hello\n"), first
    assert "for the first time" in first.err, first
    assert _fingerprint(gate) in first.err, first
    recorded = _known_hosts(project).read_text()
    assert gate.address in recorded
    assert _known_hosts(project).stat().st_mode & 0o777 == 0o600

    second = project.fleet("run", gate.name, *ECHO)
    assert second.code == 0, second
    assert "for the first time" not in second.err, second
    assert _known_hosts(project).read_text() == recorded


def test_strict_host_keys(project: Project, gate: Host) -> None:
    """With --strict-host-keys an unknown host is refused, and what the hint says to type makes it known."""
    project.inventory([gate])
    said = project.fleet("run", gate.name, "--strict-host-keys", "--json", *ECHO)
    assert said.code == 1, said
    failure = said.hosts()[gate.name]["failure"]
    assert failure["stage"] == "host key"
    assert _fingerprint(gate) in failure["why"]
    assert not _known_hosts(project).exists()

    command = failure["hint"].rpartition("then: ")[2]
    assert command.startswith("ssh-keyscan")
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert project.fleet("run", gate.name, "--strict-host-keys", *ECHO).code == 0


def test_a_changed_key_stops_that_host_alone(project: Project, gate: Host, fresh_host: MakeHost) -> None:
    """Both fingerprints and the remedy are shown, the other host goes on, and after the remedy so does this one."""
    changing = fresh_host()
    project.inventory([gate, changing])
    assert project.fleet("run", "--all", *ECHO).code == 0
    before = _fingerprint(changing)
    changing.faults.change_host_key()
    after = _fingerprint(changing)

    said = project.fleet("run", "--all", "--json", *ECHO)
    assert said.code == 1, said
    hosts = said.hosts()
    assert hosts[gate.name]["result"] == "ok", said
    failure = hosts[changing.name]["failure"]
    assert failure["stage"] == "host key"
    assert FINGERPRINT.findall(failure["why"]) == [after, before], said
    assert "ssh-keygen -R" in failure["hint"]

    command = failure["hint"].partition(": ")[2]
    subprocess.run(command, shell=True, check=True, capture_output=True)
    assert project.fleet("run", "--all", *ECHO).code == 0


# ── gateways ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_through_a_gateway_of_the_inventory(project: Project, gate: Host, inner: Host) -> None:
    """`gateway:` names another host of the inventory: the host behind sees a login from there."""
    project.inventory([gate, inner], ssh_inner={"gateway": gate.name})
    said = project.fleet("run", inner.name, *ECHO)
    assert (said.code, said.out) == (0, "hello\n"), said
    assert gate.address in _logins_from(inner)


def test_through_a_gateway_of_ssh_config(project: Project, lab: Lab, gate: Host, fresh_host: MakeHost) -> None:
    """ProxyJump, HostName, User and IdentityFile of a file that another one includes are as good as the inventory."""
    behind = fresh_host()
    (project.folder / "more.conf").write_text(
        f"Host inside\n  HostName {behind.address}\n  ProxyJump door\n"
        f"Host door\n  HostName {gate.address}\n"
        f"Host inside door\n  User dashy\n  IdentityFile {lab.key}\n"
    )
    (project.folder / "config").write_text(f"Include {project.folder}/more.conf\nHost *\n  ServerAliveInterval 30\n")
    project.write_inventory({"one": {"address": "inside"}})
    said = project.fleet("run", "one", "-F", "config", "--", "id", "-un")
    assert (said.code, said.out) == (0, "dashy\n"), said
    assert _logins_from(behind) == {gate.address}


def test_a_gateway_whose_key_has_changed(project: Project, inner: Host, fresh_host: MakeHost) -> None:
    """The host behind it fails with the gateway's name, and nothing is sent through."""
    door = fresh_host(name="door")
    project.inventory([door, inner], ssh_inner={"gateway": "door"})
    assert project.fleet("run", inner.name, *ECHO).code == 0
    door.faults.change_host_key()
    before = inner.exec("journalctl -u ssh -o cat").stdout.count("Connection from")

    said = project.fleet("run", inner.name, "--json", *ECHO)
    assert said.code == 1, said
    failure = said.hosts()[inner.name]["failure"]
    assert failure["stage"] == "host key"
    assert "door" in failure["why"], said
    assert len(FINGERPRINT.findall(failure["why"])) == 2
    assert inner.exec("journalctl -u ssh -o cat").stdout.count("Connection from") == before


# ── logins ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def locked(project: Project, lab: Lab, gate: Host) -> Project:
    """A project whose only key has a passphrase."""
    project.inventory([gate], ssh_gate={"key": str(lab.encrypted_key)})
    project.env["SSH_AUTH_SOCK"] = ""
    return project


def test_an_encrypted_key_without_its_passphrase(locked: Project, gate: Host) -> None:
    """It is said that the key is encrypted, and both ways out."""
    said = locked.fleet("run", gate.name, "--json", *ECHO)
    assert said.code == 1, said
    failure = said.hosts()[gate.name]["failure"]
    assert failure["stage"] == "login"
    assert "is encrypted" in failure["why"]
    assert "ssh-add" in failure["hint"]
    assert "FLEET_PASSPHRASE" in failure["hint"]


def test_an_encrypted_key_with_its_passphrase(locked: Project, gate: Host) -> None:
    """The passphrase comes by an environment variable."""
    said = locked.fleet("run", gate.name, *ECHO, FLEET_PASSPHRASE=users.PASSPHRASE)
    assert (said.code, said.out) == (0, "hello\n"), said


def test_an_encrypted_key_with_a_wrong_passphrase(locked: Project, gate: Host) -> None:
    """A wrong passphrase is called that, and not shown."""
    said = locked.fleet("run", gate.name, *ECHO, FLEET_PASSPHRASE="wrong guess")
    assert said.code == 1, said
    assert "passphrase is wrong" in said.err
    assert "wrong guess" not in said.out + said.err


def test_an_encrypted_key_that_the_agent_has(locked: Project, lab: Lab, gate: Host, tmp_path: Path) -> None:
    """The agent signs with it, and no passphrase is needed."""
    with _agent(tmp_path / "agent") as sock:
        ask = tmp_path / "ask"
        ask.write_text(f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(users.PASSPHRASE)}\n")
        ask.chmod(0o700)
        environment = {**os.environ, "SSH_AUTH_SOCK": sock, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", str(lab.encrypted_key)], env=environment, check=True, stdin=subprocess.DEVNULL)
        said = locked.fleet("run", gate.name, *ECHO, SSH_AUTH_SOCK=sock)
    assert (said.code, said.out) == (0, "hello\n"), said


class _agent:
    """An ssh-agent at a socket, for as long as the block runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> str:
        self._process = subprocess.Popen(["ssh-agent", "-D", "-a", str(self._path)], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return str(self._path)

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _carol(project: Project, host: Host, password: str, *words: str) -> Said:
    project.write_inventory({"one": {"address": host.address, "user": "carol"}})
    return project.fleet("run", "one", *words, *ECHO, FLEET_PASSWORD=password, SSH_AUTH_SOCK="")


def test_a_login_with_a_password(project: Project, gate: Host) -> None:
    """A user without a key logs in with the password."""
    said = _carol(project, gate, users.user("carol").password or "")
    assert (said.code, said.out) == (0, "hello\n"), said


def test_a_login_with_a_wrong_password(project: Project, gate: Host) -> None:
    """It is refused with all that was tried, and the password is not among that."""
    said = _carol(project, gate, "not hers")
    assert said.code == 1, said
    assert "does not let carol in" in said.err
    assert "not hers" not in said.err


# ── hosts that can't be reached ──────────────────────────────────────────────────────────────────────────────────────


def test_unreachable_hosts(project: Project, lab: Lab, gate: Host) -> None:
    """A refused port and a dead address are unreachable, each with its reason; with all others fine that is exit code 4."""
    dead = lab.network.host_addresses(250)[0]
    entries = {
        "up": project.entry(gate),
        "refused": project.entry(gate, port=2),
        "dead": project.entry(gate, address=dead),
    }
    project.write_inventory(entries)
    said = project.fleet("run", "--all", "--connect-timeout", "1", "--json", *ECHO)
    assert said.code == 4, said
    hosts = said.hosts()
    assert {name: host["result"] for name, host in hosts.items()} == {
        "up": "ok",
        "refused": "unreachable",
        "dead": "unreachable",
    }
    assert "refused" in hosts["refused"]["failure"]["why"].lower().replace(f"refused ({gate.address}", "")
    assert hosts["dead"]["failure"]["hint"]
