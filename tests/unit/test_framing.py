"""Many probes in one script, and their answers taken apart again."""

from __future__ import annotations

import socket
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import RemoteError
from fleet.facts.framing import pairs, read, script
from fleet.model import Probe
from fleet.shell import quote

FIRST = Probe(name="first", script="printf one", parse=str, unknown="?")
SECOND = Probe(name="second", script="echo two; no-such-tool-anywhere", parse=str, unknown="?")
ROOT = Probe(name="root", script="echo three", parse=str, unknown="?", as_root=True)
PROBES = (FIRST, SECOND, ROOT)

content = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=60)
tricky = st.one_of(
    content, st.sampled_from(["@fleet other end-user", "@fleet nonce", "\n@fleet x first\n", "@fleet-root root", "\n\n", ""])
)


def run(part: str) -> str:
    """What the part prints when dash runs it."""
    return subprocess.run(["dash"], input=part, text=True, capture_output=True, check=False, timeout=20).stdout


def test_answers_come_back_by_probe() -> None:
    """Each probe gets what its own script printed, the root part beside the user part."""
    framed = script(PROBES, "n0")
    facts = read(PROBES, "n0", run(framed.user) + "@fleet-root passwordless\n" + run(framed.root))
    assert facts.answers == {"first": "one", "second": "two\n", "root": "three\n"}


def test_missing_tool_is_silent() -> None:
    """A tool that is not there prints nothing anywhere, and the probes after it run."""
    done = subprocess.run(["dash"], input=script(PROBES, "n0").user, text=True, capture_output=True, check=False, timeout=20)
    assert done.stderr == ""
    assert done.stdout.endswith("@fleet n0 end-user\n")


def test_answer_leaves_the_host_in_one_piece() -> None:
    """One write for all probes, since sshd sends a packet for each; on a socket of datagrams, writes can be counted."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        subprocess.run(["dash"], input=script(PROBES, "n0").user.encode(), stdout=theirs, check=False, timeout=20)
        assert ours.recv(65536).endswith(b"@fleet n0 end-user\n")
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(65536)


def test_without_root_the_root_probes_are_unknown() -> None:
    """No root part: not an empty answer but none at all, so that the probe's `unknown` is given."""
    facts = read(PROBES, "n0", run(script(PROBES, "n0").user))
    assert "root" not in facts.answers
    assert facts[ROOT] == "?"


def test_root_part_that_stopped_half_way_is_unknown() -> None:
    """A root part without its end may have been cut off in the middle of an answer, so none of it is believed."""
    framed = script(PROBES, "n0")
    facts = read(PROBES, "n0", run(framed.user) + run(framed.root).replace("@fleet n0 end-root\n", ""))
    assert facts[ROOT] == "?"


@pytest.mark.parametrize("text", ["", "motd of the day", "@fleet n0 first\none\n", "@fleet other end-user\n"])
def test_incomplete_answer_is_an_error(text: str) -> None:
    """A host whose shell stops early, or which answers another question, is told with a remedy."""
    with pytest.raises(RemoteError, match="incomplete") as caught:
        read(PROBES, "n0", text)
    assert "ssh HOST true" in caught.value.hint


def test_answer_that_makes_no_sense_names_the_probe() -> None:
    """What a parser can't read is an error of that host that shows the text, not a crash."""
    number = Probe(name="number", script="", parse=int, unknown=0)
    with pytest.raises(RemoteError, match="probe 'number' makes no sense"):
        read([number], "n0", "@fleet n0 number\nmany\n@fleet n0 end-user\n")


@given(tricky, tricky)
def test_content_can_not_pass_for_a_marker(one: str, other: str) -> None:
    """Whatever a host's files contain, it stays in its own part: the word of the markers is not known to them."""
    probes = [Probe(name=n, script=f"printf %s {quote(text)}", parse=str, unknown="?") for n, text in (("a", one), ("b", other))]
    text = "".join(f"@fleet 5f0c {n}\n{body}\n" for n, body in (("a", one), ("b", other))) + "@fleet 5f0c end-user\n"
    assert read(probes, "5f0c", text).answers == {"a": one, "b": other}


@given(st.lists(st.tuples(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.from_regex(r"[ -~]{0,20}", fullmatch=True))))
def test_pairs_keeps_the_first_of_a_doubled_key(rows: list[tuple[str, str]]) -> None:
    """`key=value` lines; a value may have = in it, and blanks around it do not count."""
    expected: dict[str, str] = {}
    for key, value in rows:
        expected.setdefault(key, value.strip())
    assert pairs("\n".join(f"{key}={value}" for key, value in rows)) == expected
