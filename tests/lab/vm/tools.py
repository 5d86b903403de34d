"""qemu and what makes disks, from Debian trixie, unpacked into a folder of the cache: this machine gets no package.

The programs run by the loader and the libraries that lie beside them, so the machine's own distribution does not matter.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.box import mirror
from tests.lab.cache import cached
from tests.lab.needs import KEYRING
from tests.lab.roots import proxies

SUITE = "trixie"
PACKAGES = "qemu-system-arm,qemu-utils,qemu-user,device-tree-compiler,kmod,dosfstools,mtools,e2fsprogs"


def tools() -> Path:
    """Return the folder with the programs, made now if need be (20 s)."""
    return cached("vm-tools", f"2 {SUITE} {PACKAGES}", _unpack) / "tree"


def _unpack(folder: Path) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={PACKAGES}"]
    command += ["--aptopt=APT::Install-Recommends false", *(f"--aptopt={line}" for line in proxies())]
    command += [SUITE, str(folder / "tree"), f"deb [signed-by={KEYRING}] {mirror.find().origin} {SUITE} main"]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"mmdebstrap could not unpack qemu:\n{made.stderr[-3000:]}")


def command(program: str, *words: str, tree: Path | None = None) -> list[str]:
    """Return the words that run a program of the folder, or of another root file system."""
    tree = tree or tools()
    libraries = next(tree.glob("usr/lib/*-linux-gnu"))
    loader = next(tree.glob("usr/lib*/ld-linux-*.so.*"))
    path = next(found for part in ("bin", "sbin") if (found := tree / "usr" / part / program).exists())
    return [str(loader), "--library-path", str(libraries), "--argv0", program, str(path), *words]


def environment(tree: Path | None = None) -> dict[str, str]:
    """Return what qemu and mke2fs must be told of where their files are."""
    tree = tree or tools()
    modules = next(tree.glob("usr/lib/*-linux-gnu")) / "qemu"
    return {"QEMU_MODULE_DIR": str(modules), "MKE2FS_CONFIG": str(tree / "etc/mke2fs.conf"), "MTOOLS_SKIP_CHECK": "1"}


def run(
    program: str, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, tree: Path | None = None
) -> str:
    """Run a program of the folder to its end; return what it printed. RuntimeError with its words if it fails."""
    variables = {**os.environ, **environment(tree), **(env or {})}
    argv = command(program, *words, tree=tree)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program} ended with {done.returncode}:\n{_end(done.stdout)}{_end(done.stderr)}")
    return done.stdout


def _end(text: str, size: int = 3000) -> str:
    return text[-size:]


def qemu(*words: str) -> Sequence[str]:
    """Return the words that run the ARM machine's emulator."""
    return command("qemu-system-aarch64", "-L", str(tools() / "usr/share/qemu"), *words)


def copy(old: Path, new: Path) -> None:
    """Copy a large file, sharing blocks where the file system can."""
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", str(old), str(new)], check=True)
