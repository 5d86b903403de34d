"""Taking answers apart: marks, noise, bounds, lines as they come."""

from __future__ import annotations

import pytest

from fleet.errors import RemoteError
from fleet.remote.answer import MOST_BYTES, Stream, take_apart
from fleet.remote.execute import way_of
from fleet.shell import sh


def test_parts() -> None:
    """Noise before the start is dropped, and the rest goes to its part."""
    answer = take_apart(
        "noise\n\x1estart\nuser\n\x1eroot password\nroot\n", "noise\x1estart\nuerr\n\x1esudo\nlecture\n\x1eroot password\nrerr\n"
    )
    assert (answer.out, answer.root_out, answer.way, answer.denied) == ("user\n", "root\n", "password", "")
    assert (answer.err, answer.root_err, answer.sudo_said, answer.started) == ("uerr\n", "rerr\n", "lecture\n", True)


def test_denied_and_not_started() -> None:
    """A refusal has its reason; an answer without the first mark has not begun."""
    assert take_apart("\x1estart\n\x1edenied with\n", "\x1estart\n\x1esudo\nno\n\x1edenied with\n").denied == "with"
    assert not take_apart("This account is closed.\n", "").started


def test_lines_between_the_marks() -> None:
    """Lines are shown as they are complete, without noise, sudo's words or marks, in whatever pieces they come."""
    seen: list[str] = []
    stream = Stream(seen.append)
    for byte in b"noise\n\x1estart\none\r\n\x1esudo\nlecture\n\x1eroot x\ntwo\n\xff":
        stream.feed(bytes([byte]))
    assert seen == ["one", "two"]
    stream.close()
    assert seen == ["one", "two", "\ufffd"]


def test_text_in_front_of_a_mark_is_a_line() -> None:
    """A last line without an end is shown before the mark that follows it."""
    seen: list[str] = []
    Stream(seen.append).feed(b"\x1estart\nno end\x1eroot x\nroot\n")
    assert seen == ["no end", "root"]


def test_bound() -> None:
    """More than the bound is an error."""
    stream = Stream()
    stream.feed(b"x" * MOST_BYTES)
    with pytest.raises(RemoteError, match="16 MiB"):
        stream.feed(b"x")


def test_way_of_an_answer_without_one() -> None:
    """An answer that was cut off is an error, not a way."""
    with pytest.raises(RemoteError):
        way_of("user\n")


def test_launcher_reads_alike_in_every_shell() -> None:
    """The fixed words have no single quote and no backslash, which fish would read differently."""
    from fleet.remote.script import launch_words

    for word in launch_words(30.0, b"document", feeding=True):
        assert not set(word) & set("'\\\n")
    assert sh(*launch_words(1.2, b"", feeding=False)).endswith(" sh 2 'eval \"$(cat)\"'")
