"""Findings in few words, and remedies as lines to type."""

from __future__ import annotations

from fleet.model import Finding, Severity
from fleet.shell import quote

HOST = "<HOST>"
"""Stands for the host's name in a remedy until it is known whose it is."""


def error(check: str, why: str, evidence: str, remedy: str) -> Finding:
    """Something that stands in the way of Docker, or of getting it there."""
    return Finding(Severity.ERROR, check, why, evidence, remedy)


def warning(check: str, why: str, evidence: str, remedy: str) -> Finding:
    """Something that will make trouble."""
    return Finding(Severity.WARNING, check, why, evidence, remedy)


def note(check: str, why: str, evidence: str, remedy: str) -> Finding:
    """Something that is good to know, and not wrong."""
    return Finding(Severity.NOTE, check, why, evidence, remedy)


def as_root(line: str) -> str:
    """The command that runs this line of sh as root on the host."""
    return f"fleet run {HOST} --sudo -- {_quoted(line)}"


def as_user(line: str) -> str:
    """The command that runs this line of sh on the host."""
    return f"fleet run {HOST} -- {_quoted(line)}"


def _quoted(line: str) -> str:
    """As a person would quote it: within double quotes where nothing in it has a meaning there."""
    return f'"{line}"' if "'" in line and not set(line) & set('"$`\\!') else quote(line)


def lines(*parts: str) -> str:
    """A remedy of several lines."""
    return "\n".join(parts)
