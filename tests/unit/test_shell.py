"""Text for a remote shell, run by the shells that hosts have."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.shell import Secret, check_unchanged, one_line, place_file, quote, script_of, sh, words, write_file

SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
NASTY = [
    "$(touch canary)",
    "`touch canary`",
    "'; touch canary; '",
    "a b",
    "-n",
    "*",
    "~",
    "\\",
    "\n",
    "é\u2028",
    '"',
    "!x",
    "${HOME}",
    "",
]
nasty = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
name = nasty.filter(lambda text: text not in ("", ".", "..") and "/" not in text and len(text.encode()) < 200)


def run(shell: str, script: str, folder: Path | None = None, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script as a host does: over stdin."""
    return subprocess.run(
        [shell, "-s", *arguments], input=script.encode(), capture_output=True, check=False, cwd=folder, timeout=20
    )


def sha256(text: str) -> str:
    """Of the text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=25, deadline=None)
@given(st.lists(nasty, min_size=1, max_size=4))
def test_words_arrive_as_they_are(shell: str, parts: list[str]) -> None:
    """Quoted words reach a command unchanged, and nothing in them is run."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(shell, words("printf", "%s\\0", *parts), Path(folder))
        assert done.stdout == b"".join(part.encode() + b"\0" for part in parts)
        assert not list(Path(folder).iterdir())


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=25, deadline=None)
@given(nasty, name)
def test_write_file_writes_exactly_this(shell: str, content: str, file: str) -> None:
    """Any text, to any path, with its mode, in a folder that is made for it; no temporary file is left."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new" / file
        done = run(shell, write_file(str(path), content, 0o640, ""), Path(folder))
        assert done.returncode == 0, done.stderr
        assert path.read_bytes() == content.encode()
        assert path.stat().st_mode & 0o777 == 0o640
        assert [p.name for p in path.parent.iterdir()] == [file]
        assert [p.name for p in Path(folder).iterdir()] == ["new"]


@pytest.mark.parametrize("shell", SHELLS)
def test_write_file_replaces_what_the_plan_saw(shell: str, tmp_path: Path) -> None:
    """The file that the plan saw is replaced as a whole."""
    path = tmp_path / "f"
    path.write_text("old")
    assert run(shell, write_file(str(path), "new", 0o644, sha256("old"))).returncode == 0
    assert path.read_text() == "new"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("there", "was"), [("other", sha256("old")), ("other", ""), ("", ""), (None, sha256("old"))])
def test_write_file_stops_when_the_host_has_changed(shell: str, there: str | None, was: str, tmp_path: Path) -> None:
    """Something else than the plan saw, be it an empty file or none, stays as it is: exit code 65 and the reason."""
    path = tmp_path / "f"
    if there is not None:
        path.write_text(there)
    done = run(shell, write_file(str(path), "new", 0o644, was))
    assert done.returncode == 65
    assert b"has changed since the plan was made" in done.stderr
    assert (path.read_text() if path.exists() else None) == there


@pytest.mark.parametrize("shell", SHELLS)
def test_write_file_leaves_nothing_when_it_fails(shell: str, tmp_path: Path) -> None:
    """A failure half-way (here: of the last step) leaves no temporary file behind."""
    script = write_file(str(tmp_path / "f"), "new", 0o644, "").replace("mv -f", "false")
    assert run(shell, script).returncode == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shell", SHELLS)
def test_remove_only_what_the_plan_saw(shell: str, tmp_path: Path) -> None:
    """The check stands alone before a removal too."""
    path = tmp_path / "f"
    path.write_text("mine")
    script = script_of(f"target={quote(str(path))}", check_unchanged(sha256("yours")), 'rm -f "$target"')
    assert run(shell, script).returncode == 65
    assert path.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_place_file_checks_before_it_places(shell: str, tmp_path: Path) -> None:
    """An upload with the wrong checksum never gets to its place; the right one does, with its mode."""
    staged, path = tmp_path / "staged", tmp_path / "plug ins" / "docker-compose"
    staged.write_text("binary")
    done = run(shell, place_file(str(staged), str(path), sha256("other"), 0o755, "root"))
    assert done.returncode == 66
    assert not path.exists()
    assert run(shell, place_file(str(staged), str(path), sha256("binary"), 0o755, "root")).returncode == 0
    assert path.read_text() == "binary"
    assert path.stat().st_mode & 0o777 == 0o755
    assert not staged.exists()


@settings(max_examples=25, deadline=None)
@given(nasty)
def test_sh_is_one_word_for_every_login_shell(text: str) -> None:
    """The line that a login shell gets hands script and arguments over unharmed."""
    done = subprocess.run(["bash", "-c", sh('printf %s "$1"', text)], capture_output=True, check=False, timeout=20)
    assert done.stdout == text.encode()


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_one_line_refuses_what_ends_a_line(text: str) -> None:
    """Line ends and NUL would begin something new where only a word is meant."""
    with pytest.raises(ValueError, match="line break"):
        one_line(text)
    assert one_line("a b") == "a b"


def test_secret_is_masked_wherever_it_is_shown() -> None:
    """str, repr and format give stars; only reveal() gives the text."""
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2") != Secret("x")


def test_a_secret_is_masked_in_what_a_host_says() -> None:
    """An echoed password is taken out of a line; a very short one is left, since masking it would tell where it is not."""
    assert Secret("it's $HOME").mask("sudo: it's $HOME: no such command") == "sudo: ***: no such command"
    assert Secret("a").mask("a banana") == "a banana"
