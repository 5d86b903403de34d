"""Looks at every process's arguments (and at the environments inside a lab host) for words that must not be there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.host import Host

_PAUSE = 0.03


@contextmanager
def processes(host: Host, *words: str) -> Iterator[list[str]]:
    """While the block runs, collect the places in which one of the words was seen: what `ps` would have shown."""
    seen: list[str] = []
    done = threading.Event()
    leader = host.machine.leader()
    inside = os.readlink(f"/proc/{leader}/ns/pid")
    secret = [word.encode() for word in words]

    def look() -> None:
        while not done.wait(_PAUSE):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    seen.extend(_found(entry.path, inside, secret))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _found(process: str, inside: str, words: list[bytes]) -> list[str]:
    try:
        places = {"cmdline": Path(process, "cmdline").read_bytes()}
        if os.readlink(f"{process}/ns/pid") == inside:
            places["environ"] = Path(process, "environ").read_bytes()
    except OSError:
        return []
    return [f"{process}/{place}: {text!r}" for place, text in places.items() if any(word in text for word in words)]


def files_with(folder: Path, word: str) -> list[Path]:
    """The files below a folder that have a word in them."""
    return [path for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]
