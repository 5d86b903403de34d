"""ARM root file systems, made by mmdebstrap under qemu's user emulation; minutes, once."""

from __future__ import annotations

from pathlib import Path

from tests.lab import users
from tests.lab.box import mirror
from tests.lab.cache import cached
from tests.lab.needs import KEYRING
from tests.lab.roots import HOOK, PACKAGES, proxies

from . import agent, emulation
from .kernel import kernel

QUIET = (
    *("systemd-networkd.service", "systemd-networkd-wait-online.service", "systemd-network-generator.service"),
    *("getty.target", "getty@tty1.service", "serial-getty@ttyAMA0.service", "fstrim.timer", "e2scrub_all.timer"),
    *("e2scrub_reap.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "systemd-pcrphase.service"),
)
"""Masked, since each costs seconds of an emulated boot. The initramfs gives the machine its address."""

MORE = """
cp -a {modules} "$1/usr/lib/modules/"
install -D -m 644 {folder}/agent.service "$1/etc/systemd/system/lab-agent.service"
install -D -m 755 {folder}/agent "$1/usr/local/sbin/lab-agent"
ln -s ../lab-agent.service "$1/etc/systemd/system/multi-user.target.wants/lab-agent.service"
for unit in {quiet}; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done
mkdir -p "$1/boot/firmware"
"""


def arm_root(architecture: str, suite: str) -> Path:
    """Return the folder of a root file system with the kernel's modules in it, made now if need be (some minutes)."""
    packages = ",".join([*PACKAGES[suite], "kmod"])
    parts = (architecture, suite, packages, HOOK, MORE, str(QUIET), users.creation_script(), agent.SCRIPT, agent.UNIT)
    recipe = "\n".join(("2", kernel().folder.name, *parts))
    made = cached(f"vm-root-{architecture}-{suite}", recipe, lambda folder: _build(architecture, suite, packages, folder))
    return made / "tree"


def _build(architecture: str, suite: str, packages: str, folder: Path) -> None:
    (folder / "agent").write_text(agent.SCRIPT)
    (folder / "agent.service").write_text(agent.UNIT)
    script = folder / "customize"
    more = MORE.format(modules=kernel().modules, folder=folder, quiet=" ".join(QUIET))
    script.write_text('mkdir -p "$1/usr/lib/modules"\n'.join((HOOK.format(users=users.creation_script()), more)))
    script.chmod(0o755)
    command = ["mmdebstrap", "--quiet", "--mode=root", "--skip=check/qemu", "--variant=minbase", f"--architecture={architecture}"]
    command += [f"--include={packages}", f"--customize-hook={script}", *(f"--aptopt={line}" for line in proxies())]
    command += [suite, str(folder / "tree"), f"deb [signed-by={KEYRING}] {mirror.find().origin} {suite} main"]
    made = emulation.run(architecture, command)
    if made.returncode:
        raise RuntimeError(f"mmdebstrap could not make a {suite} root for {architecture}:\n{made.stdout[-3000:]}")
