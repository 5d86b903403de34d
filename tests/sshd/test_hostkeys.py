"""Host keys against real servers: unknown, known, changed, revoked; hashed names, other types, aliases."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.errors import HostKeyError
from fleet.remote import Settings, connect, execute
from fleet.remote.hostkeys import fingerprint
from tests.sshd.fixtures import MakeSshd
from tests.sshd.server import Sshd, make_key


def _name(server: Sshd) -> str:
    return f"[127.0.0.1]:{server.port}"


def _write_user_file(settings: Settings, text: str) -> Path:
    assert settings.ssh_config
    path = settings.ssh_config.parent / "user_known_hosts"
    path.write_text(text)
    return path


def test_unknown_host_is_accepted_once_and_recorded(sshd: Sshd, settings: Settings, host_of) -> None:
    """By default the first key that a host shows is recorded, in the spelling of OpenSSH, for our eyes only."""
    for _ in range(2):
        connect(host_of(sshd), settings).close()
    assert settings.known_hosts.read_text() == f"{_name(sshd)} {sshd.public_key()}\n"
    assert settings.known_hosts.stat().st_mode & 0o777 == 0o600


def test_strict_refuses_unknown_host(sshd: Sshd, settings: Settings, host_of) -> None:
    """With strict host keys an unknown host is refused before any login, with its fingerprint and the way out."""
    with pytest.raises(HostKeyError) as error:
        connect(host_of(sshd), replace(settings, strict_host_keys=True))
    assert fingerprint(sshd.public_key().split()[1]) in error.value.message
    assert f"ssh-keyscan -p {sshd.port} 127.0.0.1" in error.value.hint
    assert not settings.known_hosts.exists()
    assert "Accepted publickey" not in sshd.log


def test_strict_hint_works_when_typed(sshd: Sshd, settings: Settings, host_of) -> None:
    """The remedy of the error, run by a shell, makes the host known."""
    settings.known_hosts.parent.mkdir(parents=True)
    strict = replace(settings, strict_host_keys=True)
    with pytest.raises(HostKeyError) as error:
        connect(host_of(sshd), strict)
    subprocess.run(error.value.hint.partition("then: ")[2], shell=True, check=True, capture_output=True)
    connect(host_of(sshd), strict).close()


def test_changed_key_stops_with_both_fingerprints_and_remedy(sshd: Sshd, settings: Settings, host_of, tmp_path: Path) -> None:
    """A changed key names the host, both fingerprints, the line on record, and a remedy that works when typed."""
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[1]
    settings.known_hosts.parent.mkdir(parents=True)
    settings.known_hosts.write_text(f"# a comment\n{_name(sshd)} ssh-ed25519 {other}\n")
    with pytest.raises(HostKeyError) as error:
        connect(host_of(sshd, name="pi-kitchen"), settings)
    message = error.value.message
    assert "pi-kitchen" in message
    assert fingerprint(other) in message
    assert fingerprint(sshd.public_key().split()[1]) in message
    assert f"{settings.known_hosts}:2" in message
    subprocess.run(error.value.hint.partition(": ")[2], shell=True, check=True, capture_output=True)
    connect(host_of(sshd), settings).close()


def test_changed_key_in_user_file_counts(sshd: Sshd, settings: Settings, host_of, tmp_path: Path) -> None:
    """The user's own known_hosts, as ssh_config names it, is believed as much as the fleet's."""
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[1]
    path = _write_user_file(settings, f"{_name(sshd)} ssh-ed25519 {other}\n")
    with pytest.raises(HostKeyError, match=str(path)):
        connect(host_of(sshd), settings)


@pytest.mark.parametrize("broken", ["", "@cert-authority *.example ssh-ed25519 !!\nnonsense\nname ssh-ed25519 %%%\n\xff\xfe\n"])
def test_hashed_entry_is_found_whatever_else_the_file_holds(sshd: Sshd, settings: Settings, host_of, broken: str) -> None:
    """Names hashed by ssh-keygen -H are found, and lines that can't be read do not void the file."""
    path = _write_user_file(settings, f"{_name(sshd)} {sshd.public_key()}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", str(path)], check=True, capture_output=True)
    path.write_bytes(broken.encode("latin-1") + path.read_bytes())
    assert "127.0.0.1" not in path.read_text("latin-1")
    connect(host_of(sshd), replace(settings, strict_host_keys=True)).close()


def test_wildcard_and_negation(sshd: Sshd, settings: Settings, host_of) -> None:
    """Patterns match as in OpenSSH, and a negated one takes the host out of its line."""
    strict = replace(settings, strict_host_keys=True)
    _write_user_file(settings, f"[127.0.?.*]:{sshd.port} {sshd.public_key()}\n")
    connect(host_of(sshd), strict).close()
    _write_user_file(settings, f"*,!{_name(sshd)},!127.0.0.1 {sshd.public_key()}\n")
    with pytest.raises(HostKeyError, match="not a known host"):
        connect(host_of(sshd), strict)


def test_key_known_without_port_is_accepted(sshd: Sshd, settings: Settings, host_of) -> None:
    """As OpenSSH does, a key on record for the plain name is good for another port as well."""
    _write_user_file(settings, f"127.0.0.1 {sshd.public_key()}\n")
    connect(host_of(sshd), replace(settings, strict_host_keys=True)).close()


def test_revoked_key_is_refused(sshd: Sshd, settings: Settings, host_of) -> None:
    """@revoked beats a line that knows the key."""
    _write_user_file(settings, f"{_name(sshd)} {sshd.public_key()}\n@revoked * {sshd.public_key()}\n")
    with pytest.raises(HostKeyError, match=r"revoked in .*:2"):
        connect(host_of(sshd), settings)


@pytest.mark.parametrize("known", [0, 1, 2])
def test_type_on_record_is_asked_for_first(make_sshd: MakeSshd, settings: Settings, host_of, known: int) -> None:
    """A server with several keys is recognised by whichever of them is on record, be it RSA."""
    server = make_sshd(kinds=("ed25519", "ecdsa", "rsa")).start()
    _write_user_file(settings, f"{_name(server)} {server.public_key(known)}\n")
    connect(host_of(server), replace(settings, strict_host_keys=True)).close()


def test_only_other_types_on_record_means_changed(make_sshd: MakeSshd, settings: Settings, host_of, tmp_path: Path) -> None:
    """A host whose RSA key is on record and that now shows none of that type is not taken for a new one."""
    server = make_sshd().start()
    rsa = make_key(tmp_path / "rsa", "rsa").with_suffix(".pub").read_text().split()
    _write_user_file(settings, f"{_name(server)} {rsa[0]} {rsa[1]}\n")
    with pytest.raises(HostKeyError, match="has changed"):
        connect(host_of(server), settings)


def test_host_key_alias(sshd: Sshd, settings: Settings, host_of) -> None:
    """HostKeyAlias of ssh_config is the name to look up and to record."""
    assert settings.ssh_config
    settings.ssh_config.write_text(settings.ssh_config.read_text() + "HostKeyAlias the-pi\n")
    connect(host_of(sshd), settings).close()
    assert settings.known_hosts.read_text() == f"the-pi {sshd.public_key()}\n"


def test_ssh_config_can_be_strict(sshd: Sshd, settings: Settings, host_of) -> None:
    """StrictHostKeyChecking yes in ssh_config is as good as our option."""
    assert settings.ssh_config
    settings.ssh_config.write_text(settings.ssh_config.read_text() + "StrictHostKeyChecking yes\n")
    with pytest.raises(HostKeyError, match="not a known host"):
        connect(host_of(sshd), settings)


def test_no_record_where_ssh_config_wants_none(sshd: Sshd, settings: Settings, host_of) -> None:
    """`StrictHostKeyChecking no` with /dev/null, as `vagrant ssh-config` writes it, keeps no record at all."""
    assert settings.ssh_config
    settings.ssh_config.write_text("UserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n")
    connect(host_of(sshd), settings).close()
    assert not settings.known_hosts.exists()


def test_many_at_once_record_one_line_each(make_sshd: MakeSshd, settings: Settings, host_of) -> None:
    """Connections side by side lose no record and write none twice."""
    servers = [make_sshd().start() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        for one in pool.map(lambda server: connect(host_of(server), settings), servers * 3):
            assert execute(one, "true", timeout=10).code == 0
            one.close()
    assert sorted(settings.known_hosts.read_text().splitlines()) == sorted(f"{_name(s)} {s.public_key()}" for s in servers)
