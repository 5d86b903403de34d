"""The sh text that carries every script to a host, and the marks by which its answer is taken apart again.

The command line of an exec is a few fixed words, whatever is to be run; all else goes over stdin, so that neither `ps` nor
sudo's log shows a script, let alone a password. What comes over stdin (the document) is itself sh text.
"""

from __future__ import annotations

import math

from fleet.shell import Secret, one_line, quote, sh

MARK = "\x1e"
"""ASCII's record separator begins each mark: no login shell, sudo or probe prints it by chance."""
START, SUDO, ROOT, DENIED = "start", "sudo", "root", "denied"
ONE_ON_THE_WIRE = 241
"""A script's exit code 1 as it travels through sudo, since sudo's own failures have the code 1."""
GRACE = 5
"""Seconds between `timeout`'s TERM and its KILL, and again between the end of the root part and that of the whole."""

# $1 is the time limit, $2 what to evaluate. No single quote and no backslash in it: fish reads those differently.
_LAUNCHER = 'limit=$(command -v timeout) && exec "$limit" -k 5 "$1" sh -c "$2"; exec sh -c "$2"'

_HEAD = """\
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
mark() { printf '\\036%s\\n' "$*"; printf '\\036%s\\n' "$*" >&2; }
"""

# Runs as root, after `enter` has read the marker line. The code 1 is sudo's alone, so the script's 1 gets another number.
_ROOT = """\
mark root "$way"
( eval "$script" )
code=$?
[ "$code" -ne 1 ] || code=241
exit "$code"
"""

# Runs as the login user. Set before: known (the way that worked before, or empty), password, limit_seconds, enter, root,
# and feeding (non-empty when more of stdin follows for the script).
_BECOME_ROOT = """\
feed() { printf '%s\\n' fleet-script "way=$way"; printf '%s' "$root"; [ -z "$feeding" ] || cat; }
finish() { [ "$1" -ne 241 ] || exit 1; exit "$1"; }
deny() { mark denied "$1"; exit "${user_code:-1}"; }
limit="timeout -k 5 $limit_seconds"
command -v timeout >/dev/null || limit=
printf '\\036sudo\\n' >&2
if [ "$(id -u)" -eq 0 ]; then
    way=root
    feed | $limit sh -c "$enter"
    finish "$?"
fi
command -v sudo >/dev/null || deny missing
# The real thing is its own trial, unless more of stdin follows, which can be read once only.
run_if_free() {
    [ -z "$feeding" ] || sudo -n sh -c : </dev/null || return 0
    feed | sudo -n $limit sh -c "$enter"
    code=$?
    [ "$code" -eq 1 ] || finish "$code"
}
if [ "$known" != password ]; then
    way=passwordless
    run_if_free
    [ -n "$password" ] || deny without
fi
# The password alone, once: a wrong one must not make sudo read the script as two more guesses, and sudo-rs reads all that
# is there along with it. What follows needs none for a while.
printf '%s\\n' "$password" | sudo -S -p '' sh -c : || deny with
way=password
run_if_free
# This host's sudo remembers nothing (timestamp_timeout=0): the password again, and the rest only when it has been read.
# Whether it was taken or not, the marker line says where the document begins; the password is never run and never logged.
{ printf '%s\\n' "$password"; sleep 2; feed; } | sudo -S -p '' $limit sh -c "$enter"
code=$?
[ "$code" -eq 1 ] || finish "$code"
deny with
"""


def command_line(seconds: float, document: bytes, feeding: bool) -> str:
    """The command for an exec channel; it evaluates the document that comes over stdin, and ends after so many seconds."""
    return sh(*launch_words(seconds, document, feeding))


def launch_words(seconds: float, document: bytes, feeding: bool) -> tuple[str, str, str]:
    """The same as the words after `sh -c`, for a local process: launcher, limit, what to evaluate."""
    return _LAUNCHER, str(math.ceil(seconds)), _evaluate(len(document), feeding)


def plain_document(script: str, feeding: bool) -> bytes:
    """A script for the login user."""
    return _bytes(f'{_HEAD}{_stdin(feeding)}mark start\nscript={quote(script)}\n( eval "$script" )\n')


def root_document(
    script: str, seconds: float, feeding: bool, password: Secret | None = None, known: str = "", before: str | None = None
) -> bytes:
    """A script for root; with ``before``, that one is run first as the login user, in the same exec."""
    root = _HEAD + _stdin(feeding) + f"script={quote(script)}\n" + _ROOT
    enter = 'IFS= read -r line; [ "$line" = fleet-script ] || IFS= read -r line; IFS= read -r way; way=${way#way=}; '
    enter += _evaluate(len(_bytes(root)), feeding)
    first = f'user={quote(before)}\n( eval "$user" ) </dev/null\nuser_code=$?\n' if before is not None else ""
    values = {
        "known": known,
        "password": one_line(password.reveal()) if password else "",
        "limit_seconds": str(math.ceil(seconds)),
        "feeding": "yes" if feeding else "",
        "enter": enter,
        "root": root,
    }
    assigned = "".join(f"{name}={quote(value)}\n" for name, value in values.items())
    return _bytes(f"{_HEAD}mark start\n{first}{assigned}{_BECOME_ROOT}")


def _evaluate(size: int, feeding: bool) -> str:
    """Read the document: all of stdin, or exactly its size if more follows (bs=1, so as not to read into that)."""
    return f'eval "$(dd bs=1 count={size} 2>/dev/null)"' if feeding else 'eval "$(cat)"'


def _stdin(feeding: bool) -> str:
    return "" if feeding else "exec </dev/null\n"


def _bytes(text: str) -> bytes:
    if "\0" in text:
        raise ValueError("a NUL in a script")
    return text.encode("utf-8", "surrogateescape")
