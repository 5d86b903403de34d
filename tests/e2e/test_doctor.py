"""`fleet doctor` on real hosts: what it finds has been done to them, and a host that is well is left as it was."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.test_fab import fab
from tests.lab.host import Host, Spec
from tests.lab.lab import Lab
from tests.support.project import Project, Said
from tests.support.untouched import untouched

pytestmark = [pytest.mark.lab, pytest.mark.slow]

HOSTS = {"well": Spec("debian-trixie"), "ill": Spec("ubuntu-noble"), "twin": Spec("raspios-trixie")}

STAND_INS = {
    "vcgencmd": "echo throttled=0x50005",
    "dmesg": "echo '[  202.875486] mmcblk0: error -110 sending stop command, original cmd response 0x900, card status 0x900'",
    "cloud-init": "printf 'status: running\\nextended_status: running\\ndetail: DataSourceNoCloud\\nerrors: []\\n'",
}
"""Programs of real Pis that say there what is wrong (raspberrypi/documentation, raspberrypi/linux#280, docs.cloud-init.io)."""

HALF_A_PACKAGE = """
mkdir -p /root/half/DEBIAN; cd /root
cat >half/DEBIAN/control <<END
Package: half
Version: 1
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: unpacked and never configured, as after a power cut
END
dpkg-deb --build half >/dev/null; dpkg --unpack half.deb
"""

SOURCES = {
    "docker.list": "deb [signed-by=/etc/apt/keyrings/docker.gpg] https://download.docker.com/linux/ubuntu noble stable\n",
    "a.list": "deb [signed-by=/etc/apt/keyrings/gone.gpg] http://one.example.org/debian trixie main\n",
    "b.list": "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://one.example.org/debian trixie main\n",
    "ended.list": "deb http://archive.ubuntu.com/ubuntu oracular main\n",
}


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[dict[str, Host]]:
    """Three bare hosts."""
    made = lab.up_many(HOSTS)
    yield made
    for host in made.values():
        host.destroy()


def found(said: Said, name: str) -> dict[str, list[dict[str, Any]]]:
    """What was found on a host, by check; each with something that can be done about it."""
    by_check: dict[str, list[dict[str, Any]]] = {}
    for finding in said.hosts()[name]["findings"]:
        assert finding["remedy"]
        by_check.setdefault(finding["check"], []).append(finding)
    return by_check


def wrong(said: Said, name: str) -> set[str]:
    """The checks that a host fails; notes are none."""
    return {check for check, findings in found(said, name).items() if findings[0]["severity"] != "note"}


def typed(finding: dict[str, Any]) -> list[list[str]]:
    """The commands of its remedy, as words after `fleet`."""
    return [shlex.split(line)[1:] for line in finding["remedy"].splitlines() if line.startswith("fleet run ")]


def test_a_host_that_is_well(hosts: dict[str, Host], project: Project) -> None:
    """All well in words, exit code 0, no byte changed; one that can't be reached beside it makes it 4."""
    host = hosts["well"]
    project.inventory([host])
    with untouched(host):
        said = project.fleet("doctor", "--all")
    assert said.code == 0, said
    assert "well  all well" in said.out
    assert not re.search(r"error|warning", said.out)
    assert said.out.endswith("all well.\n")

    task = fab(project, "-H", host.name, "fleet.doctor")
    assert task.returncode == 0, task
    assert task.stdout.endswith("all well.\n"), task
    unlisted = fab(project, "-H", f"pi@{host.address}", "-i", str(project.lab.key), "fleet.doctor", "--today", "2030-07-01")
    assert unlisted.returncode == 3, unlisted
    assert "release: Debian trixie gets no security updates" in unlisted.stdout

    project.write_inventory({host.name: project.entry(host), "gone": project.entry(host, port=9)})
    both = project.fleet("doctor", "--all", "--connect-timeout", "1")
    assert both.code == 4, both
    assert "1 all well, 1 not (1 error)" in both.out
    assert "error: reach: " in both.out


def test_ways_in(hosts: dict[str, Host], project: Project) -> None:
    """No sudo, a sudo that wants a password, an unknown user, one machine under two names, a changed host key; exit code 3."""
    host, other = hosts["well"], hosts["twin"]
    users = {name: project.entry(host, user=name) for name in ("nosudo", "carol", "nobody")}
    project.write_inventory({"well": project.entry(host), **users, "other": project.entry(other)})
    assert project.fleet("doctor", "other").code == 0
    other.faults.change_host_key()
    said = project.fleet("doctor", "--all", "--json")
    assert said.code == 3, said
    assert wrong(said, "well") == {"machine-id"}
    assert wrong(said, "nosudo") == wrong(said, "carol") == {"machine-id", "sudo"}
    assert wrong(said, "nobody") == {"login"}
    assert wrong(said, "other") == {"host-key"}
    assert "sudo wants a password" in found(said, "carol")["sudo"][0]["why"]
    assert "the inventory has it twice" in found(said, "well")["machine-id"][0]["why"]
    assert "SHA256:" in found(said, "other")["host-key"][0]["why"]


def test_copied_cards(hosts: dict[str, Host], project: Project) -> None:
    """Two hosts with one machine-id and the same host keys are told of each other, and the third is not concerned."""
    original, copy = hosts["well"], hosts["twin"]
    for path in (
        "/etc/machine-id",
        *(f"/etc/ssh/ssh_host_{kind}_key{end}" for kind in ("ed25519", "ecdsa") for end in ("", ".pub")),
    ):
        copy.write(path, original.read(path), 0o644 if path.endswith((".pub", "id")) else 0o600)
    copy.exec("systemctl restart ssh.service")
    copy.wait_for_ssh()
    project.inventory([original, copy, hosts["ill"]])
    said = project.fleet("doctor", "--all", "--json")
    assert said.code == 3, said
    assert wrong(said, "ill") == set()
    for name, twin in (("well", "twin"), ("twin", "well")):
        assert wrong(said, name) == {"machine-id", "ssh-host-keys"}
        for findings in found(said, name).values():
            assert findings[0]["severity"] == "note" or twin in findings[0]["why"]

    (renew,) = typed(found(said, "twin")["ssh-host-keys"][0])
    assert project.fleet(*renew).code == 0, renew
    assert copy.read("/etc/ssh/ssh_host_ed25519_key.pub") != original.read("/etc/ssh/ssh_host_ed25519_key.pub")


def make_ill(host: Host) -> None:
    """Everything at once that can be done to a lab host."""
    for name, says in STAND_INS.items():
        host.write(f"/usr/local/bin/{name}", f"#!/bin/sh\n{says}\n", 0o755)
    for name, text in SOURCES.items():
        host.write(f"/etc/apt/sources.list.d/{name}", text)
    host.exec(HALF_A_PACKAGE)
    host.exec("mkdir -p /var/lib/docker /var/lib/containerd /lib/modules/1.0-old/kernel; touch /run/reboot-required")
    assert "Conflicting values set for option Signed-By" in host.exec("apt-get update", check=False).stderr
    host.exec("iptables-legacy -A INPUT -s 192.0.2.77 -j DROP")
    host.faults.fill("/var/lib/containerd")
    host.exec("mount -t tmpfs -o ro lab-read-only /var/lib/docker")
    names = "s/.* download.docker.com.*//; s/.* registry-1.docker.io.*//"
    host.exec(
        f"sed '{names}' /etc/hosts >/tmp/hosts; echo 192.0.2.9 download.docker.com >>/tmp/hosts; cat /tmp/hosts >/etc/hosts"
    )


EVIDENCE = {
    "disk": r"/var/lib/containerd: 0 MiB",
    "read-only": r"^/var/lib/docker$",
    "storage": r"mmcblk0: error -110",
    "power": r"0x50005; now: under-voltage",
    "dpkg": r"half-configured",
    "cloud-init": r"status: running",
    "reboot": r"/run/reboot-required",
    "iptables": r"\(nf_tables\); rules in iptables-legacy: 1$",
    "modules": r"no /lib/modules/",
    "dns": r"no address for registry-1\.docker\.io; name servers: ",
    "docker-hosts": r"download\.docker\.com \(192\.0\.2\.9\) port 443: network is unreachable",
}
"""By hand: what tells that a fault was found, by check."""


def test_everything_at_once(hosts: dict[str, Host], project: Project) -> None:
    """Each fault is found with its evidence, by one command; some of the remedies are typed as they stand, and help."""
    host = hosts["ill"]
    project.inventory([host])
    make_ill(host)
    said = project.fleet("doctor", "ill", "--json")
    assert said.code == 3, said
    assert wrong(said, "ill") == {*EVIDENCE, "sources"}, said
    ill = found(said, "ill")
    for check, pattern in EVIDENCE.items():
        assert re.search(pattern, ill[check][0]["evidence"]), ill[check]
    why = " | ".join(finding["why"] for finding in ill["sources"])
    for words in ("not fleet's", "one.example.org/debian trixie is named twice", "key of a source", "old-releases"):
        assert words in why

    shown = project.fleet("doctor", "ill")
    assert max(len(line) for line in shown.out.splitlines() if "fleet run" not in line) <= 80
    assert "none well (12 errors, 3 warnings)" in shown.out

    for finding in ill["sources"][:2]:
        assert project.fleet(*typed(finding)[0]).code == 0, finding
    for check in ("read-only", "dpkg"):  # the latter calls apt, which the sources had stopped
        assert project.fleet(*typed(ill[check][-1])[-1]).code == 0, ill[check]
    assert project.fleet(*typed(ill["sources"][2])[0]).code == 0
    healed = found(project.fleet("doctor", "ill", "--json"), "ill")
    assert not {"read-only", "dpkg"} & set(healed)
    assert ["old-releases" in finding["why"] for finding in healed["sources"]] == [True]


def test_a_lock_that_is_held(hosts: dict[str, Host], project: Project) -> None:
    """By whom, and how to see what it does."""
    host = hosts["twin"]
    project.inventory([host])
    with host.faults.hold_lock(60):
        said = project.fleet("doctor", "--all", "--json")
        (finding,) = found(said, host.name)["apt-lock"]
        assert project.fleet(*typed(finding)[0]).out.count("unattended-upgr") == 1
    assert said.code == 3, said
    assert wrong(said, host.name) == {"apt-lock"}
    assert re.search(r"/var/lib/dpkg/lock-frontend \(unattended-upgr \d+\)", finding["evidence"])
