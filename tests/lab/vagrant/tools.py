"""Vagrant, its libvirt provider and libvirt itself, from Debian, in a root file system of the cache."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.box import mirror
from tests.lab.cache import cached
from tests.lab.needs import KEYRING
from tests.lab.roots import proxies

SUITE = "bookworm"
"""The last one whose Vagrant has the licence to be in Debian's main."""
PACKAGES = ",".join(
    (
        *("vagrant", "vagrant-libvirt", "libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients"),
        *("qemu-system-x86", "qemu-utils", "e2fsprogs", "dnsmasq-base", "iptables", "iproute2", "openssh-client"),
    )
)
LIBVIRTD = """\
auth_unix_rw = "none"
unix_sock_group = "root"
"""
QEMU = """\
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
remember_owner = 0
"""
"""There is no systemd and no control group for libvirt in a namespace, and nobody but root."""

HOOK = f"""\
#!/bin/sh
set -eu
cd "$1"
printf '%s' '{LIBVIRTD}' > etc/libvirt/libvirtd.conf
printf '%s' '{QEMU}' > etc/libvirt/qemu.conf
for name in libvirt kvm; do chroot . groupadd --system --force "$name"; done
for name in libvirt-dnsmasq libvirt-qemu; do chroot . useradd --system --no-create-home "$name"; done
mkdir -p var/lib/libvirt/images var/log/libvirt
rm -rf usr/share/doc usr/share/man usr/share/locale
"""


def tools() -> Path:
    """Return the root file system, made now if need be (a minute, 450 MB)."""
    return cached("vagrant-tools", f"1 {SUITE} {PACKAGES}\n{HOOK}", _make) / "tree"


def public_key() -> str:
    """Return the key that every new box lets in; Vagrant replaces it at the first `up`."""
    file = next(tools().glob("usr/share/rubygems-integration/all/gems/vagrant-*/keys/vagrant.pub"))
    return file.read_text()


def _make(folder: Path) -> None:
    hook = folder / "customize"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    debootstrap(SUITE, PACKAGES, hook, folder / "tree")


def debootstrap(suite: str, packages: str, hook: Path, tree: Path) -> None:
    """Make a root file system with these packages; `hook` runs at its end, with the folder's path."""
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", f"--customize-hook={hook}"]
    command += ["--aptopt=APT::Install-Recommends false", *(f"--aptopt={line}" for line in proxies())]
    command += [suite, str(tree), f"deb [signed-by={KEYRING}] {mirror.find().origin} {suite} main"]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"mmdebstrap could not make {tree.parent.name}:\n{made.stderr[-3000:]}")
