"""Moments as people read them."""

from __future__ import annotations

from datetime import datetime


def moment(seconds: float) -> str:
    """Seconds of the Unix epoch, to the minute, as this machine's clock on the wall has it: 2026-11-24 14:03."""
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"
