"""What the lab needs of the machine it runs on, and how to get it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nginx": "nginx-light",
    "docker-registry": "docker-registry",
    "apt-ftparchive": "apt-utils",
    "gpg": "gnupg",
    "ssh": "openssh-client",
    "openssl": "openssl",
}
"""Commands, and the Debian packages that bring them."""

TOOLS = {
    "sshd": "openssh-server",
    "aarch64-linux-gnu-as": "binutils-aarch64-linux-gnu",
    "arm-linux-gnueabihf-as": "binutils-arm-linux-gnueabihf",
    "qemu-aarch64": "qemu-user",
    "fish": "fish",
    "zsh": "zsh",
    "ksh": "ksh93u+m",
}
"""What other tests use: a server to log in to, assemblers and emulators for the proof's programs, login shells."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SERVICES = ("nginx.service", "docker-registry.service", "ssh.service", "ssh.socket")


def systemd_is_init() -> bool:
    """Say whether PID 1 is systemd, as sd_booted(3) and a look at the process itself tell."""
    return Path("/run/systemd/system").is_dir() and Path("/proc/1/comm").read_text().strip() == "systemd"


def impossible() -> list[str]:
    """Reasons why no lab can ever run here; installing packages would not help."""
    if not sys.platform.startswith("linux"):
        return [f"lab hosts need Linux, this is {sys.platform}"]
    if os.geteuid() != 0:
        return ["lab hosts need root: run the tests as root"]
    if not shutil.which("apt-get"):
        return ["lab hosts are made with Debian's tools, and there is no apt-get here"]
    return [] if _may_mount_overlay() else ["this container may not mount overlay file systems: run it privileged"]


def missing_packages() -> list[str]:
    """Debian packages which `install` would add."""
    wanted = [package for command, package in PACKAGES.items() if not _which(command)]
    return wanted if KEYRING.exists() else [*wanted, "debian-archive-keyring"]


def missing() -> list[str]:
    """Every reason why the lab can't run right now, as sentences; empty when it can."""
    if reasons := impossible():
        return reasons
    if packages := missing_packages():
        return [f"packages are missing: {' '.join(packages)}; `python -m tests.lab setup` installs them"]
    return []


def ready() -> list[str]:
    """Like `missing`, but on a CI machine (environment variable CI) install the packages first."""
    if os.environ.get("CI") and not impossible() and missing_packages():
        install()
    return missing()


def install() -> None:
    """Install the packages with apt-get; system services that come with them are not left running."""
    if reasons := impossible():
        raise RuntimeError(reasons[0])
    packages = missing_packages()
    if not packages:
        return
    _install(packages)


def _install(packages: list[str]) -> None:
    quiet = [unit for unit in SERVICES if systemd_is_init() and not _unit_exists(unit)]
    _systemctl("mask", "--runtime", "--quiet", quiet)
    try:
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", *packages)
    finally:
        _systemctl("unmask", "--runtime", "--quiet", quiet)
        _systemctl("disable", "--quiet", quiet)


def install_tools() -> None:
    """Install what other tests use and is missing; without root, those tests are skipped and say why."""
    if not impossible() and (packages := [p for command, p in TOOLS.items() if not _which(command)]):
        _install(packages)


def _apt_get(*words: str) -> None:
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *words]
    subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def _which(command: str) -> str | None:
    return shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _unit_exists(unit: str) -> bool:
    return any(Path(folder, unit).exists() for folder in ("/lib/systemd/system", "/etc/systemd/system"))


def _systemctl(*words: str | list[str]) -> None:
    flat = [part for word in words for part in ([word] if isinstance(word, str) else word)]
    if words[-1]:
        subprocess.run(["systemctl", *flat], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _may_mount_overlay() -> bool:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        for part in ("lower", "upper", "work", "merged"):
            Path(folder, part).mkdir()
        script = f"cd {folder} && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged"
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
