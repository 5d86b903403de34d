"""Where an image that is sent comes from: an archive, or the laptop's own Docker, which is asked to make one."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from fleet.errors import CatalogError, FileError
from fleet.formats.references import parse
from fleet.shipping.archive import Archive, Packed, open_archive
from fleet.shipping.press import Press

_SECONDS = 30
"""For Docker to answer; saving takes as long as it takes."""


class Cargo:
    """An image under the name that it gets on the hosts; opened once, at the first host that lacks it, for all of them."""

    def __init__(self, name: str, archive: Path | None = None) -> None:
        self.name = parse(name).familiar
        self.press = Press()
        self._path = archive
        self._opened: Archive | None = None
        self._saved: Path | None = None
        self._lock = threading.Lock()
        self._id = ""

    def __enter__(self) -> Cargo:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        return str(self._path or f"the image {self.name}")

    def check(self) -> None:
        """Find out what can be wrong before a host is connected. Raises FileError or CatalogError."""
        if self._path:
            self.images()
        else:
            self._id = _inspect(self.name)

    def is_surely(self, image_id: str) -> bool:
        """Whether a host's image is this very one, as far as can be told without opening the cargo."""
        return bool(self._id) and image_id == self._id

    def images(self) -> tuple[Packed, ...]:
        """The image for each platform that there is. Raises FileError or CatalogError."""
        with self._lock:
            if self._opened is None:
                if self._path is None:
                    self._saved = _save(self.name)
                self._opened = open_archive(self._path or _there(self._saved))
            return self._opened.named(self.name)

    def close(self) -> None:
        """Remove what was made for the way."""
        self.press.close()
        if self._opened:
            self._opened.close()
        if self._saved:
            self._saved.unlink(missing_ok=True)


def _there(path: Path | None) -> Path:
    assert path is not None
    return path


def _inspect(name: str) -> str:
    """The image's ID. Raises CatalogError."""
    try:
        done = subprocess.run(
            [_docker(), "image", "inspect", name], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise CatalogError(f"Docker on this machine does not answer within {_SECONDS} s.", _HINT) from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        if "No such image" in said[0]:
            raise FileError(f"Docker on this machine has no image {name}", f"Build or pull it first, or {_FROM}")
        raise CatalogError(f"Docker on this machine says: {said[0]}", _HINT)
    return str(json.loads(done.stdout)[0]["Id"])


def _save(name: str) -> Path:
    """A temporary archive of the image. Raises CatalogError."""
    with tempfile.NamedTemporaryFile(prefix="fleet-", suffix=".tar", delete=False) as file:
        path = Path(file.name)
        try:
            done = subprocess.run([_docker(), "save", name], stdout=file, stderr=subprocess.PIPE, check=False)
            if done.returncode:
                said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
                raise CatalogError(f"`docker save {name}` failed on this machine: {said}", "Has its disk room for the image?")
        except BaseException:
            path.unlink()
            raise
    return path


def _docker() -> str:
    found = shutil.which("docker")
    if not found:
        raise CatalogError("There is no `docker` on this machine to take the image from.", _HINT)
    return found


_FROM = "name an archive of it: --from FILE"
_HINT = f"Start it, or {_FROM} (what `docker save` writes, or an OCI layout)."
