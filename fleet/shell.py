"""Words to one safe line: the only room that builds text for a remote shell.

A remote login shell may be bash, dash or fish, so every command line handed to it is ``sh -c '…'`` with single quotes
alone, which all of them read alike.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_ENDS_LINE = re.compile(r"[\x00\n\r]")


class Secret:
    """Text that is masked wherever it is shown; ``reveal()`` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for stdin of the remote sudo or of a script that asks for it, and nothing else."""
        return self._text

    def mask(self, text: str) -> str:
        """The text with the secret taken out, should a host have echoed it; one of under four characters is left."""
        return text.replace(self._text, "***") if len(self._text) >= 4 else text

    @property
    def lines(self) -> tuple[Secret, ...]:
        """Itself and, of several lines, each: what a host echoes is looked at line by line."""
        return (self, *(Secret(line) for line in self._text.splitlines() if line != self._text))

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def quote(word: str) -> str:
    """One word, quoted for POSIX sh."""
    return shlex.quote(word)


def words(*parts: str) -> str:
    """A command of these words, each quoted."""
    return " ".join(shlex.quote(part) for part in parts)


def one_line(text: str) -> str:
    """The text, unless it would end the line that it is put into."""
    if _ENDS_LINE.search(text):
        raise ValueError(f"a line break or NUL in {text!r}")
    return text


def sh(script: str, *arguments: str) -> str:
    """A command line for any login shell that runs a POSIX sh script with arguments."""
    return f"sh -c {shlex.quote(script)}" + "".join(" " + shlex.quote(a) for a in ("sh", *arguments) if arguments)


def script_of(*lines: str) -> str:
    """Lines joined to a script which stops at the first command that fails."""
    return "\n".join(("set -eu", *lines, ""))


def write_file(path: str, content: str, mode: int, was: str) -> str:
    """A script that writes a text file atomically, if it still is what it was (sha256; empty: absent).

    Exit code 65 says that something else was found there. The temporary file is removed when anything goes wrong.
    """
    target = quote(path)
    return script_of(
        f"target={target}",
        check_unchanged(was),
        'folder=$(dirname "$target")',
        'mkdir -p -m 0755 "$folder"',
        'temporary=$(mktemp "$folder/.fleet.XXXXXX")',
        "trap 'rm -f \"$temporary\"' EXIT HUP INT TERM",
        f"printf '%s' {quote(content)} > \"$temporary\"",
        f'chmod {mode:04o} "$temporary"',
        'mv -f "$temporary" "$target"',
    )


def check_unchanged(was: str) -> str:
    """Lines that exit with 65 unless ``$target`` has that sha256 (empty: does not exist)."""
    return (
        'now=""; if [ -e "$target" ]; then now=$(sha256sum < "$target"); now=${now%% *}; fi\n'
        f'if [ "$now" != {quote(was)} ]; then echo "$target has changed since the plan was made" >&2; exit 65; fi'
    )


def diff_lines(before: Sequence[str], after: Sequence[str], path: str) -> str:
    """A unified diff for people."""
    import difflib

    return "\n".join(difflib.unified_diff(list(before), list(after), path, path, lineterm=""))


def place_file(staged: str, path: str, sha256: str, mode: int, owner: str) -> str:
    """A script, to be run as root, that puts an uploaded file in its place, checked and by way of a temporary name.

    Everything in a user's own folder is done as that user: root must not follow what may be a link there.
    """
    as_owner = script_of(
        'target=$1; folder=$(dirname "$target")',
        'mkdir -p -m 0755 "$folder"',
        'temporary=$(mktemp "$folder/.fleet.XXXXXX")',
        "trap 'rm -f \"$temporary\"' EXIT HUP INT TERM",
        'cat > "$temporary"',
        f'if [ "$(sha256sum < "$temporary")" != {quote(f"{sha256}  -")} ]; then',
        'echo "the checksum differs after the upload" >&2; exit 66; fi',
        f'chmod {mode:04o} "$temporary"',
        'mv -f "$temporary" "$target"',
    )
    runner = f"runuser -u {quote(owner)} -- " if owner != "root" else ""
    return script_of(f"{runner}sh -c {quote(as_owner)} sh {quote(path)} < {quote(staged)}", f"rm -f {quote(staged)}")
