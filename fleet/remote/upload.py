"""Bringing files to a host over an exec channel; no SFTP server is needed there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from fleet.errors import FleetError, RemoteError
from fleet.remote.execute import execute, keeper_of
from fleet.shell import quote, script_of

_PIECE = 1 << 16
Progress = Callable[[int, int], None]
"""Called with the bytes sent and the bytes in all."""


def upload(
    c: Any, source: Path | bytes, remote_path: str, *, mode: int = 0o600, timeout: float, progress: Progress | None = None
) -> None:
    """Write a file as the login user: to a temporary name, checked against its sha256, then renamed.

    Raises RemoteError when the host can't write it or it arrives damaged, and what `execute` raises.
    """
    total = len(source) if isinstance(source, bytes) else source.stat().st_size
    script = script_of(
        f"target={quote(remote_path)}",
        "umask 077",
        'temporary=$(mktemp "$(dirname "$target")/.fleet.XXXXXX")',
        "trap 'rm -f \"$temporary\"' EXIT",
        "trap 'exit 1' HUP INT TERM",
        'cat > "$temporary"',
        'sum=$(sha256sum < "$temporary")',
        f'[ "${{sum%% *}}" = {_digest(source)} ] || {{ echo "it arrived damaged" >&2; exit 66; }}',
        f'chmod {mode:04o} "$temporary"',
        'mv -f "$temporary" "$target"',
    )
    done = execute(c, script, timeout=timeout, stdin=_pieces(source, total, progress))
    if done.code:
        raise RemoteError(
            f"{remote_path} could not be written on the host: {done.err.strip() or done.code}",
            "Is there space on its disk, and may the login user write there?",
        )


def stage(c: Any, timeout: float = 30.0) -> str:
    """A folder on the host that only the login user can read, made once per connection and removed when it is closed."""
    keeper = keeper_of(c)
    if not keeper.stage_folder:
        done = execute(c, script_of("umask 077", "mktemp -d /tmp/fleet.XXXXXX"), timeout=timeout)
        folder = done.out.strip()
        if done.code or not folder.startswith("/tmp/fleet."):  # noqa: S108
            raise RemoteError(f"No folder could be made in /tmp on the host: {done.err.strip()}", "Is its disk full?")
        keeper.stage_folder = folder
    return str(keeper.stage_folder)


def remove_stage(c: Any) -> None:
    """Remove the stage folder, if there is one and the host is still there."""
    folder, c.stage_folder = c.stage_folder, ""
    if folder and c.is_connected:
        with suppress(FleetError):
            execute(c, f"rm -rf {quote(folder)}", timeout=10)


def _digest(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pieces(source: Path | bytes, total: int, progress: Progress | None) -> Iterator[bytes]:
    sent = 0
    for piece in _read(source):
        yield piece
        sent += len(piece)
        if progress:
            progress(sent, total)


def _read(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from (source[at : at + _PIECE] for at in range(0, len(source), _PIECE))
        return
    with source.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
