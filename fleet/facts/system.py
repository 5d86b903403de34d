"""The distribution, the kernel, the architecture: what decides which repository and which image fit."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from fleet.facts.framing import pairs
from fleet.model import Probe


@dataclass(frozen=True, slots=True)
class OsRelease:
    """/etc/os-release, see os-release(5); empty strings for what is not said there.

    ``raspberry_pi_os`` comes from /etc/rpi-issue, which Raspberry Pi's image builder writes (RPi-Distro/pi-gen,
    scripts/common); the 64-bit system calls itself plain Debian otherwise.
    """

    id: str = ""
    id_like: tuple[str, ...] = ()
    version_id: str = ""
    codename: str = ""
    ubuntu_codename: str = ""
    debian_codename: str = ""
    pretty_name: str = ""
    debian_version: str = ""
    raspberry_pi_os: bool = False


_PLAIN = re.compile(r'[\w.:/+-]*|"[^"\\$`]*"')
"""What nearly every value is: one word, or double quotes with nothing special in them. All else is left to shlex."""


def read_os_release(text: str) -> OsRelease:
    """Parse os-release; values may be quoted as in sh."""
    found = {key: _unquoted(value) for key, value in pairs(text).items()}
    return OsRelease(
        id=found.get("ID", "").lower(),
        id_like=tuple(found.get("ID_LIKE", "").lower().split()),
        version_id=found.get("VERSION_ID", ""),
        codename=found.get("VERSION_CODENAME", ""),
        ubuntu_codename=found.get("UBUNTU_CODENAME", ""),
        debian_codename=found.get("DEBIAN_CODENAME", ""),
        pretty_name=found.get("PRETTY_NAME", ""),
        debian_version=found.get("FLEET_DEBIAN_VERSION", ""),
        raspberry_pi_os="FLEET_RPI_ISSUE" in found,
    )


def _unquoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value.strip('"')
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip("\"'")


OS = Probe(
    name="os",
    script="""
cat /etc/os-release; echo
printf 'FLEET_DEBIAN_VERSION='; cat /etc/debian_version || echo
[ -e /etc/rpi-issue ] && echo FLEET_RPI_ISSUE=1
""",
    parse=read_os_release,
    unknown=OsRelease(),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor and kernel.

    ``architecture`` is dpkg's word for the userland (arm64, armhf, …) and decides about packages, plugins and images;
    ``machine`` is the kernel's (`uname -m`) and may say aarch64 over a 32-bit userland. ``bits`` is the userland's.
    ``modules_present`` is False when there are modules of kernels, but none of the running one; a container has none at
    all. ``clock_skew`` is in seconds, positive when the host is ahead of the laptop.
    """

    architecture: str = ""
    machine: str = ""
    kernel: str = ""
    bits: int = 0
    hostname: str = ""
    boot_id: str = ""
    machine_id: str = ""
    modules_present: bool = True
    reboot_required: bool = False
    cgroup_controllers: tuple[str, ...] = ()
    clock_skew: int = 0


def read_machine(text: str) -> Machine:
    """Read the answer of the probe ``machine``."""
    found = pairs(text)
    uname = found.get("uname", "").split()
    return Machine(
        architecture=found.get("architecture", ""),
        machine=uname[2] if len(uname) == 3 else "",
        kernel=uname[1] if len(uname) == 3 else "",
        bits=int(found.get("bits") or 0),
        hostname=uname[0] if len(uname) == 3 else "",
        boot_id=found.get("boot_id", ""),
        machine_id=found.get("machine_id", ""),
        modules_present="modules_missing" not in found,
        reboot_required="reboot_required" in found,
        cgroup_controllers=tuple(found.get("controllers", "").split()),
        clock_skew=int(found["now"]) - int(found["laptop"]) if found.get("now") and found.get("laptop") else 0,
    )


# A line is read by the shell itself: a process for each file would be half of what the probe costs.
MACHINE = Probe(
    name="machine",
    script="""
line() { v=; read -r v <"$2"; printf '%s=%s\\n' "$1" "$v"; }
printf 'uname='; uname -nrm || echo
printf 'architecture='; dpkg --print-architecture || echo
printf 'bits='; getconf LONG_BIT || echo
line boot_id /proc/sys/kernel/random/boot_id
line machine_id /etc/machine-id
line controllers /sys/fs/cgroup/cgroup.controllers
printf 'now='; date +%s || echo
printf 'laptop=%s\\n' "${fleet_now:-}"
read -r v </proc/sys/kernel/osrelease
[ -d "/lib/modules/$v" ] || for d in /lib/modules/*/kernel; do [ -d "$d" ] && echo modules_missing=1 && break; done
[ -e /run/reboot-required ] && echo reboot_required=1
""",
    parse=read_machine,
    unknown=Machine(),
)


@dataclass(frozen=True, slots=True)
class Disk:
    """Free space in KiB on the file system of each folder that exists, by folder."""

    free_kib: tuple[tuple[str, int], ...] = ()

    def free_for(self, path: str) -> int | None:
        """KiB free where ``path`` is or would be: the longest listed folder that holds it; None when unknown."""
        holding = [(f, n) for f, n in self.free_kib if path == f or path.startswith(f.rstrip("/") + "/")]
        return max(holding, key=lambda pair: len(pair[0]))[1] if holding else None


def read_disk(text: str) -> Disk:
    """Read `df --output=file,avail`: a folder and KiB a line."""
    rows = (line.split() for line in text.splitlines())
    return Disk(tuple((r[0], int(r[1])) for r in rows if len(r) == 2 and r[1].isdigit()))


DISK = Probe(
    name="disk",
    script="timeout -k 1 10 df -k --output=file,avail / /usr /var/lib /var/lib/docker /var/lib/containerd",
    parse=read_disk,
    unknown=Disk(),
)
