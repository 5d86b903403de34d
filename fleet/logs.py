"""One full log file per host and run, for the day after: $XDG_STATE_HOME/fleet/logs/RUN/HOST.log, for its owner only.

`latest` leads to the newest run; the last 50 runs are kept. A disk that is full stops no run: it goes on without logs.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fleet.events import Report, Reporter, RunInfo
from fleet.model import Blocked, Change, HostReport, Plan, StepOutcome

KEPT = 50
"""Runs whose logs are kept."""
_FLUSH_AT = 16_384
_RUN_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f]{4}")


def home() -> Path:
    """The folder of all logs (XDG Base Directory Specification)."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "fleet" / "logs"


def run_name() -> str:
    """A name for a run, which sorts by time and never comes twice: 2026-11-24T13.45.01-9f3c."""
    return f"{time.strftime('%Y-%m-%dT%H.%M.%S')}-{secrets.token_hex(2)}"


def keep_traceback(text: str) -> Path | None:
    """Put the traceback of an unexpected error into a file of its own; None when there is no place for it."""
    path = home() / "crash.log"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(text)
    except OSError:
        return None
    return path


class Logs(Reporter):
    """Writes what happens on a host to its log. Lines are kept back until something changes there or it is done."""

    def __init__(self, folder: Path, clock: Callable[[], str] = lambda: time.strftime("%H:%M:%S")) -> None:
        self.folder = folder
        self.problem = ""
        self._clock = clock
        self._head = ""
        self._waiting: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()

    def run_started(self, run: RunInfo) -> None:
        self._head = f"fleet {run.verb}, run {self.folder.name}"
        try:
            self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            _point(self.folder.parent / "latest", self.folder.name)
            _prune(self.folder.parent)
        except OSError as error:
            self._give_up(error)

    def stage(self, host: str, stage: str) -> None:
        self._add(host, stage)

    def planned(self, host: str, plan: Plan) -> None:
        self._add(host, f"plan of recipe {plan.recipe}: {len(plan.changes)} to change, {len(plan.blocked)} blocked")
        for name, why in plan.unmet:
            self._add(host, f"  not for this host: {name}: {why}")
        for step in plan.steps:
            if isinstance(step.verdict, Change | Blocked):
                word = "change" if isinstance(step.verdict, Change) else "blocked"
                self._add(host, f"  {word} {step.step}: {step.verdict.why}")

    def step_started(self, host: str, step: str, why: str) -> None:
        self._add(host, f"{step}: {why}")
        self._flush(host)

    def action(self, host: str, step: str, title: str) -> None:
        self._add(host, f"{step}: > {title}")
        self._flush(host)

    def output(self, host: str, line: str, error: bool = False) -> None:
        self._add(host, f"| {line}")

    def note(self, host: str, text: str) -> None:
        self._add(host, text)

    def step_finished(self, host: str, outcome: StepOutcome) -> None:
        self._add(host, f"{outcome.step}: {outcome.outcome}: {outcome.why}")
        for warning in outcome.warnings:
            self._add(host, f"{outcome.step}: warning: {warning}")
        if outcome.hint:
            self._add(host, f"{outcome.step}: hint: {outcome.hint}")

    def host_finished(self, report: HostReport) -> None:
        if report.failure:
            self._add(report.host, f"{report.failure.stage}: {report.failure.why}")
            self._add(report.host, f"hint: {report.failure.hint}")
        for finding in report.findings:
            self._add(report.host, f"{finding.severity}: {finding.check}: {finding.why} ({finding.evidence})")
        self._add(report.host, f"{report.result} after {report.seconds:.1f} s")
        self._flush(report.host)

    def run_finished(self, report: Report) -> None:
        for host in list(self._waiting):
            self._flush(host)

    def _add(self, host: str, text: str) -> None:
        line = f"{self._clock()} {text}\n"
        with self._lock:
            self._waiting.setdefault(host, []).append(line)
            self._sizes[host] = self._sizes.get(host, 0) + len(line)
            full = self._sizes[host] > _FLUSH_AT
        if full:
            self._flush(host)

    def _flush(self, host: str) -> None:
        with self._lock:
            lines = self._waiting.get(host, [])
            self._waiting[host], self._sizes[host] = [], 0
            if not lines or self.problem:
                return
            try:
                with open(self.folder / f"{host}.log", "a", encoding="utf-8", errors="replace", opener=_private) as file:
                    if file.tell() == 0:
                        file.write(f"{self._head}, {host}\n")
                    file.writelines(lines)
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.problem = f"no logs are kept: {self.folder} can't be written: {error.strerror}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _point(link: Path, name: str) -> None:
    """Let the link lead there, without a moment at which it leads nowhere."""
    temporary = link.with_name(f".latest-{name}")
    temporary.symlink_to(name)
    temporary.replace(link)


def _prune(folder: Path) -> None:
    runs = sorted(entry.name for entry in os.scandir(folder) if _RUN_NAME.fullmatch(entry.name))
    for name in runs[:-KEPT]:
        shutil.rmtree(folder / name, ignore_errors=True)
