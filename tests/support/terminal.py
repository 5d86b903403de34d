"""A person at a terminal: `fleet` in a pseudo-terminal of its own, and what is typed there."""

from __future__ import annotations

import os
import pty
import select
import time
from collections.abc import Mapping

from tests.lab import laptop
from tests.support.project import Project, Said, fleet_command


def at_terminal(project: Project, *words: str, answers: Mapping[str, str], timeout: float = 120) -> Said:
    """Run `fleet` at a terminal, typing each answer when its question is shown; the terminal's text is ``out``."""
    command = laptop.command(fleet_command(*words), box=project.lab.box)
    environment = laptop.environment(project.lab.box, project.environment(TERM="xterm"))
    pid, terminal = pty.fork()
    if pid == 0:  # the child: nothing but exec, whatever happens
        try:
            os.chdir(project.folder)
            os.execvpe(command[0], command, environment)
        finally:
            os._exit(127)
    try:
        shown = _converse(terminal, dict(answers), time.monotonic() + timeout)
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    return Said(words, os.waitstatus_to_exitcode(status), shown, "")


def _converse(terminal: int, answers: dict[str, str], ends: float) -> str:
    shown = ""
    while time.monotonic() < ends:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other side is gone
            return shown
        if not data:
            return shown
        shown += data.decode("utf-8", "replace")
        for question in [q for q in answers if q in shown]:
            os.write(terminal, f"{answers.pop(question)}\n".encode())
    raise AssertionError(f"the terminal still shows:\n{shown}")
