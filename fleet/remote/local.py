"""This very machine as a host: the same scripts in a process of its own, without SSH."""

from __future__ import annotations

import getpass
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import IO

from invoke.context import Context

from fleet.errors import CommandTimeout
from fleet.model import LOCAL
from fleet.remote.answer import Stream

_READ = 1 << 16


class LocalConnection(Context):
    """Stands where a FleetConnection stands; there is nothing to open."""

    job: object | None = None
    host_name = LOCAL
    host = LOCAL
    user = ""
    sudo_way: str = ""
    stage_folder: str = ""
    is_connected = True

    def __init__(self, host_name: str = LOCAL) -> None:
        super().__init__()
        self._set(host_name=host_name, user=getpass.getuser(), sudo_way="", stage_folder="", job=None)

    def __enter__(self) -> LocalConnection:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def reopen(self) -> None:
        """Nothing to do: every process reads the groups of its own user anew only at login, which is none of ours."""

    def close(self) -> None:
        """Remove the stage folder."""
        from fleet.remote.upload import remove_stage

        remove_stage(self)


def run_in_process(
    words: tuple[str, str, str], head: bytes, more: Iterable[bytes], out: Stream, err: Stream, total: float, idle: float
) -> int:
    """Run `sh -c` with these words and give its exit code (128 + n if a signal n killed it). Raises CommandTimeout."""
    launcher, limit, document = words
    process = subprocess.Popen(
        ["sh", "-c", launcher, "sh", limit, document],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    failures: list[BaseException] = []
    assert process.stdin
    assert process.stdout
    assert process.stderr
    threading.Thread(target=_write, args=(process.stdin, head, more, failures), daemon=True, name="fleet-stdin").start()
    try:
        _drain({process.stdout: out, process.stderr: err}, total, idle)
        code = process.wait(timeout=30)
    except BaseException:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        process.stdout.close()
        process.stderr.close()
    if failures:
        raise failures[0]
    return code if code >= 0 else 128 - code


def _write(stdin: IO[bytes], head: bytes, more: Iterable[bytes], failures: list[BaseException]) -> None:
    try:
        with suppress(BrokenPipeError), stdin:
            stdin.write(head)
            for piece in more:
                stdin.write(piece)
    except BaseException as error:
        failures.append(error)


def _drain(streams: dict[IO[bytes], Stream], total: float, idle: float) -> None:
    began = last = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for pipe in streams:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(1.0):
                data = os.read(key.fd, _READ)
                last = time.monotonic()
                if data:
                    streams[key.fileobj].feed(data)  # type: ignore[index]
                else:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            if now - began > total or now - last > idle:
                raise CommandTimeout(f"The command took longer than {min(total, idle):.0f} s.", "See what the machine is doing.")
