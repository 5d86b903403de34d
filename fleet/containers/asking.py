"""What can be asked of many hosts at once, and what can not: checked before anything is connected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fleet.errors import UsageError

_STARTS = {"run", "exec", "create", "start"}
_GROUPS = {"container", "compose"}
_FLAGS = frozenset(
    (  # noqa: SIM905
        "--detach --init --no-healthcheck --oom-kill-disable --privileged --publish-all --quiet --read-only --rm --sig-proxy "
        "--interactive --tty"
    ).split()
)
"""Options of `docker run` and `docker exec` that are followed by no value (docs.docker.com, reference/cli/docker)."""
_SHORT_FLAGS = re.compile(r"-[dDiPqt]+")
_DURATION = re.compile(r"(\d+(\.\d+)?(ns|us|ms|s|m|h))+")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?|\d{9,11}(\.\d+)?")
_PLAIN = re.compile(r"[A-Za-z0-9_./@%+=:,-]+")


def check_words(words: Sequence[str]) -> None:
    """Raise UsageError for a docker command that makes no sense on many hosts at once."""
    if not words or not words[0]:
        raise UsageError(
            "there is no docker command to run",
            "put it behind two dashes: fleet docker pi-kitchen -- images",
        )
    if words[0] == "docker":
        raise UsageError("the word docker is said already", f"leave it out: fleet docker HOSTS -- {' '.join(words[1:]) or 'ps'}")
    if _wants_terminal(words):
        line = " ".join(words)
        hint = f"leave -t and -i out, or have it on one host: ssh -t HOST docker {line}"
        raise UsageError(f"docker {line}: that needs a terminal, and many hosts at once have none", hint)


def _wants_terminal(words: Sequence[str]) -> bool:
    rest = list(words[1:]) if words[0] in _GROUPS else list(words)
    if rest[:1] == ["attach"]:
        return True
    if rest[:1] and rest[0] in _STARTS:
        flags = list(_flags(rest[1:]))
        letters = "".join(flag[1:] for flag in flags if _SHORT_FLAGS.fullmatch(flag))
        return ("i" in letters or "--interactive" in flags) and ("t" in letters or "--tty" in flags)
    return False


def _flags(words: Sequence[str]) -> Iterator[str]:
    """The options in front of the image or the container; what stands behind it is another program's."""
    value_follows = False
    for word in words:
        if value_follows:
            value_follows = False
        elif not word.startswith("-") or word == "--":
            return
        else:
            yield word
            value_follows = "=" not in word and word not in _FLAGS and not _SHORT_FLAGS.fullmatch(word)


def since(text: str) -> str:
    """The moment as Docker takes it: 10m, 1h30m, 2d, 2026-11-24, 2026-11-24T10:00:00. Raises UsageError."""
    if match := re.fullmatch(r"(\d+)d", text):
        return f"{int(match[1]) * 24}h"
    if not text or _DURATION.fullmatch(text) or _MOMENT.fullmatch(text):
        return text
    raise UsageError(f"--since {text}: this is no time", "write 10m, 2h, 3d, 2026-11-24 or 2026-11-24T10:00:00")


def tail(text: str) -> str:
    """A number of lines, or `all`. Raises UsageError."""
    if text == "all" or (text.isascii() and text.isdecimal()):
        return text
    raise UsageError(f"--tail {text}: this is no number of lines", "write a number, or all")


def inside(words: Sequence[str]) -> tuple[str, ...]:
    """The command for a container: a single word with anything special in it is a line for the container's own shell."""
    if len(words) == 1 and not _PLAIN.fullmatch(words[0]):
        return ("sh", "-c", words[0])
    return tuple(words)
