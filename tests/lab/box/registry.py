"""What stands in for Docker Hub's registry:3: Debian's docker-registry, for each architecture, with a busybox beside it.

It is an older release (2.8); what a pull-through cache is told by, its environment, is the same.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.lab.box import deb
from tests.lab.box.debian import PrivateApt
from tests.lab.box.process import LabError
from tests.lab.box.python import pack
from tests.lab.cache import cached

ARCHITECTURES = ("amd64", "arm64")
_SUITE = "trixie"
_PACKAGES = ("base-files", "docker-registry", "busybox-static")
RECIPE = f"1 {_SUITE} {_PACKAGES}"
_CONFIG = """\
version: 0.1
storage:
  filesystem: {rootdirectory: /var/lib/registry}
http:
  addr: :5000
"""


def layer(architecture: str) -> bytes:
    """The image's one layer, a gzipped tar; made on first use."""
    folder = cached(f"registry-{architecture}", RECIPE, lambda made: _make(made, architecture))
    return (folder / "layer.tar.gz").read_bytes()


def _make(folder: Path, architecture: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        apt = PrivateApt(Path(work) / "apt", architecture, (_SUITE,))
        if complaint := apt.update():
            raise LabError(f"apt-get update on Debian's mirror failed for {architecture}:\n{complaint}")
        tree = Path(work) / "tree"
        (tree / "etc/distribution").mkdir(parents=True)
        (tree / "etc/distribution/config.yml").write_text(_CONFIG)
        (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        for file in sorted(apt.download_all(_PACKAGES), key=lambda f: not f.name.startswith("base-files")):
            deb.unpack(file, tree)
        for name in ("usr/share", "var/lib/dpkg"):
            shutil.rmtree(tree / name, ignore_errors=True)
        for name in ("sh", "wget"):
            (tree / "usr/bin" / name).unlink(missing_ok=True)
            (tree / "usr/bin" / name).symlink_to("busybox")
        (tree / "usr/bin/registry").symlink_to("docker-registry")
        pack(tree, folder / "layer.tar.gz")
