"""How root comes about, with programs that stand in for sudo in each of its manners (measured on real hosts in tests/e2e)."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.errors import SudoError
from fleet.remote import LocalConnection, Way, check_sudo, execute, probe, way_of
from fleet.shell import Secret

PASSWORD = "it's $HOME \"+` \\ :-)"

# Reads the password as classic sudo does (byte by byte), as sudo-rs 0.2 does (whatever is there), or not at all.
_SUDO = """#!/bin/sh
here={here}
echo "sudo $*" >> "$here/calls"
quiet= stdin=
while :; do
    case $1 in
        -n) quiet=yes; shift ;;
        -S) stdin=yes; shift ;;
        -p) shift 2 ;;
        *) break ;;
    esac
done
run() {{ FAKE_ROOT=yes; export FAKE_ROOT; exec "$@"; }}
kind=$(cat "$here/kind")
case $kind in
    free) run "$@" ;;
    tty) echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1 ;;
    rust-tty) echo "sudo-rs: unknown setting: 'requiretty'" >&2 ;;
    rust-none) echo "sudo-rs: I'm sorry pi. I'm afraid I can't do that" >&2; exit 1 ;;
esac
if [ -n "$quiet" ]; then
    [ -e "$here/ticket" ] && run "$@"
    echo "sudo: a password is required" >&2
    exit 1
fi
[ -e "$here/ticket" ] && run "$@"
case $kind in
    rust*) given=$(dd bs=65536 count=1 2>/dev/null | head -n 1) ;;
    *) IFS= read -r given ;;
esac
echo try >> "$here/tries"
[ "$given" = "$(cat "$here/password")" ] || {{ echo "sudo: 1 incorrect password attempt" >&2; exit 1; }}
case $kind in
    none) echo "pi is not in the sudoers file." >&2; exit 1 ;;
    *-forgetful) ;;
    *) : > "$here/ticket" ;;
esac
run "$@"
"""
_ID = '#!/bin/sh\n[ "$1" = -u ] && [ -z "$FAKE_ROOT" ] && { echo 1000; exit; }\nexec /usr/bin/id "$@"\n'


@pytest.fixture
def c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalConnection:
    """This machine, with a sudo and an id of our own in front of the real ones."""
    (tmp_path / "password").write_text(PASSWORD)
    for name, text in (("sudo", _SUDO.format(here=tmp_path)), ("id", _ID)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return LocalConnection()


@pytest.fixture
def kind(tmp_path: Path) -> Callable[[str], None]:
    """Says what manner of sudo it is."""
    return lambda name: (tmp_path / "kind").write_text(name) and None


TABLE = [
    ("free", None, Way.PASSWORDLESS),
    ("free", "wrong", Way.PASSWORDLESS),
    ("classic", None, Way.NEEDS_PASSWORD),
    ("classic", PASSWORD, Way.PASSWORD),
    ("classic", "wrong", Way.WRONG_PASSWORD),
    ("classic-forgetful", PASSWORD, Way.PASSWORD),
    ("rust", PASSWORD, Way.PASSWORD),
    ("rust", "wrong", Way.WRONG_PASSWORD),
    ("rust-forgetful", PASSWORD, Way.PASSWORD),
    ("rust-none", None, Way.NONE),
    ("none", None, Way.NEEDS_PASSWORD),
    ("none", PASSWORD, Way.NONE),
    ("tty", None, Way.NEEDS_TERMINAL),
    ("tty", PASSWORD, Way.NEEDS_TERMINAL),
    ("rust-tty", None, Way.NEEDS_PASSWORD),
    ("rust-tty", PASSWORD, Way.PASSWORD),
]


@pytest.mark.parametrize(("manner", "password", "way"), TABLE)
def test_ways(c: LocalConnection, kind, manner: str, password: str | None, way: Way) -> None:
    """Every manner of sudo is recognised, and the root part runs exactly when root came about."""
    kind(manner)
    done = probe(c, "echo user", "echo root; exit 1", sudo_password=Secret(password) if password else None, timeout=20)
    assert way_of(done.out) is way
    assert done.out == f"user\n@fleet-root {way}\n" + ("root\n" if way.is_root else "")
    assert done.code == (1 if way.is_root else 0)


@pytest.mark.parametrize(("manner", "password", "way"), TABLE)
@pytest.mark.parametrize("stdin", [b"", b"one line\n" * 10_000])
def test_execute_as_root(c: LocalConnection, kind, manner: str, password: str | None, way: Way, stdin: bytes) -> None:
    """A script gets its exit code through, its stdin whole, and SudoError otherwise, twice over one connection."""
    kind(manner)
    secret = Secret(password) if password else None
    for _ in range(2):
        if way.is_root:
            done = execute(c, "cat | wc -c | tr -d ' '; exit 1", root=True, sudo_password=secret, timeout=20, stdin=stdin)
            assert (done.code, done.out) == (1, f"{len(stdin)}\n")
        else:
            with pytest.raises(SudoError) as error:
                execute(c, "touch /tmp/never", root=True, sudo_password=secret, timeout=20, stdin=stdin)
            assert error.value.hint
            assert ("!requiretty" in error.value.hint) == (way is Way.NEEDS_TERMINAL)


@pytest.mark.parametrize("code", [0, 1, 2, 100, 127, 240, 255])
def test_exit_codes(c: LocalConnection, kind, code: int) -> None:
    """All exit codes come through sudo as they are; 1, which is sudo's own, too."""
    kind("free")
    assert execute(c, f"exit {code}", root=True, timeout=10).code == code


def test_wrong_password_is_tried_once(c: LocalConnection, kind, tmp_path: Path) -> None:
    """A wrong password costs one attempt: no second guess is made out of what follows it."""
    kind("classic")
    assert check_sudo(c, Secret("wrong")) is Way.WRONG_PASSWORD
    assert (tmp_path / "tries").read_text() == "try\n"


def test_neither_password_nor_script_is_an_argument(c: LocalConnection, kind, tmp_path: Path) -> None:
    """What sudo logs, and `ps` shows, is the launcher alone."""
    kind("classic")
    execute(c, "echo the-very-script", root=True, sudo_password=Secret(PASSWORD), timeout=10)
    calls = (tmp_path / "calls").read_text()
    assert "the-very-script" not in calls
    assert "HOME" not in calls
    assert "timeout -k 5 10 sh -c" in calls


def test_password_is_no_variable_of_the_script(c: LocalConnection, kind) -> None:
    """Neither part of a probe can see the password in its environment."""
    kind("classic")
    assert PASSWORD not in probe(c, "env", "env", sudo_password=Secret(PASSWORD), timeout=20).out


def test_password_that_would_end_its_line(c: LocalConnection, kind) -> None:
    """A password with a line break can't be one."""
    kind("classic")
    with pytest.raises(ValueError, match="line break"):
        check_sudo(c, Secret("a\nb"))


def test_no_sudo_at_all(c: LocalConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without sudo says so."""
    (tmp_path / "bin" / "sudo").unlink()
    for tool in ("sh", "cat", "timeout"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    with pytest.raises(SudoError, match="no sudo on the host"):
        execute(c, "true", root=True, timeout=10)
