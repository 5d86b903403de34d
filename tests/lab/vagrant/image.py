"""A box: a Debian that Vagrant can boot by libvirt, as box makers make it: metadata.json, a Vagrantfile, a disk."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

from tests.lab.box import ca, mirror
from tests.lab.cache import cached
from tests.lab.roots import COMMON
from tests.lab.vm.roots import QUIET
from tests.lab.vm.tools import run

from .tools import debootstrap, public_key, tools

SUITE = "trixie"
PACKAGES = ",".join((*COMMON, "linux-image-cloud-amd64", "initramfs-tools", "busybox", "udev", "kmod"))
GATEWAY = "192.168.121.1"
"""Of vagrant-libvirt's own network (vagrant-libvirt's README, "management_network_address"); it has a name server."""
SIZE = 8
"""GiB; the file is sparse."""

VAGRANTFILE = """\
Vagrant.configure("2") do |config|
  config.vm.boot_timeout = 1500
  config.vm.provider "libvirt" do |libvirt|
    libvirt.driver = "qemu"
    libvirt.cpu_mode = "custom"
    libvirt.cpu_model = "qemu64"
    libvirt.graphics_type = "none"
    libvirt.kernel = File.join(__dir__, "vmlinuz")
    libvirt.initrd = File.join(__dir__, "initrd.img")
    libvirt.cmd_line = "root=/dev/vda rw net.ifnames=0 console=ttyS0 quiet mitigations=off"
  end
end
"""
NETWORK = """\
[Match]
Name=eth0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
"""
HOOK = """\
#!/bin/sh
set -eu
cd "$1"
chroot . useradd --create-home --shell /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' > etc/sudoers.d/vagrant
chmod 440 etc/sudoers.d/vagrant
mkdir -m 700 home/vagrant/.ssh
cat > home/vagrant/.ssh/authorized_keys <<'END'
{key}END
chmod 600 home/vagrant/.ssh/authorized_keys
chroot . chown -R vagrant: /home/vagrant/.ssh
cat > etc/systemd/network/10-eth0.network <<'END'
{network}END
chroot . systemctl enable systemd-networkd.service
cat > usr/local/share/ca-certificates/fleet-lab.crt <<'END'
{authority}END
chroot . update-ca-certificates
for unit in {quiet}; do ln -sf /dev/null "etc/systemd/system/$unit"; done
rm -f etc/apt/apt.conf.d/99mmdebstrap etc/apt/sources.list etc/apt/sources.list.d/* etc/resolv.conf
cat > etc/apt/sources.list.d/debian.sources <<'END'
{sources}END
echo 'nameserver {gateway}' > etc/resolv.conf
echo '/dev/vda / ext4 defaults 0 1' > etc/fstab
echo debian > etc/hostname
printf '127.0.0.1 localhost\\n127.0.1.1 debian\\n' > etc/hosts
: > etc/machine-id
"""
QUIETER = tuple(unit for unit in QUIET if not unit.startswith("systemd-networkd.service"))
"""As in other emulated machines, except that the network is Vagrant's business."""


def box() -> Path:
    """Return the box, a file for `vagrant box add`, made now if need be (a minute)."""
    hook = HOOK.format(
        key=public_key(),
        network=NETWORK,
        authority=(ca.authority() / "ca.pem").read_text(),
        quiet=" ".join(QUIETER),
        sources=mirror.sources(SUITE),
        gateway=GATEWAY,
    )
    return cached("vagrant-box", f"1 {PACKAGES} {SIZE}\n{hook}\n{VAGRANTFILE}", lambda folder: _make(folder, hook)) / "debian.box"


def _make(folder: Path, hook: str) -> None:
    script = folder / "customize"
    script.write_text(hook)
    script.chmod(0o755)
    tree, parts = folder / "tree", folder / "parts"
    debootstrap(SUITE, PACKAGES, script, tree)
    parts.mkdir()
    for name in ("vmlinuz", "initrd.img"):
        (parts / name).write_bytes(next((tree / "boot").glob(f"{name}-*")).read_bytes())
    _disk(tree, parts / "box.img")
    (parts / "Vagrantfile").write_text(VAGRANTFILE)
    (parts / "metadata.json").write_text(json.dumps({"provider": "libvirt", "format": "qcow2", "virtual_size": SIZE}))
    with tarfile.open(folder / "debian.box", "w") as archive:
        archive.add(parts, ".")
    for done in (tree, parts):
        shutil.rmtree(done)


def _disk(tree: Path, image: Path) -> None:
    raw = image.with_suffix(".raw")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), str(raw), f"{SIZE}G", tree=tools())
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image), tree=tools())
    raw.unlink()
