"""The only room that prints: data to stdout; progress, warnings and errors to stderr.

Here is what every verb needs; `reports` and `tables` are for those that have something to show.
"""

from __future__ import annotations

from fleet.console.stream import Screen, Stream, screen
from fleet.console.tell import tell_data, tell_error, tell_json, tell_note, tell_question, tell_warning

__all__ = ["Screen", "Stream", "screen", "tell_data", "tell_error", "tell_json", "tell_note", "tell_question", "tell_warning"]
