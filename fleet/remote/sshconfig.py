"""What ssh_config says of a host: `ssh -G`, which is OpenSSH's own answer, asked as seldom as is right.

`ssh -G` costs a process. It is left out when the files say nothing that matters here, and one answer serves all hosts for
which the same `Host` lines match, since nothing else in a file without `Match` can tell hosts apart.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from fleet.errors import FileError
from fleet.remote.settings import Settings

Options = Mapping[str, tuple[str, ...]]
"""Keyword (in lower case) to its values, one for each time that it was said."""

USER_CONFIG = Path("~/.ssh/config")
SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")

_IDLE = frozenset(
    (  # noqa: SIM905
        "host include sendenv setenv hashknownhosts gssapiauthentication gssapidelegatecredentials visualhostkey loglevel "
        "forwardx11 forwardx11trusted forwardx11timeout controlmaster controlpath controlpersist addkeystoagent "
        "serveraliveinterval serveralivecountmax tcpkeepalive compression usekeychain xauthlocation"
    ).split()
)
_SAME_FOR_ALL = re.compile(r"(all|final|canonical|,|\s)*")
_KEYWORD = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*$")
_ASKING = threading.Lock()
_turns: dict[tuple[object, ...], threading.Lock] = {}
_answers: dict[tuple[object, ...], Options] = {}


@dataclass(frozen=True, slots=True)
class Survey:
    """What the files hold, without any judgement on which of it holds for which host."""

    keywords: frozenset[str]
    host_lines: tuple[tuple[str, ...], ...]
    shareable: bool

    @property
    def is_idle(self) -> bool:
        """True when nothing in the files matters to a connection of ours."""
        return self.keywords <= _IDLE

    def signature(self, address: str) -> object:
        """Equal for hosts of which the files say the same."""
        if not self.shareable:
            return address
        return tuple(_line_matches(patterns, address) for patterns in self.host_lines)


def ssh_options(address: str, user: str | None, port: int | None, settings: Settings) -> Options:
    """ssh_config's word on a host. Empty when it is not to be read or says nothing.

    Raises FileError when OpenSSH can't read its own files.
    """
    if not settings.use_ssh_config:
        return {}
    survey = survey_files(settings.ssh_config)
    if survey.is_idle:
        return {}
    if not shutil.which("ssh"):
        from fleet.remote.sshconfig_fallback import options_by_paramiko

        return options_by_paramiko(address, user, settings.ssh_config)
    return _ask_once(address, user, port, settings, survey)


def _ask_once(address: str, user: str | None, port: int | None, settings: Settings, survey: Survey) -> Options:
    key = (survey, survey.signature(address), user, port, settings.ssh_config)
    with _ASKING:
        turn = _turns.setdefault(key, threading.Lock())
    with turn:  # whoever wants the same answer waits for it; others do not
        answer = _answers.get(key)
        if answer is None:
            answer = _answers[key] = _ask(address, user, port, settings.ssh_config)
    return answer


def _ask(address: str, user: str | None, port: int | None, config: Path | None) -> Options:
    command = ["ssh", "-G"]
    command += ["-F", str(config)] if config else []
    command += ["-l", user] if user else []
    command += ["-p", str(port)] if port else []
    done = subprocess.run([*command, "--", address], capture_output=True, stdin=subprocess.DEVNULL, timeout=30)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FileError(
            f"OpenSSH can't make out its configuration for {address}: {said[0] if said else 'no reason given'}",
            "Correct it until `ssh -G " + shlex.quote(address) + "` answers.",
        )
    options = read_options(done.stdout.decode("utf-8", "replace"))
    if options.get("hostname") == (address.lower(),):
        options = {k: v for k, v in options.items() if k != "hostname"}
    return options


def read_options(text: str) -> Options:
    """The output of `ssh -G` by keyword."""
    options: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        options[keyword.lower()] = (*options.get(keyword.lower(), ()), value)
    return options


def config_files(config: Path | None) -> tuple[Path, ...]:
    """The files that OpenSSH would start from."""
    return (config,) if config else (USER_CONFIG.expanduser(), SYSTEM_CONFIG)


def survey_files(config: Path | None) -> Survey:
    """Look through the files and what they include; done once for as long as the first ones stay as they are."""
    files = config_files(config)
    return _survey(files, tuple(_stamp(path) for path in files))


@lru_cache(maxsize=16)
def _survey(files: tuple[Path, ...], stamps: tuple[object, ...]) -> Survey:
    lines = [pair for path in files for pair in config_lines(path)]
    values: dict[str, list[str]] = {}
    for keyword, value in lines:
        values.setdefault(keyword, []).append(value)
    shareable = (
        all(_SAME_FOR_ALL.fullmatch(v.lower()) for v in values.get("match", ()))
        and not any("%" in v for v in values.get("hostname", ()))
        and "canonicalizehostname" not in values
    )
    return Survey(frozenset(values), tuple(tuple(split_words(v)) for v in values.get("host", ())), shareable)


def config_lines(path: Path, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Keyword and value of each line, included files in their place (16 levels deep, as in OpenSSH)."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        match = _KEYWORD.match(line)
        if line.lstrip().startswith("#") or not match:
            continue
        keyword, value = match[1].lower(), match[2]
        yield keyword, value
        if keyword == "include" and depth < 16:
            for pattern in split_words(value):
                for included in _included(pattern, path):
                    yield from config_lines(included, depth + 1)


def _included(pattern: str, by: Path) -> list[Path]:
    system = by == SYSTEM_CONFIG or SYSTEM_CONFIG.parent in by.parents
    base = SYSTEM_CONFIG.parent if system else Path("~/.ssh").expanduser()
    full = base / Path(pattern).expanduser()
    return sorted(Path(full.anchor).glob(str(full.relative_to(full.anchor))))


def split_words(value: str) -> list[str]:
    """The words of a value: quotes group, and ` #` begins a comment."""
    try:
        return shlex.split(value, comments=True)
    except ValueError:
        return value.split()


def _line_matches(patterns: tuple[str, ...], address: str) -> bool:
    """As OpenSSH does it: the address as it was typed, so that case counts."""

    def one(pattern: str) -> bool:
        return fnmatchcase(address, pattern.replace("[", "[[]"))

    if any(p.startswith("!") and one(p[1:]) for p in patterns):
        return False
    return any(one(p) for p in patterns if not p.startswith("!"))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
