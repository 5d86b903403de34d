"""Connections, sudo of every kind and login shells of every kind, on real hosts."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.errors import AuthenticationError, ConnectionLost, SudoError
from fleet.model import Host as Entry
from fleet.remote import Settings, Way, check_sudo, connect, execute, probe, stage, upload
from fleet.shell import Secret
from tests.lab import users
from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.lab.lab import Lab, Spec

pytestmark = pytest.mark.lab

ROOTED = {"root": Way.ROOT, "passwordless": Way.PASSWORDLESS, "password": Way.PASSWORD, "none": Way.NONE}
FORGETFUL = "Defaults timestamp_timeout=0"


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[dict[str, Host]]:
    """One host with classic sudo and one with sudo-rs, for all tests of this file."""
    made = lab.up_many({"sudo-classic": Spec("debian-bookworm"), "sudo-rs": Spec("debian-trixie", sudo="rs")})
    yield made
    for host in made.values():
        host.destroy()


@pytest.fixture(params=["sudo-classic", "sudo-rs"])
def host(request: pytest.FixtureRequest, hosts: dict[str, Host]) -> Host:
    """Each of the two."""
    return hosts[request.param]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that touch nothing of the user's."""
    return Settings(known_hosts=tmp_path / "known_hosts", use_ssh_config=False)


def _entry(lab: Lab, host: Host, user: str, key: Path | None = None) -> Entry:
    return Entry(host.name, host.address, user=user, key=str(key or lab.key))


def _password(user: users.User) -> Secret | None:
    return Secret(user.password) if user.password else None


@pytest.mark.parametrize("user", users.USERS, ids=lambda user: user.name)
def test_every_user(lab: Lab, host: Host, settings: Settings, user: users.User) -> None:
    """Whatever shell, noise and sudo a user has: the same answer, and root as far as the user may be root."""
    expected = ROOTED[user.sudo]
    with connect(_entry(lab, host, user.name), settings) as c:
        done = probe(c, "id -un; echo e >&2", "id -un; exit 1", sudo_password=_password(user), timeout=60)
        assert done.out == f"{user.name}\n@fleet-root {expected}\n" + ("root\n" if expected.is_root else "")
        assert done.err == "e\n"
        assert execute(c, "wc -c", timeout=30, stdin=b"x" * 300_000).out.strip() == "300000"
        if expected.is_root:
            script = "id -un; wc -c; exit 1"
            done = execute(c, script, root=True, sudo_password=_password(user), timeout=60, stdin=b"x" * 300_000)
            assert (done.code, done.out.split()) == (1, ["root", "300000"])


@pytest.mark.parametrize("name", ["carol", "rusty"])
def test_passwords_of_sudo(lab: Lab, host: Host, settings: Settings, name: str) -> None:
    """No password, a wrong one and the right one are told apart, and a host that needs one says so before any change."""
    with connect(_entry(lab, host, name), settings) as c:
        assert check_sudo(c, None) is Way.NEEDS_PASSWORD
        assert check_sudo(c, Secret("wrong 'one")) is Way.WRONG_PASSWORD
        with pytest.raises(SudoError, match="wants a password"):
            execute(c, "touch /never", root=True, timeout=30)
        assert check_sudo(c, Secret(users.user(name).password or "")) is Way.PASSWORD
    assert host.exec("ls /never", check=False).returncode


def test_password_is_nowhere_on_the_host(lab: Lab, host: Host, settings: Settings) -> None:
    """Neither the password nor the script is in the host's logs, nor among the arguments of any process."""
    carol = users.user("carol")
    with connect(_entry(lab, host, "carol"), settings) as c:
        script = "sleep 1; ps -eo args; : canary-of-the-script"
        seen = execute(c, script, root=True, sudo_password=_password(carol), timeout=30).out
    logs = host.exec("journalctl --no-pager -o cat; cat /var/log/auth.log 2>/dev/null; true").stdout
    assert "COMMAND=" in logs
    for text in (seen, logs):
        assert carol.password
        assert carol.password not in text
        assert "canary-of-the-script" not in text


def test_sudo_that_remembers_nothing(lab: Lab, fresh_host: MakeHost, settings: Settings) -> None:
    """With timestamp_timeout=0 each step needs the password again, and stdin still arrives whole: in both kinds of sudo."""
    for kind in ("classic", "rs"):
        host = fresh_host("debian-trixie", sudo=kind)
        host.exec(f"for f in /etc/sudoers /etc/sudoers-rs; do [ ! -e $f ] || sed -i '1i {FORGETFUL}' $f; done")
        with connect(_entry(lab, host, "rusty"), settings) as c:
            for _ in range(2):
                done = execute(
                    c, "id -un; wc -c", root=True, sudo_password=_password(users.user("rusty")), timeout=60, stdin=b"x" * 100_000
                )
                assert done.out.split() == ["root", "100000"]


def test_sudo_that_wants_a_terminal(lab: Lab, fresh_host: MakeHost, settings: Settings) -> None:
    """With requiretty classic sudo says so, whatever the password is, and the line of the hint cures it; sudo-rs goes on."""
    for kind, without, given in (
        ("classic", Way.NEEDS_TERMINAL, Way.NEEDS_TERMINAL),
        ("rs", Way.NEEDS_PASSWORD, Way.PASSWORD),
    ):
        host = fresh_host("debian-trixie", sudo=kind)
        host.exec("for f in /etc/sudoers /etc/sudoers-rs; do [ ! -e $f ] || sed -i '1i Defaults requiretty' $f; done")
        with connect(_entry(lab, host, "carol"), settings) as c:
            assert check_sudo(c, None) is without
            assert check_sudo(c, _password(users.user("carol"))) is given
            if kind == "classic":
                with pytest.raises(SudoError, match="only at a terminal") as refused:
                    execute(c, "touch /never", root=True, sudo_password=_password(users.user("carol")), timeout=30)
                place, line = re.findall(r"visudo -f (\S+), and write this line: (.*)$", refused.value.hint)[0]
                host.exec(f"echo '{line}' >{place} && chmod 440 {place} && visudo -c")
                assert check_sudo(c, _password(users.user("carol"))) is Way.PASSWORD
        assert host.exec("ls /never", check=False).returncode


def test_login_with_password_alone(
    lab: Lab, host: Host, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A password logs in where there is no key; a wrong one is refused at once."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    entry = Entry(host.name, host.address, user="carol")
    with connect(entry, replace(settings, password=_password(users.user("carol")))) as c:
        assert execute(c, "id -un", timeout=30).out == "carol\n"
    with pytest.raises(AuthenticationError, match="tried the password"):
        connect(entry, replace(settings, password=Secret("wrong")))


def test_groups_are_fresh_after_reopen(lab: Lab, host: Host, settings: Settings) -> None:
    """A group that was given during a connection is there after reopen()."""
    host.exec("groupadd -f newgroup")
    with connect(_entry(lab, host, "pi"), settings) as c:
        execute(c, "usermod -aG newgroup pi", root=True, timeout=30)
        assert "newgroup" not in execute(c, "id -nG", timeout=30).out
        c.reopen()
        assert "newgroup" in execute(c, "id -nG", timeout=30).out.split()


def test_upload_leaves_nothing_behind(lab: Lab, host: Host, settings: Settings) -> None:
    """A file arrives in a folder that only its user reads, and the folder goes with the connection."""
    with connect(_entry(lab, host, "fishy"), settings) as c:
        folder = stage(c)
        upload(c, b"x" * 3_000_000, f"{folder}/big", mode=0o644, timeout=60)
        assert execute(c, f"stat -c '%s %a %U' {folder}/big {folder}", timeout=30).out.split("\n")[0] == "3000000 644 fishy"
    assert host.exec(f"ls -d {folder}", check=False).returncode


def test_nothing_lives_on_as_root(lab: Lab, host: Host, settings: Settings) -> None:
    """A command of root's that takes too long is ended on the host, by root."""
    from fleet.errors import CommandTimeout

    with connect(_entry(lab, host, "pi"), settings) as c, pytest.raises(CommandTimeout):
        execute(c, "sleep 4321 & sleep 4321", root=True, timeout=2)
    assert host.exec("pgrep -fx 'sleep 4321'", check=False).returncode


def test_power_cut_in_a_command(lab: Lab, fresh_host: MakeHost, settings: Settings) -> None:
    """A host that dies without a word is given up within a few keepalives."""
    host = fresh_host("debian-trixie")
    with connect(_entry(lab, host, "pi"), replace(settings, keepalive=1)) as c:
        threading.Timer(1, host.faults.hang).start()
        began = time.monotonic()
        try:
            with pytest.raises(ConnectionLost):
                execute(c, "sleep 60", timeout=90)
            assert time.monotonic() - began < 15
        finally:
            host.faults.resume()
