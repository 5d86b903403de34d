"""Running scripts on a host, as the login user or as root, and what came of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from fleet.errors import CommandTimeout, RemoteError, SudoError
from fleet.facts.accounts import NEEDS_TERMINAL, no_root
from fleet.model import Done
from fleet.remote.answer import Answer, OnLine, Poured, Stream, take_apart
from fleet.remote.channel import lost, run_on_channel
from fleet.remote.limits import Limits
from fleet.remote.local import LocalConnection, run_in_process
from fleet.remote.script import GRACE, ROOT, START, command_line, launch_words, plain_document, root_document
from fleet.remote.settings import Settings
from fleet.shell import Secret

ROOT_LINE = "@fleet-root "
"""Begins the line between the two parts of a probe's answer; the way that root came about (or not) follows."""
_WATCHDOG = 10.0
_INLINE = 1 << 16
_REFUSED = re.compile(r"not in the sudoers|may not run sudo|not allowed to|afraid I can't do that", re.I)
_NO_TTY = "you must have a tty to run sudo"


class Way(StrEnum):
    """How root rights came about, or why they did not."""

    ROOT = "root"
    PASSWORDLESS = "passwordless"
    PASSWORD = "password"  # noqa: S105
    NEEDS_PASSWORD = "needs-password"  # noqa: S105
    NEEDS_TERMINAL = NEEDS_TERMINAL
    WRONG_PASSWORD = "wrong-password"  # noqa: S105
    NONE = "none"

    @property
    def is_root(self) -> bool:
        """True when the root part ran."""
        return self in (Way.ROOT, Way.PASSWORDLESS, Way.PASSWORD)


def execute(
    c: Any,
    script: str,
    *,
    root: bool = False,
    sudo_password: Secret | None = None,
    timeout: float,
    stdin: bytes | Iterable[bytes] = b"",
    on_line: OnLine | None = None,
    on_error_line: OnLine | None = None,
    idle: float | None = None,
    passing: bool = False,
    into: Callable[[bytes], object] | None = None,
) -> Done:
    """Run a POSIX sh script in one exec and give what came of it; an exit code other than 0 is no error here.

    ``timeout`` and ``idle`` are in seconds; the second is how long it may print nothing (default: the settings').
    ``on_line`` is called with each line, ``on_error_line`` with those of stderr if it is given. With ``passing`` that is all
    that is wanted of the output, which may have no end: only its beginning is in what is given back. What goes to stdout may
    be no text at all: ``into`` gets it in pieces, and nothing else does.

    Raises SudoError (and then nothing of the script ran), CommandTimeout, ConnectionLost or RemoteError.
    """
    feeding = stdin != b""
    document = root_document(script, timeout, feeding, sudo_password, _known(c)) if root else plain_document(script, feeding)
    out = Poured(into, ROOT if root else START) if into else Stream(on_line, passing)
    streams = out, Stream(on_error_line or on_line, passing)
    code, answer, seconds = _run(c, document, timeout + (GRACE if root else 0), stdin, streams, idle)
    if root:
        way = _learn(c, answer)
        if not way.is_root:
            raise _sudo_error(c, way, answer)
    _check_time(code, seconds, timeout)
    if root:
        return Done(code, answer.root_out, answer.root_err, seconds)
    return Done(code, answer.out, answer.err, seconds)


def probe(c: Any, user_script: str, root_script: str, *, sudo_password: Secret | None = None, timeout: float) -> Done:
    """Ask two things in one exec: as the login user, and as root if that can be.

    ``out`` is what the first printed, a line `@fleet-root WAY`, and what the second printed (nothing, if WAY says that it
    did not run). Raises what `execute` raises, but no SudoError.
    """
    document = root_document(root_script, timeout, False, sudo_password, _known(c), before=user_script)
    code, answer, seconds = _run(c, document, timeout + GRACE, b"", (Stream(), Stream()))
    way = _learn(c, answer)
    _check_time(code, seconds, timeout)
    out = answer.out if answer.out.endswith("\n") or not answer.out else answer.out + "\n"
    return Done(code, f"{out}{ROOT_LINE}{way}\n{answer.root_out}", answer.err + answer.root_err, seconds)


def way_of(out: str) -> Way:
    """The way that a probe's answer tells. Raises RemoteError when it tells none."""
    match = re.search(rf"^{ROOT_LINE}(\S+)$", out, re.M)
    if not match:
        raise RemoteError("The answer of the host has no end.", "Run it again with -vv to see what it said.")
    return Way(match[1])


def check_sudo(c: Any, sudo_password: Secret | None, timeout: float = 30.0) -> Way:
    """Find out how root rights come about with this password, which is tried once; changes nothing."""
    return way_of(probe(c, ":", ":", sudo_password=sudo_password, timeout=timeout).out)


def _run(
    c: Any,
    document: bytes,
    seconds: float,
    stdin: bytes | Iterable[bytes],
    streams: tuple[Stream, Stream],
    idle: float | None = None,
) -> tuple[int, Answer, float]:
    out, err = streams
    feeding = stdin != b""
    more: Iterable[bytes] = (stdin,) if isinstance(stdin, bytes) else stdin
    began = time.monotonic()
    settings = settings_of(c)
    total = seconds + _WATCHDOG
    limits = Limits(total, _silence(idle, seconds, settings), settings.keepalive, settings.connect_timeout + 5)
    if isinstance(c, LocalConnection):
        words = launch_words(seconds, document, feeding)
        code = run_in_process(words, document, more, out, err, limits)
    else:
        large = not isinstance(stdin, bytes) or len(stdin) + len(document) > _INLINE
        command = command_line(seconds, document, feeding)
        code = run_on_channel(_transport(c), command, document, more, large, out, err, limits)
    out.close()
    err.close()
    answer = take_apart(out.text, err.text)
    elapsed = time.monotonic() - began
    _check_time(code, elapsed, seconds)
    if not answer.started:
        raise _not_started(code, out.text, err.text)
    return code, answer, elapsed


def _silence(idle: float | None, seconds: float, settings: Settings) -> float:
    """Seconds without a byte. A command that may be silent to its end is ended there, by `timeout`, and not from here."""
    if idle is None:
        return settings.idle_timeout
    return idle if idle + GRACE < seconds else seconds + _WATCHDOG


def settings_of(c: Any) -> Settings:
    """The settings that a connection was made with; the defaults for one that someone else made."""
    made_with = getattr(c, "settings", None) or getattr(getattr(c, "client", None), "settings", None)
    return made_with if isinstance(made_with, Settings) else Settings()


def _transport(c: Any) -> Any:
    if c.transport is None or not c.transport.is_active():
        raise lost()
    return c.transport


def _check_time(code: int, seconds: float, limit: float) -> None:
    """`timeout` ends with 124, or 137 when it had to kill; a script may do so too, but earlier."""
    if code in (124, 137) and seconds >= limit:
        raise CommandTimeout(f"The command took longer than {limit:.0f} s and was stopped.", "See what the host is doing.")


def _not_started(code: int, out: str, err: str) -> RemoteError:
    said = next((line.strip() for line in (err + "\n" + out).splitlines() if line.strip()), "nothing")
    return RemoteError(
        f"The host did not run what it was asked to (exit code {code}); it said: {said[:200]}",
        "The login shell must take `sh -c COMMAND`: see the user's entry in /etc/passwd, ForceCommand and ~/.bashrc there.",
    )


def _known(c: Any) -> str:
    return Way.PASSWORD.value if getattr(keeper_of(c), "sudo_way", "") == Way.PASSWORD else ""


def keeper_of(c: Any) -> Any:
    """What keeps notes on a connection: itself if it is one of ours, else its client (a hardened one has room for them)."""
    return c if hasattr(type(c), "sudo_way") else getattr(c, "client", c)


def _learn(c: Any, answer: Answer) -> Way:
    way = Way(answer.way) if answer.way else _why_not(answer)
    keeper = keeper_of(c)
    if hasattr(type(keeper), "sudo_way"):
        keeper.sudo_way = way
    return way


def _why_not(answer: Answer) -> Way:
    """What sudo's refusal means. Before it has seen a password it does not tell who may not use it at all.

    With `Defaults requiretty` it says that it takes a terminal before it looks at anything else, and in these words
    (sudo-project/sudo, plugins/sudoers/sudoers.c). sudo-rs has no such setting (trifectatechfoundation/sudo-rs,
    src/defaults/mod.rs): it tells that it does not know it, and goes on.
    """
    if _NO_TTY in answer.sudo_said:
        return Way.NEEDS_TERMINAL
    if answer.denied == "missing" or _REFUSED.search(answer.sudo_said):
        return Way.NONE
    return Way.WRONG_PASSWORD if answer.denied == "with" else Way.NEEDS_PASSWORD


def _sudo_error(c: Any, way: Way, answer: Answer) -> SudoError:
    user = getattr(c, "user", "") or "the login user"
    said = answer.sudo_said.strip().splitlines()[-1:] or ["nothing"]
    if way is Way.NEEDS_TERMINAL:
        return SudoError(*no_root(way, user))
    if way is Way.NEEDS_PASSWORD:
        return SudoError(f"sudo wants a password of {user}.", "Give it with -K, or allow passwordless sudo in /etc/sudoers.d.")
    if way is Way.WRONG_PASSWORD:
        return SudoError(f"sudo does not take the password for {user}: {said[0]}", "Give the right one with -K.")
    if answer.denied == "missing":
        return SudoError(f"There is no sudo on the host, and {user} is not root.", "Log in as root, or install sudo there.")
    return SudoError(f"{user} may not use sudo: {said[0]}", f"As root on the host: usermod -aG sudo {user}, or log in as root.")
