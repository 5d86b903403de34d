"""What a proof's script printed -> a Proof, or why there is none and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.proof.symptoms import STAGES, find

_KEYS = ("user", "elsewhere", "client", "server", "compose", "said", "failed", "code")
_HEAD, _TAIL = 120, 180


@dataclass(frozen=True, slots=True)
class Proof:
    """Docker works for this user: versions of client, server and Compose plugin ("": not asked), and the container's line.

    ``warnings`` say what deserves a look all the same: the user's docker talks to another machine, or complains.
    """

    user: str
    client: str
    server: str
    compose: str
    said: str
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        compose = f", Compose {self.compose}" if self.compose else ""
        client = f" (client {self.client})" if self.client != self.server else ""
        return f"{self.user} ran a container: Docker {self.server}{client}{compose}, {self.platform}"

    @property
    def platform(self) -> str:
        """The platform that the program in the container was built for, in its own words."""
        return self.said.rpartition(" ")[2]


@dataclass(frozen=True, slots=True)
class ProofFailed:
    """Docker does not work for this user (on this host): the stage of the script, the reason with docker's words, a remedy."""

    stage: str
    why: str
    hint: str
    user: str = ""


def read_proof(text: str, code: int) -> Proof | ProofFailed:
    """Read all that a script of `proof_script` or `for_user` printed, and its exit code."""
    said, words = _parse(text)
    user = said.get("user", "")
    missing = [key for key in ("client", "server", "said") if not said.get(key)]
    if code == 0 and not missing and "failed" not in said:
        return Proof(user, said["client"], said["server"], said.get("compose", ""), said["said"], tuple(_warnings(said, words)))
    stage = said.get("failed", "script")
    reported = said.get("code", "")
    return _failed(stage, int(reported) if reported.isdecimal() else code, user or "the user", words, said.get("said", ""))


def _parse(text: str) -> tuple[dict[str, str], list[str]]:
    """The values by their keys, and the lines which are docker's."""
    said: dict[str, str] = {}
    words: list[str] = []
    for raw in text.splitlines():
        line = "".join(c for c in raw if c.isprintable()).strip()
        key, equals, value = line.partition("=")
        if equals and key in _KEYS and key not in said:
            said[key] = value
        elif line and line not in words:
            words.append(line)
    return said, words


def _warnings(said: dict[str, str], words: Iterable[str]) -> Iterable[str]:
    if elsewhere := said.get("elsewhere"):
        yield (
            f"{said['user']}'s docker talks to {elsewhere}, not to this host's engine, which was proven all the same; "
            "`docker context use default` and no DOCKER_HOST would change that."
        )
    for line in words:
        if line.lower().startswith(("warning", "error")):
            yield f"{said['user']}'s docker says: {_short(line)}"


def _failed(stage: str, code: int, user: str, words: list[str], printed: str) -> ProofFailed:
    symptom, line = find(stage, code, words)
    sentence = symptom.why if symptom else STAGES.get(stage, STAGES["script"])
    line = line or (f"it printed {printed!r}" if stage == "output" else "")
    why = f"{sentence.replace('USER', user)}: {_short(line)}" if line else sentence.replace("USER", user)
    hint = symptom.hint if symptom else "Look at what the daemon says: sudo journalctl -u docker -n 50 --no-pager"
    return ProofFailed(stage, why, hint.replace("USER", user), user)


def _short(line: str) -> str:
    """A line of bearable length; runc's errors tell where at their beginning and what at their end."""
    return line if len(line) <= _HEAD + _TAIL else f"{line[:_HEAD]} … {line[-_TAIL:]}"
