"""Bring a build context to a host: look at what is there, send what differs, and check that all is the same then."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleet.catalog.contexts import Entry, context, entries
from fleet.errors import RemoteError
from fleet.model import Done, SendContext
from fleet.queries import ContextQuery
from fleet.remote import stage, upload
from fleet.shell import quote, script_of

AsRoot = Callable[[str, int], Done]
"""Runs a script on the host as root; the number is its timeout in seconds."""

_LOOK_SECONDS = 600
_SEND_SECONDS = 3600


def send_context(c: Any, action: SendContext, as_root: AsRoot, say: Callable[[str], None]) -> None:
    """Make the host's folder the same as the laptop's; RemoteError when it is another one than the plan saw."""
    wanted = {entry.path: entry for entry in _planned(action)}
    there = _listing(as_root, action.to)
    gone = [path for path, entry in there.items() if path not in wanted or wanted[path].kind != entry.kind]
    lacking = [entry for path, entry in wanted.items() if path not in there or there[path].line != entry.line]
    if gone or lacking:
        say(f"{action.folder}: {len(lacking)} of {len(wanted)} to send, {len(gone)} to remove")
        _change(c, action, as_root, gone, lacking)
        _check(action, wanted, _listing(as_root, action.to))


def write_context(action: SendContext, archive: Path) -> None:
    """The context as a gzipped tar on the laptop; RemoteError when it is another one than the plan saw."""
    _pack(archive, Path(action.folder), _planned(action))


def _planned(action: SendContext) -> tuple[Entry, ...]:
    if context(ContextQuery(action.folder, action.dockerfile)).digest != action.digest:
        raise RemoteError(f"{action.folder} has changed since the plan was made", "Run again: the plan is made anew.")
    return entries(action.folder, action.dockerfile)


def _listing(as_root: AsRoot, folder: str) -> dict[str, Entry]:
    """What the host has, by path."""
    done = as_root(_LIST.replace("FOLDER", quote(folder)), _LOOK_SECONDS)
    if done.code:
        raise RemoteError(f"{folder} can't be listed: {done.err.strip() or done.code}", "Is its disk full or read-only?")
    return read_listing(done.out)


# findutils and coreutils are essential in Debian (Debian Policy 3.8), so every host has them.
_LIST = r"""set -eu
umask 077
mkdir -p FOLDER
cd FOLDER
find . -mindepth 1 -printf '%y\t%m\t%l\t%P\n'
find . -type f -print0 | xargs -0 -r sha256sum
"""


def read_listing(text: str) -> dict[str, Entry]:
    """Entries from the lines of find (kind, mode, target, path) and of sha256sum, in the order in which they come."""
    found: dict[str, Entry] = {}
    for line in text.split("\n"):
        if line.count("\t") == 3:
            kind, mode, target, path = line.split("\t")
            found[path] = Entry(kind, "777" if kind == "l" else mode, target, path)
        elif len(line) > 68 and line[64:68] == "  ./":
            path = line[68:]
            found[path] = replace(found[path], what=line[:64])
    return found


def _change(c: Any, action: SendContext, as_root: AsRoot, gone: Sequence[str], lacking: Sequence[Entry]) -> None:
    with TemporaryDirectory(prefix="fleet-") as folder:
        archive = Path(folder, "context.tar.gz")
        _pack(archive, Path(action.folder), lacking)
        staged = f"{stage(c)}/{action.digest}.tar.gz"
        upload(c, archive, staged, timeout=_SEND_SECONDS)
    paths = "\n".join(sorted(gone, reverse=True))
    script = script_of(
        f"cd {quote(action.to)}",
        f"printf '%s\\n' {quote(paths)} | while IFS= read -r path; do",
        '  [ -z "$path" ] || rm -rf -- "./$path"',
        "done",
        f"tar --extract --gzip --no-same-owner --same-permissions --file {quote(staged)}",
        f"rm -f {quote(staged)}",
    )
    done = as_root(script, _SEND_SECONDS)
    if done.code:
        raise RemoteError(f"the context can't be unpacked: {done.err.strip()}", "Is the disk full? `fleet doctor` tells.")


def _pack(archive: Path, root: Path, wanted: Sequence[Entry]) -> None:
    """A tar of those entries, folders first, as root's; times are kept."""
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for entry in sorted(wanted, key=lambda e: (e.kind != "d", e.path)):
            info = tar.gettarinfo(str(root / entry.path), arcname=entry.path)
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mode = int(entry.mode, 8)
            info.type = {"d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE}.get(entry.kind, tarfile.REGTYPE)
            if entry.kind == "f":
                content = (root / entry.path).read_bytes()
                info.size, info.linkname = len(content), ""
                tar.addfile(info, io.BytesIO(content))
            else:
                tar.addfile(info)


def _check(action: SendContext, wanted: Mapping[str, Entry], there: Mapping[str, Entry]) -> None:
    odd = [
        path for path in {**wanted, **there} if path not in there or path not in wanted or there[path].line != wanted[path].line
    ]
    if odd:
        raise RemoteError(
            f"the context of {action.tag} did not arrive as it is: {odd[0]}", "Run again: what is there stays there."
        )
