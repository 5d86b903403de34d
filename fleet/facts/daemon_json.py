"""/etc/docker/daemon.json: what it says, and whether the daemon has read it since it was changed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from fleet.facts.sources import sha256_of
from fleet.model import Probe
from fleet.shell import Secret

PATH = "/etc/docker/daemon.json"
TOLD = "/var/lib/fleet/daemon.json.sha256"
"""The sha256 of the file at the last reload or restart that fleet has seen to succeed. Times alone would not do: a reload makes
the daemon no younger, and a Pi without a clock of its own may boot in the past."""

_LOGIN = re.compile(r"(?<=://)[^/@\s\"']+(?=@)")


@dataclass(frozen=True, slots=True)
class DaemonJson:
    """The file; ``text`` is None where there is none. It may hold a proxy's password, hence masked wherever it is shown.

    ``newer``: changed since the daemon's start. ``told`` is the sha256 of what fleet has told it last.
    """

    text: Secret | None = None
    newer: bool = False
    told: str = ""

    @property
    def sha256(self) -> str:
        """Of the file's content; empty where there is none."""
        return sha256_of(self.text.reveal()) if self.text else ""

    @property
    def is_read(self) -> bool:
        """False when the daemon may run with something else than the file says."""
        return not self.newer or self.told == self.sha256

    def content(self) -> dict[str, Any]:
        """The keys; raises ValueError, with the position in words, for what dockerd would refuse too.

        dockerd takes an empty file for no settings, and a byte order mark for nothing (moby/moby, daemon/config).
        """
        text = (self.text.reveal() if self.text else "").removeprefix("\ufeff").strip()
        return parse(text) if text else {}


def parse(text: str) -> dict[str, Any]:
    """A JSON object; ValueError in words for anything else."""
    try:
        said = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}") from None
    if not isinstance(said, dict):
        raise ValueError("line 1: it is not an object, { … }")
    return said


def without_logins(text: str) -> str:
    """The text without users and passwords in URLs."""
    return _LOGIN.sub("***", text)


def read_daemon_json(text: str) -> DaemonJson:
    """Read the answer of the probe ``daemon_json``: two lines, and the file as it is."""
    told, _, rest = text.partition("\n")
    newer, gap, file = rest.partition("\n")
    if not gap:
        return DaemonJson()
    return DaemonJson(Secret(file), newer == "newer=1", told.removeprefix("told="))


# docker.pid is written anew at each start of the daemon, so that its age is the daemon's, without a process for the question.
DAEMON_JSON = Probe(
    name="daemon_json",
    script=f"""
if [ -f {PATH} ]; then
told=; [ -s {TOLD} ] && read -r told <{TOLD}
newer=; [ {PATH} -nt /var/run/docker.pid ] && newer=1
printf 'told=%s\\nnewer=%s\\n' "$told" "$newer"
cat {PATH}
fi
""",
    parse=read_daemon_json,
    unknown=DaemonJson(),
    as_root=True,
)
