"""ssh_config without the ssh binary: paramiko's reader, with its known holes stopped.

Paramiko ignores `Include`, applies a `Match` whose criteria it does not know, keeps comments as part of the value and takes
the word `none` for a name. What can't be put right here is refused, rather than read in another way than OpenSSH would.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from paramiko import ConfigParseError, SSHConfig

from fleet.errors import FileError
from fleet.remote.sshconfig import Options, config_files, config_lines, split_words

_KNOWN_CRITERIA = frozenset(["all", "final", "canonical", "host", "originalhost", "user", "localuser", "exec"])
_NONE_MEANS_NOT = frozenset({"proxyjump", "proxycommand", "identityfile", "identityagent", "connecttimeout"})
_HINT = "Install the OpenSSH client (ssh), which can read all of it, or give a simpler file with -F (or -F /dev/null for none)."


def options_by_paramiko(address: str, user: str | None, config: Path | None) -> Options:
    """What `ssh -G` would say of the host, as far as it matters. Raises FileError where that can't be known."""
    text = "\n".join(line for path in config_files(config) for line in _plain_lines(path))
    try:
        found = SSHConfig.from_text(text).lookup(address)
    except (ConfigParseError, ValueError, KeyError) as error:
        raise FileError(f"ssh_config can't be read without ssh: {error}", _HINT) from error
    values: dict[str, str | list[str]] = dict(found)
    listed = {k: tuple(v) if isinstance(v, list) else (v,) for k, v in values.items()}
    return {k: v for k, v in listed.items() if (k, v) != ("hostname", (address,))}


def _plain_lines(path: Path) -> Iterator[str]:
    inside = False
    yield "Host *"
    for keyword, value in config_lines(path):
        if keyword == "include":
            if inside:
                raise FileError("An Include within a Host or Match block can't be followed without ssh.", _HINT, path=str(path))
            continue
        inside = inside or keyword in ("host", "match")
        yield from _plain_line(keyword, value, path)


def _plain_line(keyword: str, value: str, path: Path) -> Iterable[str]:
    if keyword == "match":
        _refuse_unknown_criteria(value, path)
    bare = value if keyword == "proxycommand" else re.sub(r"\s+#.*$", "", value)
    if keyword in _NONE_MEANS_NOT and bare.lower() == "none":
        return ()
    return (f"{keyword} {bare}",)


def _refuse_unknown_criteria(value: str, path: Path) -> None:
    words = split_words(value)
    while words:
        criterion = words.pop(0).lstrip("!").lower()
        if criterion not in _KNOWN_CRITERIA:
            raise FileError(f"`Match {criterion}` can't be judged without ssh.", _HINT, path=str(path))
        if criterion not in ("all", "final", "canonical") and words:
            words.pop(0)
