"""Secrets of the laptop: read from three places, known by a mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.catalog.secrets import content_of, mark_of, secret
from fleet.errors import CatalogError
from fleet.queries import SecretQuery
from fleet.shell import Secret


def test_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable as it is; a file and a command without the line break at the end."""
    monkeypatch.setenv("PW", "a\nb\n")
    (tmp_path / "pw").write_bytes(b"\xffx\n")
    assert content_of(secret(SecretQuery("env", "PW"))) == b"a\nb\n"
    assert content_of(secret(SecretQuery("file", str(tmp_path / "pw")))) == b"\xffx"
    assert content_of(secret(SecretQuery("command", "printf '%s\\n' '$HOME x'"))) == b"$HOME x"


@pytest.mark.parametrize(
    ("kind", "what", "why"),
    [
        ("env", "FLEET_TEST_NOT_SET", "empty or missing"),
        ("file", "/nonexistent/pw", "can't be read"),
        ("command", "false", "exit code 1"),
        ("command", "no-such-program-here", "can't be run"),
        ("command", "'", "can't be run"),
        ("command", "true", "empty or missing"),
    ],
)
def test_what_is_not_there(kind: str, what: str, why: str) -> None:
    """A sentence with the way out."""
    with pytest.raises(CatalogError, match=why) as caught:
        secret(SecretQuery(kind, what))
    assert caught.value.hint


def test_marks() -> None:
    """Another secret has another mark, and the mark does not hold the secret."""
    assert mark_of(Secret("one")) == mark_of(Secret("one")) != mark_of(Secret("two"))
    assert "one" not in mark_of(Secret("one"))


def test_lines_of_a_secret_are_masked() -> None:
    """A host echoes line by line."""
    assert [s.mask("x second line y") for s in Secret("first line\nsecond line").lines][-1] == "x *** y"
