"""The Internet in a box: the production names that an installation of Docker talks to, on one address.

Nothing of a client needs to change but where the names point and which authority it trusts.
"""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.lab import cache
from tests.lab.box import apt_key, apt_repo, ca, hub, images, mirror, names, nginx, process, releases, wheels
from tests.lab.box.process import LabError
from tests.lab.box.programs import ARCHITECTURES, Programs, programs

__all__ = ["Box", "LabError"]

_REPOSITORY = Path(__file__).parents[3]
_LONGEST_SOCKET = 107  # bytes, sun_path of unix(7)


@dataclass(frozen=True)
class Box:
    """The box on `address`, ports 80 and 443; sockets, logs and pid files are in `folder`.

    All state is on disk: another process may stop what one has started.
    """

    address: str
    folder: Path
    NAMES: ClassVar[tuple[str, ...]] = names.PRODUCTION
    """Production names; the mirror's own name, known at run time only, is in `names` besides."""

    @staticmethod
    def prepare() -> None:
        """Fill the caches: two minutes once, then nothing."""
        _content()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is served."""
        return (*self.NAMES, mirror.find().name)

    @property
    def ca_pem(self) -> Path:
        """The certificate of the authority that hosts have to trust."""
        return ca.authority() / "ca.pem"

    @property
    def key_fingerprint(self) -> str:
        """The primary fingerprint of the key that signs the package repository."""
        return apt_key.fingerprint()

    @property
    def pip_index(self) -> str:
        """The URL of the package index, for pip in a container; its address has to be a trusted host."""
        return wheels.url(self.address)

    def hosts_file(self) -> str:
        """Return lines for /etc/hosts."""
        return "".join(f"{self.address} {name}\n" for name in self.names)

    def mirror_sources(self, suite: str) -> str:
        """Return deb822 text for a host's /etc/apt/sources.list.d/debian.sources."""
        return mirror.sources(suite)

    def start(self) -> None:
        """Start everything; `LabError` with the reason when something does not, and nothing is left then."""
        if len(str(self._socket)) > _LONGEST_SOCKET - len(".new"):
            raise LabError(f"The folder {self.folder} is too deep for a unix socket. Choose a shorter path.")
        content = _content()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start_backend(content)
            hub.start(self.folder, content.hub)
            nginx.start(self.address, self.folder, content)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything and wait for its end; logs stay in the folder. Nothing happens if nothing runs."""
        nginx.stop(self.folder)
        hub.stop(self.folder)
        process.stop(self.folder / "backend.pid", str(self._socket))
        for socket in self.folder.glob("*.sock*"):
            socket.unlink()
        for leftover in ("nginx", "down"):
            shutil.rmtree(self.folder / leftover, ignore_errors=True)

    def take_down(self, name: str) -> None:
        """Let a name answer 503 to everything, until `bring_back`."""
        self._down(name).parent.mkdir(exist_ok=True)
        self._down(name).touch()

    def bring_back(self, name: str) -> None:
        """Undo `take_down`."""
        self._down(name).unlink(missing_ok=True)

    def move_tag(self, repository: str, tag: str, to: str) -> None:
        """Let a tag of the Hub name what another tag of the same repository names."""
        storage = images.Storage(hub.storage_of(self.folder))
        storage.tag(repository, tag, storage.tagged(repository, to))

    def grant_pulls(self, left: int = 100) -> None:
        """Let the Hub say that it grants so many more pulls; it counts none itself."""
        temporary = self._granted.with_suffix(".new")
        temporary.write_text(str(left))
        temporary.replace(self._granted)

    def requests(self, name: str = "") -> list[str]:
        """Return what was asked so far (of one name): ``CLIENT NAME "METHOD PATH PROTOCOL" STATUS``."""
        log = self.folder / "requests.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if name in ("", line.split()[1])]

    def _down(self, name: str) -> Path:
        if name not in self.names:
            raise ValueError(f"The box does not serve {name!r}; it serves {', '.join(self.names)}.")
        return self.folder / "down" / name

    @property
    def _granted(self) -> Path:
        return self.folder / "hub-pulls"

    @property
    def _socket(self) -> Path:
        return self.folder / "backend.sock"

    def _start_backend(self, content: nginx.Content) -> None:
        self._socket.unlink(missing_ok=True)
        self.grant_pulls()
        words = [str(self._socket), str(content.packages), str(content.hub), str(self._granted), *cache.held()]
        argv = [sys.executable, "-m", "tests.lab.box.backend", *words]
        pid_file, log = self.folder / "backend.pid", self.folder / "backend.log"
        process.start(argv, pid_file, log, cwd=_REPOSITORY)
        process.wait_for(self._socket, pid_file, str(self._socket), log)


def _content() -> nginx.Content:
    found = mirror.find()
    with ThreadPoolExecutor(2) as pool:
        everything: dict[str, Programs] = dict(zip(ARCHITECTURES, pool.map(programs, ARCHITECTURES), strict=True))
    return nginx.Content(
        packages=apt_repo.repository(everything),
        hub=images.storage(everything),
        releases=releases.releases(everything),
        certificate=ca.certificate((*names.PRODUCTION, found.name)),
        mirror=found,
        mirror_cache=cache.cached("mirror", found.origin, lambda _: None),
        wheels=_wheels(),
    )


def _wheels() -> wheels.Wheels | None:
    """pip's index; only what builds images with Python packages needs it."""
    try:
        return wheels.find()
    except LabError as error:
        cache.say(f"no Python packages in the box: {error}")
        return None
