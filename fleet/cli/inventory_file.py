"""The one inventory file that a verb writes, and what the sources of hosts may ask of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path

from fleet.errors import InventoryError, UsageError
from fleet.files.documents import LARGEST
from fleet.importing.source import World
from fleet.inventory import DEFAULT_PATH, VARIABLE, read

_PATIENCE = 120.0
"""Seconds. `vagrant ssh-config` takes some for each machine."""
_BOM = "\ufeff"


def target(given: Path | None) -> Path:
    """The file to write to, which need not be there yet."""
    path = given or Path(os.environ.get(VARIABLE) or DEFAULT_PATH).expanduser()
    if path.is_dir():
        raise UsageError(f"the inventory {path} is a folder", f"name the file in it: -i {path / 'fleet.yml'}")
    return path


def text_of(path: Path) -> str | None:
    """The text of an inventory that is right; None when there is none. Raises InventoryError when it is wrong."""
    if not path.exists():
        return None
    try:
        text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    except OSError as error:
        raise InventoryError(f"can't be read: {error.strerror}", "name another file with -i", path=str(path)) from None
    if not path.is_file() or any(line.strip() and line.lstrip()[0] != "#" for line in text.removeprefix(_BOM).splitlines()):
        read(path)
    return text


def write(path: Path, text: str, *, keep: bool) -> None:
    """Check the text as an inventory in a file beside the target, which then takes its place with its mode, or goes."""
    real = Path(os.path.realpath(path))
    try:
        if keep:
            real.parent.mkdir(parents=True, exist_ok=True)
        folder = real.parent if keep else None
        handle, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                os.fchmod(file.fileno(), real.stat().st_mode & 0o7777 if real.exists() else 0o666 & ~_umask())
                file.flush()
                os.fsync(file.fileno())
            _check(Path(name), path)
            if keep:
                os.replace(name, real)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", "name another file with -i") from None


def _check(draft: Path, path: Path) -> None:
    try:
        read(draft)
    except InventoryError as error:
        raise InventoryError(str(error).replace(str(draft), str(path)), error.hint) from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def world() -> World:
    """This machine."""
    return World(_read, _run, lambda path: Path(path).expanduser().exists(), _glob)


def _read(name: str) -> str:
    where = "stdin" if name == "-" else name
    try:
        content = sys.stdin.buffer.read(LARGEST + 1) if name == "-" else _content(Path(name).expanduser())
    except OSError as error:
        raise InventoryError(f"can't be read: {error.strerror}", "correct the path", path=where) from None
    if len(content) > LARGEST:
        raise InventoryError(f"larger than {LARGEST // 1024**2} MiB", "give a file with hosts in it", path=where)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InventoryError("not UTF-8 text", "give a text file", path=where) from None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def _run(words: Sequence[str], missing: str, failed: str) -> str:
    program = shutil.which(words[0])
    if not program:
        raise UsageError(f"{words[0]} is not installed on this machine", missing)
    said = " ".join(words)
    try:
        done = subprocess.run(
            [program, *words[1:]], capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"`{said}` took more than {_PATIENCE:g} seconds", failed) from None
    if done.returncode:
        raise UsageError(f"`{said}` failed: {_first_sentence(done.stderr.decode('utf-8', 'replace'))}", failed)
    return done.stdout.decode("utf-8", "replace")


def _first_sentence(text: str) -> str:
    """What a program says at first; Vagrant breaks its sentences into lines."""
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) ", paragraph)[0] or "no reason given"


def _glob(pattern: str) -> list[str]:
    return sorted(path for path in glob(os.path.expanduser(pattern)) if os.path.isfile(path))
