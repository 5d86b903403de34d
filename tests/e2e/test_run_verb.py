"""`fleet run`: a command of the user's own, on real hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

HOSTILE = ("two words", "it's", '"quoted"', "$(id -u)", "`id -u`", "$HOME", "; id", "a\\b", "*", "", "ünï", "{a,b}", "~")


@pytest.fixture(scope="module")
def host(lab: Lab) -> Iterator[Host]:
    """One bare host for all tests of this file, which change nothing on it."""
    made = lab.up("run-verb")
    yield made
    made.destroy()


@pytest.fixture
def twice(project: Project, host: Host) -> Project:
    """A project with two names for that host, the second of another user."""
    project.write_inventory({"first": project.entry(host), "second": project.entry(host, user="fishy")})
    return project


def test_output_has_the_host_s_name(twice: Project) -> None:
    """The output of several hosts goes to stdout with the name in front of each line; the total goes to stderr."""
    said = twice.fleet("run", "--all", "--", "id", "-un")
    assert said.code == 0, said
    assert sorted(said.out.splitlines()) == ["first  | pi", "second | fishy"], said
    assert "run: 2 hosts in" in said.err
    assert "2 ok" in said.err


def test_output_of_one_host_is_as_it_is(twice: Project) -> None:
    """With one host nothing is added, so that the output can be used by the next program."""
    said = twice.fleet("run", "first", "--", "printf '%s\\n' a b")
    assert (said.code, said.out) == (0, "a\nb\n"), said


def test_stderr_of_the_command_is_shown(twice: Project) -> None:
    """What the command says on stderr is not lost."""
    said = twice.fleet("run", "first", "--", "echo oops >&2; exit 3")
    assert said.code == 1, said
    assert "oops" in said.out + said.err, said
    assert "exit code 3" in said.err


def test_exit_code_tells_of_any_failure(twice: Project) -> None:
    """One host on which the command fails makes the exit code 1; the others are not held up by it."""
    said = twice.fleet("run", "--all", "--json", "--", 'test "$(id -un)" = pi')
    assert said.code == 1, said
    hosts = said.hosts()
    assert (hosts["first"]["result"], hosts["second"]["result"]) == ("ok", "failed"), said
    assert hosts["second"]["output"]["code"] == 1


def test_words_arrive_as_they_are(twice: Project, host: Host) -> None:
    """Several words are one command: nothing in them is taken for shell, in whatever login shell."""
    said = twice.fleet("run", "--all", "--json", "--", "printf", "<%s>\n", *HOSTILE)
    assert said.code == 0, said
    for each in said.hosts().values():
        assert each["output"]["out"].splitlines() == [f"<{word}>" for word in HOSTILE], said


def test_a_single_word_is_a_line_for_the_shell(twice: Project) -> None:
    """One word is sh text, whatever the login shell is."""
    said = twice.fleet("run", "second", "--", 'for x in 1 2; do echo "$x"; done | tail -1; echo $((2+3))')
    assert (said.code, said.out) == (0, "2\n5\n"), said


def test_sudo(twice: Project) -> None:
    """With --sudo it runs as root, without it does not."""
    assert twice.fleet("run", "first", "--", "id", "-u").out == "1000\n"
    assert twice.fleet("run", "first", "--sudo", "--", "id", "-u").out == "0\n"


@pytest.mark.parametrize("sudo", [(), ("--sudo",)])
def test_a_command_that_takes_too_long_is_gone(sudo: tuple[str, ...], twice: Project, host: Host) -> None:
    """A command that exceeds --timeout is a failure in words, and nothing of it is left on the host."""
    said = twice.fleet("run", "first", *sudo, "--timeout", "1", "--", "sleep 4321 & sleep 4322")
    assert said.code == 1, said
    assert "took longer than 1 s" in said.err
    assert "hint: If it needs longer" in said.err
    assert host.exec("pgrep -fa 'sleep 432[1]'", check=False).stdout == ""


def test_without_a_command(twice: Project) -> None:
    """No command is an error of the command line."""
    said = twice.fleet("run", "first")
    assert said.code == 2, said
    assert "there is no command to run" in said.err


def test_no_host_is_selected_by_default(twice: Project) -> None:
    """Nothing is ever run everywhere unless --all says so."""
    said = twice.fleet("run", "--", "id")
    assert said.code == 2, said
    assert said.out == ""
