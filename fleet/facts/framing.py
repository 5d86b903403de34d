"""Many probes, one script: what is sent to a host, and how its answer is taken apart again.

Every part of the answer starts with a marker line that holds a random word of this run, so that nothing that a file on
the host contains can pass for a marker, and ends where the next one starts. The answer is sent in one piece: sshd makes a
packet of each small write, and sixty of them per host cost both ends more than the probes themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet.errors import RemoteError
from fleet.model import Facts, Probe

_END = "end"


@dataclass(frozen=True, slots=True)
class ProbeScript:
    """The two parts of the script: for the login user and for root."""

    user: str
    root: str
    nonce: str


def script(probes: Iterable[Probe[Any]], nonce: str) -> ProbeScript:
    """Frame these probes. ``nonce`` is a random word without blanks."""
    parts = list(probes)
    return ProbeScript(
        user=_part([p for p in parts if not p.as_root], nonce, _END + "-user"),
        root=_part([p for p in parts if p.as_root], nonce, _END + "-root"),
        nonce=nonce,
    )


def _part(probes: list[Probe[Any]], nonce: str, end: str) -> str:
    lines = ["exec 2>/dev/null", "answer() {"]
    for probe in probes:
        lines += [f"echo; echo '@fleet {nonce} {probe.name}'", probe.script.strip()]
    lines += [f"echo; echo '@fleet {nonce} {end}'", "}", "answer=$(answer)", "printf '%s\\n' \"$answer\"", ""]
    return "\n".join(lines)


def read(probes: Iterable[Probe[Any]], nonce: str, text: str) -> Facts:
    """Take an answer apart and read it; raises RemoteError when the host stopped in the middle of it."""
    parts = _sections(nonce, text)
    if _END + "-user" not in parts:
        raise RemoteError(
            "the host's answer to the probe is incomplete",
            "Look at its log; does the login shell of this user run commands at all (`ssh HOST true`)?",
        )
    root_answered = _END + "-root" in parts
    answers: dict[str, object] = {}
    for probe in probes:
        if probe.name in parts and (root_answered or not probe.as_root):
            answers[probe.name] = _parse(probe, parts[probe.name])
    return Facts(answers)


def _sections(nonce: str, text: str) -> dict[str, str]:
    pieces = f"\n{text}".split(f"\n@fleet {nonce} ")[1:]
    return {name: body for name, _, body in (piece.partition("\n") for piece in pieces)}


def _parse(probe: Probe[Any], text: str) -> object:
    try:
        return probe.parse(text)
    except (ValueError, IndexError, KeyError) as error:
        shown = text if len(text) < 200 else text[:200] + "…"
        raise RemoteError(
            f"the host's answer to the probe {probe.name!r} makes no sense: {error} in {shown!r}",
            "Please report this with the output of `fleet facts HOST -vv`.",
        ) from error


def pairs(text: str) -> dict[str, str]:
    """``key=value`` lines as a dictionary; the first of a doubled key counts, other lines are passed over."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign and key.strip():
            found.setdefault(key.strip(), value.strip())
    return found
