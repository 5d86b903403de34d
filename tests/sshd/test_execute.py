"""Scripts over a real channel: streams, limits, stdin, login shells."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.errors import CommandTimeout, RemoteError
from fleet.model import LOCAL, Host
from fleet.remote import Settings, connect, execute, probe, stage, upload, way_of
from tests.sshd.fixtures import MakeSshd
from tests.sshd.server import Sshd


@pytest.fixture(params=["ssh", "local"])
def c(request: pytest.FixtureRequest, settings: Settings, host_of):
    """A connection to a server, and one to this very machine: both keep the same promises."""
    host = Host(LOCAL, LOCAL) if request.param == "local" else host_of(request.getfixturevalue("sshd"))
    with connect(host, settings) as connection:
        yield connection


def test_streams_and_code_are_kept_apart(c) -> None:
    """Output, errors and the exit code come back as they are."""
    done = execute(c, "echo out; echo err >&2; exit 7", timeout=10)
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")


def test_any_text_is_a_script(c) -> None:
    """Quotes, backslashes, unicode, line breaks, a here document: nothing is read by any shell but the script's own."""
    script = """printf '%s\\n' "it's" 'a "b" \\\\ $HOME `id`' 'ü ✓'\ncat <<'END'\n'single' \\ "double"\nEND"""
    assert execute(c, script, timeout=10).out == 'it\'s\na "b" \\\\ $HOME `id`\nü ✓\n\'single\' \\ "double"\n'


def test_environment_of_a_script(c) -> None:
    """Messages are in English and the tools of the administrator are found."""
    out = execute(c, 'echo "$LC_ALL"; echo ":$PATH:"', timeout=10).out
    assert out.startswith("C\n")
    assert ":/usr/sbin:" in out


def test_huge_output_on_both_streams(c) -> None:
    """Both streams are drained at once, so that neither blocks the other."""
    done = execute(c, "head -c 5000000 /dev/zero | tr '\\0' o; head -c 5000000 /dev/zero | tr '\\0' e >&2; echo end", timeout=60)
    assert (len(done.out), done.err.count("e"), done.out[-4:]) == (5_000_004, 5_000_000, "end\n")


def test_endless_output_is_stopped(c) -> None:
    """Memory is bounded: a command that never stops printing is an error."""
    with pytest.raises(RemoteError, match="16 MiB"):
        execute(c, "yes", timeout=60)


def test_undecodable_bytes_are_replaced(c) -> None:
    """Bytes that are no text do not raise."""
    assert execute(c, "printf 'a\\377b'", timeout=10).out == "a\ufffdb"


def test_stdin_is_closed(c) -> None:
    """A command that reads stdin gets the end of it, and does not hang."""
    assert execute(c, "cat; read -r x || echo none", timeout=10).out == "none\n"


@pytest.mark.parametrize("size", [1, 65_536, 9_000_000])
def test_stdin_reaches_the_script_whole(c, size: int) -> None:
    """All of stdin arrives, whatever its size, and nothing of the document that came before it."""
    assert execute(c, "wc -c | tr -d ' '", timeout=60, stdin=b"x" * size).out == f"{size}\n"
    assert execute(c, "head -c 3", timeout=60, stdin=iter([b"abc", b"x" * size])).out == "abc"


def test_stdin_that_nobody_reads(c) -> None:
    """A command may end without reading what it was given."""
    done = execute(c, "echo done; exit 3", timeout=60, stdin=b"x" * 9_000_000)
    assert (done.code, done.out) == (3, "done\n")


def test_stdin_that_fails_on_our_side(c) -> None:
    """An error of whoever gives stdin is that error, not a hang."""

    def broken():
        yield b"x"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(c, "cat >/dev/null; sleep 30", timeout=5, stdin=broken())


def test_lines_as_they_come(c) -> None:
    """Lines of both streams are shown while the command runs, and only those of the script."""
    seen: list[tuple[str, float]] = []
    execute(c, "echo one; echo two >&2; sleep 1; printf three", timeout=10, on_line=lambda s: seen.append((s, time.monotonic())))
    assert sorted(s for s, _ in seen) == ["one", "three", "two"]
    assert seen[2][1] - seen[0][1] > 0.5


def test_time_limit_counts_on_the_host(c, tmp_path: Path) -> None:
    """At the limit the command is stopped on the host as well: nothing lives on."""
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match="longer than 1 s"):
        execute(c, f"(sleep 4; touch {tmp_path}/alive) & wait", timeout=1)
    assert time.monotonic() - began < 4
    time.sleep(max(0.0, 5 - (time.monotonic() - began)))
    assert not (tmp_path / "alive").exists()


def test_a_script_may_end_with_124(c) -> None:
    """The exit code of `timeout` is no time-out when there was time left."""
    assert execute(c, "exit 124", timeout=10).code == 124


def test_daemon_that_keeps_the_streams_open(c, tmp_path: Path) -> None:
    """Something left behind in the background with the streams in its hands does not hold us for its lifetime."""
    began = time.monotonic()
    assert execute(c, "sleep 8 & echo started", timeout=30).out == "started\n"
    assert time.monotonic() - began < 7


def test_probe_is_two_parts_in_one_exec(c) -> None:
    """The answer is the user's part, the line that says how root came about, and root's part."""
    done = probe(c, "echo user; cat; exit 3", "echo root; exit 1", timeout=20)
    way = way_of(done.out)
    if way.is_root:
        assert done.out == f"user\n@fleet-root {way}\nroot\n"
        assert done.code == 1
    else:
        assert done.out == f"user\n@fleet-root {way}\n"


def test_part_without_a_last_line_break(c) -> None:
    """The line between the parts is a line, whatever comes before it."""
    assert probe(c, "printf 'no end'", ":", timeout=20).out.startswith("no end\n@fleet-root ")


def test_upload_and_stage(c, tmp_path: Path) -> None:
    """A file arrives whole, with its mode, reporting progress; the stage is private and goes with the connection."""
    folder = stage(c)
    assert stage(c) == folder
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 2000)
    seen: list[tuple[int, int]] = []
    upload(c, source, f"{folder}/it's here", mode=0o640, timeout=30, progress=lambda sent, total: seen.append((sent, total)))
    arrived = Path(folder) / "it's here"
    assert arrived.read_bytes() == source.read_bytes()
    assert arrived.stat().st_mode & 0o777 == 0o640
    assert seen[-1] == (512_000, 512_000)
    assert list(Path(folder).iterdir()) == [arrived]
    c.close()
    assert not Path(folder).exists()


def test_upload_to_nowhere(c) -> None:
    """A file that can't be written is an error that says why."""
    with pytest.raises(RemoteError, match="No such file or directory"):
        upload(c, b"x", "/no/such/folder/x", timeout=10)


def test_empty_upload(c) -> None:
    """An empty file is a file."""
    folder = stage(c)
    upload(c, b"", f"{folder}/empty", timeout=10)
    assert (Path(folder) / "empty").read_bytes() == b""


def test_idle_limit(sshd: Sshd, settings: Settings, host_of) -> None:
    """A command that says nothing for too long is stopped, long before its own limit."""
    with connect(host_of(sshd), replace(settings, idle_timeout=1)) as c, pytest.raises(CommandTimeout, match="said nothing"):
        execute(c, "sleep 20", timeout=60)


@pytest.mark.parametrize("shell", ["dash", "bash", "fish", "zsh", "ksh"])
def test_login_shells(make_sshd: MakeSshd, settings: Settings, host_of, shell: str) -> None:
    """Whatever the login shell is, the script is run by sh."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    server = make_sshd(f'ForceCommand exec {shell} -c "$SSH_ORIGINAL_COMMAND"').start()
    with connect(host_of(server), settings) as c:
        assert execute(c, 'set -- "a b" "c\'d"; echo "$2 $#"; cat', timeout=20, stdin=b"in").out == "c'd 2\nin"
        assert probe(c, "echo user", "echo root", timeout=20).out.startswith("user\n@fleet-root ")


def test_noise_of_the_login_shell_is_dropped(make_sshd: MakeSshd, settings: Settings, host_of) -> None:
    """What ~/.bashrc prints is no part of the answer, on either stream."""
    server = make_sshd('ForceCommand echo hello; printf "no end" >&2; exec sh -c "$SSH_ORIGINAL_COMMAND"').start()
    with connect(host_of(server), settings) as c:
        done = execute(c, "echo out; echo err >&2", timeout=10)
        assert (done.out, done.err) == ("out\n", "err\n")


def test_account_that_runs_nothing(make_sshd: MakeSshd, settings: Settings, host_of) -> None:
    """An account that is closed to commands says so, in its own words."""
    server = make_sshd('ForceCommand echo "This account is closed."; exit 1').start()
    with connect(host_of(server), settings) as c, pytest.raises(RemoteError, match="This account is closed"):
        execute(c, "true", timeout=10)


def test_one_connection_and_one_exec(sshd: Sshd, settings: Settings, host_of) -> None:
    """A probe costs one connection with one session."""
    with connect(host_of(sshd), settings) as c:
        probe(c, "true", "true", timeout=10)
    time.sleep(0.2)
    assert sshd.log.count("Accepted publickey") == 1
    assert sshd.log.count("Starting session") == 1


def test_fabric_still_works_on_it(sshd: Sshd, settings: Settings, host_of, tmp_path: Path) -> None:
    """It is a Fabric connection: run, put and get work."""
    with connect(host_of(sshd), settings) as c:
        assert c.run("echo hello", hide=True, in_stream=False).stdout == "hello\n"
        assert repr(c).startswith("<Connection host=127.0.0.1")
