"""The doctor's own probes: sound sh that changes nothing, and parsers that read what real hosts say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.doctor import PROBES
from fleet.doctor.apt import CLOUD_INIT, CloudInit
from fleet.doctor.board import THROTTLED
from fleet.doctor.kernel import FIREWALL, KERNEL
from fleet.doctor.network import NETWORK, SECONDS
from fleet.doctor.sources import APT_SOURCES
from fleet.doctor.storage import BAD_LINES, KERNEL_LOG, MOUNTS, Mount, Mounts
from fleet.doctor.together import HOST_KEYS
from fleet.facts import read, script
from fleet.job import PROBES as USUAL

SH = shutil.which("dash") or "sh"


def ask(env: dict[str, str] | None = None) -> str:
    """All questions, the usual ones too, as they are put to a host; run on this machine."""
    framed = script((*USUAL, *PROBES), "n0")
    parts = [
        subprocess.run([SH], input=p, text=True, capture_output=True, check=False, timeout=60, env=env)
        for p in (framed.user, framed.root)
    ]
    assert [part.stderr for part in parts] == ["", ""]
    return "".join(part.stdout for part in parts)


def run(text: str, folder: Path, **programs: str) -> str:
    """A probe's script on this machine, with stand-ins for some programs."""
    for name, says in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{says}\n")
        (folder / name).chmod(0o755)
    env = {"PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run([SH, "-c", text], text=True, capture_output=True, check=False, timeout=30, env=env).stdout


def test_provision_does_not_pay() -> None:
    """None of the doctor's questions is among those that every other verb asks, and no name is used twice."""
    names = [probe.name for probe in (*USUAL, *PROBES)]
    assert len(names) == len(set(names))
    assert not {probe.name for probe in PROBES} & {probe.name for probe in USUAL}


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_script_is_sound_and_harmless(probe: object) -> None:
    """dash reads it; it writes to no file, calls nothing that changes anything, and what may hang has a limit."""
    text: str = probe.script  # type: ignore[attr-defined]
    done = subprocess.run([SH, "-n"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    outside = re.sub(r"'[^']*'", "''", text)
    assert set(re.findall(r"\d?>>?\s*([^\s;)]+)", outside)) <= {"/dev/null", "&1"}
    assert not re.search(r"\b(rm|mv|cp|mkdir|touch|tee|chmod|chown|mount|modprobe (?!-n))\b", outside)
    for line in outside.splitlines():
        for tool in (
            "cloud-init status",
            "getent ahosts",
            "bash -c",
            "apt-config",
            "dmesg",
            "journalctl",
            "vcgencmd get",
            "legacy-save",
        ):
            assert tool not in line or f"timeout -k 1 {SECONDS} {tool}" in line or re.search(rf"timeout -k 1 \d+ .*{tool}", line)


def test_this_machine_answers() -> None:
    """Run here for real, every probe has an answer that its parser reads, and the usual probes are not disturbed."""
    facts = read((*USUAL, *PROBES), "n0", ask())
    assert {probe.name for probe in PROBES} <= set(facts.answers)
    assert facts[MOUNTS].of("/var/lib/docker/x") is not None
    assert [s.name for s in facts[NETWORK].servers][1:2] == ["download.docker.com"]
    assert len(facts[NETWORK].servers) == 4


def test_machine_without_any_tool_is_unknown(tmp_path: Path) -> None:
    """With an empty PATH nothing can be found out, nothing fails, and no server is called unreachable."""
    facts = read((*USUAL, *PROBES), "n0", ask({"PATH": str(tmp_path)}))
    assert all(facts[probe] == probe.unknown for probe in PROBES if probe is not KERNEL)
    assert (facts[KERNEL].missing, facts[NETWORK].servers) == ((), ())


@pytest.mark.parametrize(
    ("bash", "said"),
    [
        ("exit 0", "open"),
        # bash(1): what it prints when a connection can't be opened
        (
            "echo 'x.org: connect: Network is unreachable' >&2;"
            " echo 'x.org: line 1: /dev/tcp/x.org/443: Network is unreachable' >&2; exit 1",
            "Network is unreachable",
        ),
        ("exit 1", "no answer"),
    ],
)
def test_a_connection(bash: str, said: str, tmp_path: Path) -> None:
    """Open, the reason in the system's words, or no answer; a name that is not found is not tried."""
    getent = '[ "$2" = auth.docker.io ] || echo "192.0.2.1 STREAM $2"'
    found = NETWORK.parse(run(NETWORK.script, tmp_path, getent=getent, bash=bash))
    servers = {server.name: (server.address, server.said) for server in found.servers}
    assert servers["download.docker.com"] == ("192.0.2.1", said)
    assert servers["auth.docker.io"] == ("", "")


@pytest.mark.parametrize(
    ("config", "has"), [('Acquire::http::Proxy "http://joe:secret@proxy:3128";', True), ('Acquire::http::Proxy "";', False)]
)
def test_a_proxy_is_told_without_its_password(config: str, has: bool, tmp_path: Path) -> None:
    """Only that there is one leaves the host (apt.conf(5))."""
    said = run(NETWORK.script, tmp_path, **{"apt-config": f"echo '{config}'", "getent": "exit 2"})
    assert NETWORK.parse(said).has_proxy is has
    assert "secret" not in said


@pytest.mark.parametrize(
    ("text", "value"),
    [("throttled=0x50005\n", 0x50005), ("throttled=0x0\n", 0), ("VCHI initialization failed\n", None), ("", None)],
)
def test_throttled(text: str, value: int | None) -> None:
    """`vcgencmd get_throttled` as raspberrypi/documentation shows it, or no firmware to ask."""
    assert THROTTLED.parse(text) == value


KERNEL_SAYS = """\
[    1.234567] mmc0: new ultra high speed SDR104 SDXC card at address aaaa
[    1.240000] mmcblk0: mmc0:aaaa SN64G 59.5 GiB
[  192.866128] mmc0: final write to SD card still running
[  202.874301] mmc0: Timeout waiting for hardware interrupt - cmd12.
[  202.875486] mmcblk0: error -110 sending stop command, original cmd response 0x900, card status 0x900
[  300.000001] I/O error, dev mmcblk0, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2
[  300.000002] Buffer I/O error on dev mmcblk0p2, logical block 0, lost sync page write
[  300.000003] EXT4-fs error (device mmcblk0p2): ext4_journal_check_start:83: comm dockerd: Detected aborted journal
[  300.000004] EXT4-fs (mmcblk0p2): Remounting filesystem read-only
[  400.000000] brcmfmac: brcmf_cfg80211_set_power_mgmt: power save enabled
[  400.000001] I/O error, dev loop0, sector 0 op 0x0:(READ)
"""
"""From raspberrypi/linux issues 280, 2392 and 2802, and the format strings of block/blk-core.c and fs/ext4/super.c."""


def test_errors_of_the_card_are_told_from_the_rest(tmp_path: Path) -> None:
    """What fails on cards and disks; a card that is found, Wi-Fi and loop devices are no errors."""
    (tmp_path / "log").write_text(KERNEL_SAYS)
    found = KERNEL_LOG.parse(run(KERNEL_LOG.script, tmp_path, dmesg=f"cat {tmp_path}/log"))
    assert [line.split("]")[0].lstrip("[ ") for line in found] == [
        "202.874301",
        "202.875486",
        "300.000001",
        "300.000002",
        "300.000003",
        "300.000004",
    ]
    assert all(any(re.search(pattern, line) for line in found) for pattern in BAD_LINES)


def test_journal_where_dmesg_is_forbidden(tmp_path: Path) -> None:
    """In a container the kernel's ring is closed: then the journal is asked."""
    bad = "kernel: mmcblk0: error -110 requesting status"
    assert KERNEL_LOG.parse(run(KERNEL_LOG.script, tmp_path, dmesg="exit 1", journalctl=f"echo '{bad}'")) == (bad,)


def test_mounts() -> None:
    """The deepest mount counts, and of two at one place the later one (mount(8))."""
    text = "/\text4\trw\n/var/lib/docker\text4\trw,noatime\n/var/lib/docker\ttmpfs\tro\noverlay\tboot=overlay\n"
    found = MOUNTS.parse(text)
    assert found.of("/var/lib/docker/image") == Mount("/var/lib/docker", "tmpfs", ("ro",))
    assert found.of("/var/lib/dockerish") == Mount("/", "ext4", ("rw",))
    assert found.overlay == "boot=overlay"
    assert Mounts().of("/") is None


CLOUD = """\
status: error
extended_status: error - done
boot_status_code: enabled-by-kernel-cmdline
last_update: Thu, 01 Jan 1970 00:12:42 +0000
detail: DataSourceNone
errors:
\t- ('scripts_user', RuntimeError('Runparts: 1 failures'))
recoverable_errors:
WARNING:
\t- Used fallback datasource
"""
OLD_CLOUD = "status: running\ntime: Mon, 24 Nov 2025 10:00:00 +0000\ndetail:\nRunning in stage: modules-config\n"


def test_cloud_init() -> None:
    """The forms of 23.4 and later (docs.cloud-init.io, "Failure states") and of those before; no cloud-init."""
    found = CLOUD_INIT.parse(CLOUD)
    assert (found.status, found.extended, len(found.errors)) == ("error", "error - done", 2)
    assert CLOUD_INIT.parse(OLD_CLOUD) == CloudInit("running", "running")
    assert CLOUD_INIT.parse("") == CloudInit()


def test_kernel_and_firewall(tmp_path: Path) -> None:
    """Lines of words; iptables(8) names its back end in brackets."""
    found = KERNEL.parse("v1= memory cpu\nmissing= veth\n")
    assert (found.hierarchies, found.missing) == (("memory", "cpu"), ("veth",))
    fire = FIREWALL.parse(run(FIREWALL.script, tmp_path, iptables="echo 'iptables v1.8.9 (legacy)'", grep="echo 3"))
    assert (fire.backend, fire.legacy_rules) == ("legacy", 3)
    assert FIREWALL.parse("").backend == ""


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    """As `ssh-keygen -l` shows them; what is no key is passed over."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "key"], text=True, capture_output=True, check=True).stdout
    found = HOST_KEYS.parse("garbage\nssh-rsa !!!\n" + (tmp_path / "key.pub").read_text())
    assert found.fingerprints == (f"ssh-ed25519 {shown.split()[1]}",)


def test_apt_sources_keep_no_password() -> None:
    """Every source, of every server, but not who may read it."""
    text = "/etc/apt/sources.list:deb https://joe:secret@apt.example/debian stable main\nno_key\t/etc/apt/keyrings/x.gpg\n"
    found = APT_SOURCES.parse(text)
    assert [s.uri for s in found.sources] == ["https://apt.example/debian"]
    assert found.missing_keys == ("/etc/apt/keyrings/x.gpg",)
