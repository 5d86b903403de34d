"""ssh_config: when OpenSSH is asked, for whom one answer serves, and what is made of it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.errors import FileError, InventoryError
from fleet.model import Host
from fleet.remote import Settings, resolve_ssh, sshconfig
from fleet.remote.sshconfig import survey_files
from fleet.remote.sshconfig_fallback import options_by_paramiko
from fleet.remote.target import DEFAULT_KNOWN_HOSTS, SshTarget, gateway_host

needs_ssh = pytest.mark.skipif(not shutil.which("ssh"), reason="no ssh on this machine")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file; HOME is beside it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sshconfig, "_answers", {})
    return tmp_path / "config"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses for which `ssh -G` was run."""
    calls: list[str] = []
    run = subprocess.run

    def spy(command: list[str], **words: object) -> object:
        calls.append(command[-1])
        return run(command, **words)  # type: ignore[call-overload]

    monkeypatch.setattr(sshconfig.subprocess, "run", spy)
    return calls


def _resolve(config: Path, address: str, **words: object) -> SshTarget:
    return resolve_ssh(Host(address, address, **words), Settings(ssh_config=config))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["", "# Host pi\n#  User x\n", "Host *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n"],
)
def test_idle_files_cost_no_process(config: Path, asked: list[str], text: str) -> None:
    """Files that say nothing of a connection, as Debian ships them, are not worth a process."""
    config.write_text(text)
    target = _resolve(config, "pi")
    assert asked == []
    assert (target.hostname, target.port, target.user) == ("pi", 22, getpass.getuser())
    assert target.known_hosts == tuple(Path(p).expanduser() for p in DEFAULT_KNOWN_HOSTS)


@needs_ssh
def test_one_answer_for_all_that_match_alike(config: Path, asked: list[str]) -> None:
    """OpenSSH is asked once for hosts that the same Host lines match, and each still has its own address."""
    config.write_text("Host pi-*\n  User pi\n  Port 2222\nHost *\n  IdentityFile ~/.ssh/fleet\n")
    targets = [_resolve(config, f"pi-{n}") for n in range(50)] + [_resolve(config, f"other-{n}") for n in range(50)]
    assert asked == ["pi-0", "other-0"]
    assert [t.hostname for t in targets] == [f"pi-{n}" for n in range(50)] + [f"other-{n}" for n in range(50)]
    assert {(t.user, t.port) for t in targets[:50]} == {("pi", 2222)}
    assert {t.keys for t in targets} == {("~/.ssh/fleet",)}


@needs_ssh
@pytest.mark.parametrize(
    "text", ["Match host a\n  User x\n", "Host *\n  HostName %h.example\n", "CanonicalizeHostname yes\nUser x\n"]
)
def test_each_is_asked_where_files_can_tell_hosts_apart(config: Path, asked: list[str], text: str) -> None:
    """With Match, a HostName of tokens or canonical names, no answer is lent to another host."""
    config.write_text(text)
    assert _resolve(config, "a") != _resolve(config, "b")
    assert asked == ["a", "b"]


@needs_ssh
def test_same_as_openssh_for_every_host(config: Path) -> None:
    """Answers that are shared are the answers that OpenSSH would have given: negation, case, includes inside of blocks."""
    (config.parent / "more.conf").write_text("Host pi-2\n  Port 2002\nHost B*\n  Port 2003\n")
    config.write_text(f"Host pi-* !pi-9\n  User pi\n  Include {config.parent}/more.conf\nHost *.lan Pi-3\n  HostName real\n")
    for address in ("pi-1", "pi-2", "pi-3", "PI-3", "pi-9", "b1", "x.lan", "other"):
        alone = sshconfig._ask(address, None, None, config)
        target = _resolve(config, address)
        assert str(target.port) == alone["port"][0]
        assert target.user == alone["user"][0]
        assert target.hostname == alone.get("hostname", (address,))[0]


@needs_ssh
def test_inventory_wins(config: Path) -> None:
    """What the inventory says is stronger than ssh_config; where it is silent, ssh_config decides."""
    config.write_text("Host *\n  User theirs\n  Port 2\n  IdentityFile ~/theirs\n  HostName elsewhere\n  HostKeyAlias alias\n")
    target = _resolve(config, "pi", user="ours", port=3, key="~/ours")
    assert (target.user, target.port, target.keys, target.key_required) == ("ours", 3, ("~/ours",), True)
    assert (target.hostname, target.known_as) == ("elsewhere", "alias")


@needs_ssh
def test_none_means_none(config: Path) -> None:
    """The word none turns an option off; it is no name."""
    config.write_text("Host *\n  ProxyJump none\n  IdentityFile none\n  IdentityAgent none\n  User pi\n")
    target = _resolve(config, "pi")
    assert (target.jumps, target.keys, target.agent) == ((), (), "")


@needs_ssh
def test_comment_behind_a_value_is_refused_by_openssh_or_dropped(config: Path) -> None:
    """A comment at the end of a line never becomes part of a user's name."""
    config.write_text("Host *\n  User pi # the usual\n")
    assert _resolve(config, "x").user == "pi"


@needs_ssh
def test_mistake_is_told_in_openssh_words(config: Path) -> None:
    """A file that OpenSSH does not read stops the host, with the line."""
    config.write_text("Host *\n  Prot 22\n")
    with pytest.raises(FileError, match=r"line 2: Bad configuration option"):
        _resolve(config, "pi")


def test_config_can_be_left_out(config: Path, asked: list[str]) -> None:
    """With use_ssh_config off nothing is read."""
    config.write_text("Host *\n  User x\n")
    target = resolve_ssh(Host("pi", "pi"), Settings(ssh_config=config, use_ssh_config=False))
    assert (target.user, asked) == (getpass.getuser(), [])


def test_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens, the home folder and environment variables are replaced; an unknown token stays as it is."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("KEYS", "/keys")
    target = SshTarget("pi", "pi.lan", "10.0.0.1", 2222, "me", "10.0.0.1", ())
    assert target.expand("~/%h-%p-%r-%n-%%-%z") == "/home/me/10.0.0.1-2222-me-pi.lan-%-%z"
    assert target.expand("${KEYS}/%d/%i/${NOT_SET_AT_ALL}") == f"/keys//home/me/{os.getuid()}/${{NOT_SET_AT_ALL}}"
    assert target.expand_command("nc %h %p ~ $X") == "nc 10.0.0.1 2222 ~ $X"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gate", ("gate", None, None)),
        ("me@gate", ("gate", "me", None)),
        ("me@gate:2222", ("gate", "me", 2222)),
        ("ssh://me@gate:2222", ("gate", "me", 2222)),
        ("ssh://gate/", ("gate", None, None)),
        ("me@[fe80::1]:2222", ("fe80::1", "me", 2222)),
        ("fe80::1", ("fe80::1", None, None)),
    ],
)
def test_gateway_written_out(text: str, expected: tuple[str, str | None, int | None]) -> None:
    """[user@]host[:port], ssh:// and IPv6 addresses are understood."""
    host = gateway_host(text, {})
    assert (host.address, host.user, host.port) == expected


def test_gateway_by_name_and_nonsense() -> None:
    """The name of an inventory host stands for it; what is no host at all is an error."""
    gate = Host("gate", "10.0.0.1")
    assert gateway_host("gate", {"gate": gate}) is gate
    with pytest.raises(InventoryError):
        gateway_host("a:b", {})


class TestWithoutSsh:
    """paramiko's reader, used when there is no ssh binary."""

    def test_includes_comments_and_none(self, config: Path) -> None:
        """Include is followed, comments are dropped, and none is no name."""
        (config.parent / "more.conf").write_text("Host pi\n  Port 2222\n")
        config.write_text(
            f"Include {config.parent}/more.conf\nHost *\n  User pi # comment\n  ProxyJump none\n  IdentityFile none\n"
        )
        options = options_by_paramiko("pi", None, config)
        assert (options["port"], options["user"]) == (("2222",), ("pi",))
        assert not {"proxyjump", "identityfile"} & set(options)

    @pytest.mark.parametrize("text", ["Match tagged x\n  User y\n", "Host pi\n  Include more.conf\n"])
    def test_what_it_would_misread_is_refused(self, config: Path, text: str) -> None:
        """What paramiko reads otherwise than OpenSSH is refused with the remedy."""
        config.write_text(text)
        with pytest.raises(FileError) as error:
            options_by_paramiko("pi", None, config)
        assert "OpenSSH client" in error.value.hint

    def test_is_used_when_ssh_is_missing(self, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without ssh on the PATH the fallback answers."""
        monkeypatch.setattr(sshconfig.shutil, "which", lambda _: None)
        config.write_text("Host pi\n  HostName 10.0.0.1\n  User me\n")
        target = _resolve(config, "pi")
        assert (target.hostname, target.user) == ("10.0.0.1", "me")


def test_survey_follows_includes_by_glob(config: Path) -> None:
    """Included files count, found by pattern and relative to ~/.ssh."""
    folder = config.parent / ".ssh" / "config.d"
    folder.mkdir(parents=True)
    (folder / "a.conf").write_text("Host a b\n  Port 1\n")
    config.write_text("Include config.d/*.conf\n")
    survey = survey_files(config)
    assert survey.host_lines == (("a", "b"),)
    assert not survey.is_idle
    assert survey.signature("a") == survey.signature("b") != survey.signature("c")
