"""known_hosts: reading every form of line, and recording from many sides at once."""

from __future__ import annotations

import base64
import hmac
import multiprocessing
from pathlib import Path

import pytest

from fleet.errors import HostKeyError
from fleet.remote.hostkeys import Seen, host_name, lookup, record

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJRQSLyXtq0C4eC7O0slV7SzlQcJBa/khibqIZE6ttIz"
OTHER = base64.b64encode(base64.b64decode(KEY)[:-1] + b"x").decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place for a known_hosts file."""
    return tmp_path / "known_hosts"


def _hashed(name: str) -> str:
    salt = b"any twenty bytes do."
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("names", "name", "matches"),
    [
        ("pi", "pi", True),
        ("pi", "pi2", False),
        ("Pi-Kitchen", "pi-kitchen", True),
        ("a,pi,b", "pi", True),
        ("pi*", "pi-kitchen", True),
        ("p?", "pi", True),
        ("p?", "pii", False),
        ("*,!pi", "pi", False),
        ("*,!pi", "other", True),
        ("!pi", "other", False),
        ("pi", "[pi]:2222", False),
        ("[pi]:2222", "[pi]:2222", True),
        ("[192.168.1.*]:2222", "[192.168.1.7]:2222", True),
        ("[ab]", "a", False),
        (_hashed("pi"), "pi", True),
        (_hashed("[pi]:2222"), "[pi]:2222", True),
        (_hashed("pi"), "po", False),
        ("|1|broken", "pi", False),
        ("|1|%%|%%", "pi", False),
    ],
)
def test_names(file: Path, names: str, name: str, matches: bool) -> None:
    """Names, patterns and hashes match as sshd(8) says."""
    file.write_text(f"{names} ssh-ed25519 {KEY} a comment\n")
    assert bool(lookup(name, [file])) is matches


def test_what_can_not_be_read_is_skipped(file: Path) -> None:
    """Broken lines, other encodings, unknown types and authorities void neither the file nor the numbers of its lines."""
    lines = ["# comment", "", "pi", "pi ssh-ed25519", "pi ssh-ed25519 ***", "\xff\xfe pi", f"@cert-authority * ssh-rsa {KEY}"]
    lines += [f"pi ssh-dss {KEY}", f"pi sk-ssh-ed25519@openssh.com {KEY}", f"  pi\tssh-ed25519   {KEY}"]
    file.write_bytes("\r\n".join(lines).encode("latin-1"))
    (entry,) = lookup("pi", [file])
    assert (entry.key, entry.place) == (KEY, f"{file}:10")


def test_files_that_are_none(tmp_path: Path) -> None:
    """A missing file, a folder and /dev/null hold nothing."""
    assert lookup("pi", [tmp_path / "none", tmp_path, Path("/dev/null")]) == ()


def test_change_of_the_file_is_seen(file: Path) -> None:
    """Files are parsed once, and again when they have changed."""
    file.write_text(f"pi ssh-ed25519 {KEY}\n")
    assert lookup("pi", [file])[0].key == KEY
    file.write_text(f"# longer now\npi ssh-ed25519 {OTHER}\n")
    assert lookup("pi", [file])[0].key == OTHER


def test_record_appends_once(file: Path) -> None:
    """A key is recorded once, behind whatever the file holds, be its last line ended or not."""
    file.write_text(f"old ssh-ed25519 {OTHER}")
    for _ in range(3):
        record("[pi]:2222", Seen("ssh-ed25519", KEY), file)
    assert file.read_text() == f"old ssh-ed25519 {OTHER}\n[pi]:2222 ssh-ed25519 {KEY}\n"


def test_record_of_a_second_key_is_refused(file: Path) -> None:
    """Whoever comes second with another key for the same host is refused."""
    record("pi", Seen("ssh-ed25519", KEY), file)
    with pytest.raises(HostKeyError, match="two different keys"):
        record("pi", Seen("ssh-ed25519", OTHER), file)


def test_record_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A file that can't be written is an error with a remedy, since a key that is not kept is accepted for ever."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HostKeyError, match="can't be recorded") as error:
        record("pi", Seen("ssh-ed25519", KEY), tmp_path / "file" / "known_hosts")
    assert "XDG_STATE_HOME" in error.value.hint


def _record_many(path: Path, start: int) -> None:
    for number in range(start, start + 100):
        record(f"host{number % 150}", Seen("ssh-ed25519", KEY), path)


def test_record_from_many_processes(file: Path) -> None:
    """Processes that record at the same time lose nothing and write nothing twice."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_record_many, args=(file, start)) for start in (0, 50, 100)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert sorted(file.read_text().splitlines()) == sorted(f"host{n} ssh-ed25519 {KEY}" for n in range(150))


def test_host_name() -> None:
    """A port other than 22 is part of the name, an IPv6 address included."""
    assert host_name("Pi", 22) == "pi"
    assert host_name("fe80::1", 2222) == "[fe80::1]:2222"
