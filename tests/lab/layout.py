"""What makes a root file system one particular host: laid into its upper layer before the first boot."""

from __future__ import annotations

import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import users
from .identities import Sudo
from .upper import Layers

if TYPE_CHECKING:
    from .host import Host

MASKED = (
    "systemd-modules-load.service",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "systemd-tmpfiles-clean.timer",
    "systemd-ask-password-console.path",  # the two cost inotify instances, of which a machine has only 128
    "systemd-ask-password-wall.path",
)
APT_TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
CGROUP_V1_UNIT = """\
[Unit]
Description=Make the version 1 control groups writable for Docker
DefaultDependencies=no
Before=basic.target
ConditionPathExists=!/sys/fs/cgroup/cgroup.controllers

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for place in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw "$place"; done; true'

[Install]
WantedBy=basic.target
"""
"""nspawn mounts version 1 hierarchies read-only; a remount without `bind` says that they are busy."""


@dataclass(frozen=True)
class Spec:
    """How a host is made."""

    identity: str = "debian-trixie"
    user: str = "pi"
    """Who the inventory logs in as."""
    sudo: Sudo | None = None
    """None: what the identity has."""
    timers: bool = False
    """Keep apt's own timers, which take dpkg's lock some time after the boot."""
    sshd: str = ""
    """Lines added to sshd's configuration, such as ``MaxStartups 200:30:400``."""
    files: Mapping[str, str] = field(default_factory=dict)
    """More files to lay over the root: path without leading slash, content."""
    layer: str | None = None
    """Folder of a frozen host to start from."""
    machine: str | None = None
    """Emulate a machine of this kind (`vm.models`), with a processor and kernel of its own."""


class HostKeyFile(NamedTuple):
    """One file of sshd's keys: path without leading slash, content, mode."""

    path: str
    content: str
    mode: int


def lay_out(host: Host, layers: Layers, keys: Sequence[HostKeyFile]) -> None:
    """Write identity, network, logins, host keys and the spec's own files."""
    _identity(host, layers)
    _network(host, layers)
    _logins(host, layers)
    for path, content, mode in keys:
        layers.write(path, content, mode)
    for path, content in host.spec.files.items():
        layers.write(path.lstrip("/"), content)


def _identity(host: Host, layers: Layers) -> None:
    for path, content in host.identity.files.items():
        layers.write(path, content)
    if (host.spec.sudo or host.identity.sudo) == "rs":  # the way Ubuntu 25.10 and later link it
        layers.link("usr/bin/sudo", "/etc/alternatives/sudo")
        layers.link("etc/alternatives/sudo", "/usr/lib/cargo/bin/sudo")
    for unit in (*MASKED, *(() if host.spec.timers else APT_TIMERS)):
        layers.link(f"etc/systemd/system/{unit}", "/dev/null")
    unit = "etc/systemd/system/lab-cgroup-v1.service"
    layers.write(unit, CGROUP_V1_UNIT)
    layers.link("etc/systemd/system/basic.target.wants/lab-cgroup-v1.service", f"/{unit}")
    layers.write("etc/machine-id", f"{uuid.uuid4().hex}\n")
    layers.write("etc/apt/sources.list.d/debian.sources", host.lab.box.mirror_sources(host.identity.suite))


def _network(host: Host, layers: Layers) -> None:
    layers.write("etc/hostname", f"{host.name}\n")
    names = f"127.0.0.1 localhost\n127.0.1.1 {host.name}\n::1 localhost ip6-localhost ip6-loopback\n"
    layers.write("etc/hosts", names + host.lab.box.hosts_file())
    # An address that another host had a moment ago keeps its MAC, or neighbours would call the dead one for 30 s.
    network = f"[Match]\nName=host0\n\n[Link]\nMACAddress=02:00:00:00:00:{host.number:02x}\n\n"
    network += f"[Network]\nAddress={host.address}/24\nAddress={host.address6}/64\n"
    options = "LinkLocalAddressing=no\nIPv6AcceptRA=no\nIPv6DuplicateAddressDetection=0\n"
    layers.write("etc/systemd/network/10-lab.network", network + options)
    authority = host.lab.box.ca_pem.read_text()
    bundle = "etc/ssl/certs/ca-certificates.crt"
    layers.write("usr/local/share/ca-certificates/fleet-lab.crt", authority)
    layers.write(bundle, layers.read(bundle) + authority)


def _logins(host: Host, layers: Layers) -> None:
    keys = "".join(path.with_suffix(".pub").read_text() for path in (host.lab.key, host.lab.encrypted_key))
    for one in users.USERS:
        owner = layers.owner(users.home(one.name))
        layers.folder(f"{users.home(one.name)}/.ssh", 0o700, owner)
        layers.write(f"{users.home(one.name)}/.ssh/authorized_keys", keys, 0o600, owner)
    if host.spec.sshd:
        layers.write("etc/ssh/sshd_config.d/lab.conf", host.spec.sshd.rstrip("\n") + "\n")


def new_host_keys(name: str) -> list[HostKeyFile]:
    """Return freshly made host key files."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("ed25519", "ecdsa"):
            key = Path(folder, f"ssh_host_{kind}_key")
            words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{name}", "-f", str(key)]
            subprocess.run(words, check=True)
            made.append(HostKeyFile(f"etc/ssh/{key.name}", key.read_text(), 0o600))
            public = key.with_suffix(".pub")
            made.append(HostKeyFile(f"etc/ssh/{public.name}", public.read_text(), 0o644))
    return made
