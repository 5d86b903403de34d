"""Findings: what a look at a host says of it, apart from any recipe."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters: an error stands in the way, a warning will, a note is good to know. Worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``remedy`` is lines, each a sentence to read or a command to type as it stands."""

    severity: Severity
    check: str
    why: str
    evidence: str
    remedy: str

    @property
    def is_wrong(self) -> bool:
        """False for what is only good to know."""
        return self.severity is not Severity.NOTE
