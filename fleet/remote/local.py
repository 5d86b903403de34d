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

from invoke.context import Context

from fleet.model import LOCAL
from fleet.remote.answer import Stream
from fleet.remote.limits import AFTER_EXIT, Limits

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

    def reopen(self, attempts: int | None = None) -> None:
        """Nothing to do: every process reads the groups of its own user anew only at login, which is none of ours."""

    def close(self) -> None:
        """Remove the stage folder."""
        from fleet.remote.upload import remove_stage

        remove_stage(self)


def run_in_process(
    words: tuple[str, str, str], head: bytes, more: Iterable[bytes], out: Stream, err: Stream, limits: Limits
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
    threading.Thread(target=_write, args=(process, head, more, failures), daemon=True, name="fleet-stdin").start()
    try:
        _drain(process, out, err, limits)
        code = process.wait(timeout=30)
    except BaseException:
        _kill(process)
        process.wait()
        raise
    finally:
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
    if failures:
        raise failures[0]
    return code if code >= 0 else 128 - code


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _write(process: subprocess.Popen[bytes], head: bytes, more: Iterable[bytes], failures: list[BaseException]) -> None:
    assert process.stdin
    try:
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(head)
            for piece in more:
                stdin.write(piece)
    except BaseException as error:
        failures.append(error)
        _kill(process)


def _drain(process: subprocess.Popen[bytes], out: Stream, err: Stream, limits: Limits) -> None:
    began = last = time.monotonic()
    exited: float | None = None
    with selectors.DefaultSelector() as selector:
        for pipe, stream in ((process.stdout, out), (process.stderr, err)):
            assert pipe
            selector.register(pipe, selectors.EVENT_READ, stream)
        while selector.get_map():
            for key, _ in selector.select(1.0):
                data = os.read(key.fd, _READ)
                last = time.monotonic()
                if data:
                    key.data.feed(data)
                else:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            exited = exited or (now if process.poll() is not None else None)
            if exited and now - max(exited, last) > AFTER_EXIT:
                return
            limits.check(now - began, now - last)
