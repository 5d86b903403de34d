"""Run commands that make an ARM root file system: its programs are run by qemu's user emulation.

The kernel is told which program runs ARM's in a binfmt_misc of a user namespace's own, so the machine's handlers stay
as they are. Kernels can do that since 6.7; root is mapped to itself, so owners of files are what they should be.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .tools import tools


@dataclass(frozen=True)
class Foreign:
    """An architecture by Debian's name: qemu's program, and the beginning of an ELF file of it."""

    program: str
    magic: str
    mask: str


_MASK = r"\xff\xff\xff\xff\xff\xff\xff{abi}\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
FOREIGN = {
    "arm64": Foreign(
        "qemu-aarch64",
        r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
        _MASK.format(abi=r"\xfc"),
    ),
    "armhf": Foreign(
        "qemu-arm",
        r"\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00",
        _MASK.format(abi=r"\x00"),
    ),
}
"""As in qemu's scripts/qemu-binfmt-conf.sh."""

OUTER = 'read -r go && exec unshare --mount --pid --fork --mount-proc sh -c "$0" "$@" </dev/null'
INNER = """\
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&
printf %s "$0" > /proc/sys/fs/binfmt_misc/register && exec "$@"
"""


def impossible() -> list[str]:
    """Reasons why no ARM machine can be made and run here."""
    release = platform.release()
    major, minor = (int(part) for part in release.split(".")[:2])
    if (major, minor) < (6, 7):
        return [f"making an ARM root needs Linux 6.7 or newer (a binfmt_misc of its own), this is {release}"]
    wanted = {"/proc/self/ns/user": "user namespaces", "/dev/net/tun": "/dev/net/tun"}
    return [f"this machine has no {what}" for path, what in wanted.items() if not Path(path).exists()]


def run(architecture: str, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command during which programs of the architecture run like this machine's own."""
    if reasons := impossible():
        raise RuntimeError(reasons[0])
    foreign = FOREIGN[architecture]
    handler = f":{foreign.program}:M:0:{foreign.magic}:{foreign.mask}:{tools()}/usr/bin/{foreign.program}:F"
    words = ["unshare", "--user", "sh", "-c", OUTER, INNER, handler, *command]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        _wait_for_namespace(process)
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{process.pid}/{kind}").write_text("0 0 4294967295\n")
        out, _ = process.communicate("go\n")
    return subprocess.CompletedProcess(words, process.returncode, out, "")


def _wait_for_namespace(process: subprocess.Popen[str]) -> None:
    own = os.readlink("/proc/self/ns/user")
    while process.poll() is None and os.readlink(f"/proc/{process.pid}/ns/user") == own:
        os.sched_yield()
