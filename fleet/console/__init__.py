"""The only room that prints: data to stdout; progress, warnings and errors to stderr."""

from __future__ import annotations

from fleet.console.lines import Lines
from fleet.console.stream import Screen, Stream, screen
from fleet.console.summary import tell_summary
from fleet.console.tables import tell_hosts, tell_pairs, tell_table
from fleet.console.tell import (
    Output,
    plain_reporter,
    progress,
    tell_data,
    tell_error,
    tell_facts_report,
    tell_json,
    tell_plan_report,
    tell_run_report,
    tell_warning,
)

__all__ = [
    "Lines",
    "Output",
    "Screen",
    "Stream",
    "plain_reporter",
    "progress",
    "screen",
    "tell_data",
    "tell_error",
    "tell_facts_report",
    "tell_hosts",
    "tell_json",
    "tell_pairs",
    "tell_plan_report",
    "tell_run_report",
    "tell_summary",
    "tell_table",
    "tell_warning",
]
