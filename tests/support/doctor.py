"""Hosts for the doctor: a golden host's facts, and what it would answer to the doctor's own questions, as raw text."""

from __future__ import annotations

from datetime import date

from fleet.doctor import PROBES, ROUND_TRIP, TODAY
from fleet.facts import MACHINE
from fleet.model import Facts
from tests.support.golden import golden

DAY = date(2026, 11, 24)

KEY_A = "AAAAC3NzaC1lZDI1NTE5AAAAIA2Ax4TUsjW8gJ4nGcSvnAnYmHUvQCpM5tpFmLCQjXAN"
KEY_B = "AAAAC3NzaC1lZDI1NTE5AAAAIHVn6ZsPKTJ8DhFGxqN0oqVpgrfJwWRdrGlEJlR1qbcx"

HEALTHY = {
    "cloud_init": "status: done\nextended_status: done\nboot_status_code: enabled-by-generator\nerrors: []\n",
    "kernel": "v1=\nmissing=\n",
    "mounts": "/\text4\trw,noatime\n/boot/firmware\tvfat\trw,relatime\n",
    "network": "nameserver\t192.168.1.1\n"
    "server\tdownload.docker.com\t2600:9000::1\topen\nserver\tregistry-1.docker.io\t192.0.2.1\topen\n"
    "server\tauth.docker.io\t192.0.2.2\topen\nserver\tproduction.cloudflare.docker.com\t192.0.2.3\topen\n",
    "host_keys": f"ssh-ed25519 {KEY_A} root@pi\n",
    "apt_sources": "/etc/apt/sources.list.d/debian.sources:Types: deb\n"
    "/etc/apt/sources.list.d/debian.sources:URIs: http://mirror.example/debian/\n"
    "/etc/apt/sources.list.d/debian.sources:Suites: trixie trixie-updates\n"
    "/etc/apt/sources.list.d/debian.sources:Components: main\n"
    "/etc/apt/sources.list.d/debian.sources:Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp\n",
    "firewall": "version=iptables v1.8.11 (nf_tables)\n",
    "kernel_log": "",
    "throttled": "throttled=0x0\n",
    "limits": "",
}
"""Written by hand in the forms of a Raspberry Pi OS 13 that is well: iptables(8), vcgencmd (raspberrypi/documentation),
cloud-init status --long (docs.cloud-init.io), proc_pid_mounts(5)."""


def patient(name: str = "pi4-raspios-64", *, day: date = DAY, seconds: float = 0.01, **answers: str) -> Facts:
    """The golden host of that name, on that day, with these raw answers in place of healthy ones."""
    assert set(answers) <= set(HEALTHY)
    facts = golden(name).facts.but(TODAY, day).but(ROUND_TRIP, seconds)
    for probe in PROBES:
        facts = facts.but(probe, probe.parse({**HEALTHY, **answers}[probe.name]))
    return facts


def twin(host: str, boot: str, skew: int = 0, machine: str = "", key: str = "") -> Facts:
    """A host of that hostname and boot; ``machine`` and ``key`` are its own unless they are given."""
    from dataclasses import replace

    facts = patient(host_keys=f"ssh-ed25519 {key} root@pi\n" if key else "")
    own = replace(facts[MACHINE], hostname=host, boot_id=boot, machine_id=machine or boot, clock_skew=skew)
    return facts.but(MACHINE, own)
