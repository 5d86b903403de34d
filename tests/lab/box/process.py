"""Daemons that outlive the command that started them: found again and stopped by pid file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_started: dict[int, subprocess.Popen[bytes]] = {}


class LabError(Exception):
    """Something of the lab does not work; the text says what and what to do."""


def start(argv: Sequence[str], pid_file: Path, log: Path, *, cwd: Path | None = None) -> None:
    """Start a program in a session of its own, its output going to `log`, and note its pid."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started[process.pid] = process
    pid_file.write_text(f"{process.pid}\n")


def stop(pid_file: Path, marker: str, *, seconds: float = 10) -> None:
    """End the program of a pid file and wait until it is gone; `marker` is a word of its command line.

    SIGKILL follows when it has not gone after `seconds`. A pid that belongs to something else by
    now is left alone.
    """
    pid = _read(pid_file)
    if pid and alive(pid, marker):
        _signal(pid, signal.SIGTERM)
        if not _wait(lambda: not alive(pid, marker), seconds):
            _signal(pid, signal.SIGKILL)
            _wait(lambda: not alive(pid, marker), seconds)
    pid_file.unlink(missing_ok=True)


def alive(pid: int, marker: str) -> bool:
    """Say whether the process runs and is the one meant; a zombie does not count."""
    if pid in _started:
        return _started[pid].poll() is None  # our own child; just after exec its command line is empty
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return marker.encode() in words


def running(pid_file: Path, marker: str) -> bool:
    """Say whether the program of a pid file runs."""
    pid = _read(pid_file)
    return bool(pid) and alive(pid, marker)


def wait_for(ready: Path, pid_file: Path, marker: str, log: Path, *, seconds: float = 30) -> None:
    """Wait until a program has made its file `ready`; `LabError` with the end of its log if it does not."""
    if not _wait(lambda: ready.exists() or not running(pid_file, marker), seconds) or not ready.exists():
        raise LabError(f"{pid_file.stem} did not start; its log {log} ends with:\n{tail(log)}")


def tail(log: Path, lines: int = 10) -> str:
    """Return the last lines of a log, for an error text."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:]) or "(nothing)"


def _read(pid_file: Path) -> int:
    try:
        return int(pid_file.read_text())
    except (OSError, ValueError):
        return 0


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it may have gone by itself meanwhile
        os.kill(pid, number)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
