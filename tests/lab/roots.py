"""Root file systems of lab hosts, made by mmdebstrap once per suite and kept in the lab's cache."""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import users
from .box import mirror
from .cache import cached
from .needs import KEYRING

COMMON = [
    *("ca-certificates", "dbus", "iproute2", "iptables", "libnss-myhostname", "libpcre2-32-0", "netbase"),
    *("openssh-server", "procps", "sudo", "systemd", "systemd-sysv"),
]
"""No Python and no curl, on purpose: a bare host has neither. fish would bring Python, so it is only unpacked."""
PACKAGES = {"trixie": [*COMMON, "sudo-rs"], "bookworm": COMMON}

HOOK = """\
#!/bin/sh
set -eu
cd "$1/tmp"
APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -q download fish fish-common
for package in fish*.deb; do dpkg -x "$package" "$1"; rm "$package"; done
echo /usr/bin/fish >> "$1/etc/shells"
chroot "$1" sh <<'LAB'
{users}
systemctl enable systemd-networkd.service
rm -f /etc/ssh/ssh_host_* /etc/machine-id /etc/hostname /etc/resolv.conf
: > /etc/machine-id
: > /etc/resolv.conf
LAB
rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/apt/sources.list" "$1"/etc/apt/sources.list.d/*
"""


def root(suite: str) -> Path:
    """Return the root file system of a suite, made now if need be (about half a minute)."""
    packages = ",".join(PACKAGES[suite])
    hook = HOOK.format(users=users.creation_script())
    return cached(f"root-{suite}", f"{suite} main\n{packages}\n{hook}", lambda folder: _build(suite, packages, hook, folder))


def _build(suite: str, packages: str, hook: str, folder: Path) -> None:
    script = folder / "customize"
    script.write_text(hook)
    script.chmod(0o755)
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", f"--customize-hook={script}"]
    command += [f"--aptopt={line}" for line in proxies()]
    # The same single suite as the hosts' own sources: a root with updates could not take what depends on older versions.
    command += [suite, str(folder / "tree"), f"deb [signed-by={KEYRING}] {mirror.find().origin} {suite} main"]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"mmdebstrap could not make a {suite} root:\n{made.stderr[-3000:]}")


def proxies() -> list[str]:
    """Return apt's proxy settings: mmdebstrap's apt ignores the machine's configuration, so they are handed over."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return [line for line in dump.splitlines() if line.startswith("Acquire::http") and "Proxy" in line]
