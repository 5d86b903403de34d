"""What one process tree costs: wall time, CPU and memory, with every child that it leaves behind."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Cost:
    """Seconds until the command's end, CPU seconds of its whole tree, and MiB of the largest process in it."""

    wall: float
    cpu: float
    rss: float
    code: int


def measure(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: Path) -> Cost:
    """Run a command with its output in a file, below a process of its own whose children are this command's alone."""
    words = [sys.executable, "-S", __file__, str(output), *argv]
    done = subprocess.run(words, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return Cost(**json.loads(done.stdout))


def _run(output: str, argv: list[str]) -> Cost:
    """Daemons that it starts (ssh's ControlMasters) become our children, so that what they used is counted too."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with open(output, "wb") as file:
        started = time.monotonic()
        process = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        code = process.wait()
        wall = time.monotonic() - started
    _end_the_rest()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code)


def _end_the_rest() -> None:
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGTERM)
    with suppress(ChildProcessError):
        while True:
            os.wait()


if __name__ == "__main__":
    print(json.dumps(asdict(_run(sys.argv[1], sys.argv[2:]))))
