"""What stands in for Docker Hub's python:3.13-slim: Debian trixie's own Python and pip, for each architecture.

Unpacked, never configured, so no emulator is needed. Like the real image it has `python` and `pip` in /usr/local/bin, no
compiler, and takes packages of pip without a virtual environment. Unlike it, its Python lies in /usr.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path

from tests.lab.box import ca, deb
from tests.lab.box.debian import PrivateApt
from tests.lab.box.process import LabError
from tests.lab.cache import cached

ARCHITECTURES = ("amd64", "arm64")
_SUITE = "trixie"
_PACKAGES = ("base-files", "dash", "coreutils", "grep", "sed", "findutils", "libc-bin", "python3", "python3-pip", "libstdc++6")
RECIPE = f"3 {_SUITE} {_PACKAGES}"
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/lib/dpkg", "usr/share/lintian")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def layer(architecture: str) -> bytes:
    """The image's one layer, a gzipped tar; made on first use (20 s)."""
    folder = cached(f"python-{architecture}", f"{RECIPE} {ca.authority().name}", lambda made: _make(made, architecture))
    return (folder / "layer.tar.gz").read_bytes()


def _make(folder: Path, architecture: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        apt = PrivateApt(Path(work) / "apt", architecture, (_SUITE,))
        if complaint := apt.update():
            raise LabError(f"apt-get update on Debian's mirror failed for {architecture}:\n{complaint}")
        tree = Path(work) / "tree"
        tree.mkdir()
        for file in sorted(apt.download_all(_PACKAGES), key=lambda f: not f.name.startswith("base-files")):
            deb.unpack(file, tree)
        _finish(tree)
        pack(tree, folder / "layer.tar.gz")


def _finish(tree: Path) -> None:
    for name in _UNUSED:
        shutil.rmtree(tree / name, ignore_errors=True)
    for path in tree.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        path.unlink()
    for path in tree.glob("usr/lib/python3/dist-packages/*.dist-info"):
        if not path.name.startswith("pip-"):  # Debian's packages can't be replaced by pip, so it must not see them
            shutil.rmtree(path)
    for name, text in _FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    certificates = tree / "etc/ssl/certs/ca-certificates.crt"
    certificates.parent.mkdir(parents=True, exist_ok=True)
    certificates.write_text((ca.authority() / "ca.pem").read_text())
    local = tree / "usr/local/bin"
    local.mkdir(parents=True, exist_ok=True)
    for name, target in {"python": "python3", "python3": "python3", "pip": "pip3"}.items():
        (local / name).symlink_to(f"/usr/bin/{target}")


def pack(tree: Path, archive: Path) -> None:
    """Pack a folder as an image's layer: everything is root's, and made at no time."""

    def owned(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = 0
        return info

    with tarfile.open(archive, "w:gz", compresslevel=5) as tar:
        tar.add(tree, arcname=".", filter=owned)
