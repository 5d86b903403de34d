"""Where the files of an archive are: a folder, or a tar that is read in place and never unpacked."""

from __future__ import annotations

import gzip
import hashlib
import json
import posixpath
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.errors import FileError

_PIECE = 1 << 18
_MOST_JSON = 16 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_STRANGERS = {b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}


@dataclass(frozen=True, slots=True)
class Stored:
    """Some bytes of a file; every reader opens it anew, so that many may read at once."""

    path: Path
    offset: int
    size: int

    def pieces(self) -> Iterator[bytes]:
        """All of it, in pieces. Raises FileError when the file is shorter than it was."""
        left = self.size
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while left:
                piece = file.read(min(_PIECE, left))
                if not piece:
                    raise FileError("has become shorter while it was read", "Leave it as it is meanwhile.", path=str(self.path))
                left -= len(piece)
                yield piece

    def starts_with(self, magic: bytes) -> bool:
        """Whether these are its first bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(min(len(magic), self.size)) == magic

    def digest(self) -> str:
        """Its sha256, as manifests write it."""
        sum_ = hashlib.sha256()
        for piece in self.pieces():
            sum_.update(piece)
        return f"sha256:{sum_.hexdigest()}"


@dataclass(frozen=True)
class Shelf:
    """Names to bytes. ``temporary`` is a decompressed copy, if there had to be one."""

    path: Path
    files: Mapping[str, Stored]
    temporary: list[Path] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def find(self, name: str) -> Stored:
        """Where a file is. Raises FileError when it is not there."""
        if name not in self.files:
            raise FileError(f"lacks the file {name}", "Is it whole? Make it anew: docker save -o FILE IMAGE", path=str(self.path))
        return self.files[name]

    def read(self, name: str) -> bytes:
        """A small file, whole."""
        stored = self.find(name)
        if stored.size > _MOST_JSON:
            raise FileError(f"has a {name} of {stored.size} bytes", "Is it an archive of images?", path=str(self.path))
        return b"".join(stored.pieces())

    def json(self, name: str) -> Any:
        """A small file of JSON."""
        return json.loads(self.read(name))

    def close(self) -> None:
        """Remove the temporary copy."""
        for path in self.temporary:
            path.unlink(missing_ok=True)


def shelf_of(path: Path) -> Shelf:
    """The files of a folder or of a tar, compressed or not. Raises FileError."""
    if not path.exists():
        raise FileError("does not exist", "Make it with: docker save -o FILE IMAGE", path=str(path))
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        return Shelf(path, {file.relative_to(path).as_posix(): Stored(file, 0, file.stat().st_size) for file in files})
    plain, temporary = _plain(path)
    try:
        return Shelf(path, _of_tar(plain), temporary)
    except (tarfile.TarError, EOFError) as error:
        for copy in temporary:
            copy.unlink()
        raise FileError(f"is no tar: {error}", "Make it with: docker save -o FILE IMAGE", path=str(path)) from None


def _plain(path: Path) -> tuple[Path, list[Path]]:
    """The tar itself, since layers are read from its middle; a compressed one is decompressed once, beside nothing else."""
    with path.open("rb") as file:
        head = file.read(8)
    program = next((program for magic, program in _STRANGERS.items() if head.startswith(magic)), "")
    if program:
        raise FileError(f"is compressed by {program}", f"Decompress it first: {program} -d {path}", path=str(path))
    if not head.startswith(_GZIP):
        return path, []
    with tempfile.NamedTemporaryFile(prefix="fleet-", suffix=".tar", delete=False) as copy:
        made = Path(copy.name)
        try:
            with gzip.open(path, "rb") as packed:
                shutil.copyfileobj(packed, copy, _PIECE)
        except (OSError, EOFError, zlib.error) as error:
            made.unlink()
            raise FileError(f"can't be decompressed: {error}", "Is it whole?", path=str(path)) from None
    return made, [made]


def _of_tar(path: Path) -> dict[str, Stored]:
    """`docker save` of old links a layer that comes twice to its first place."""
    files: dict[str, Stored] = {}
    links: dict[str, str] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            name = posixpath.normpath(member.name)
            if member.isreg():
                files[name] = Stored(path, member.offset_data, member.size)
            elif member.islnk():
                links[name] = posixpath.normpath(member.linkname)
            elif member.issym():
                links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
    files.update({name: files[end] for name, end in links.items() if end in files})
    return files
