"""Every check of the doctor, both ways: silent for a host that is well, and a finding for one that is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pytest

from fleet.doctor import CHECKS, COMPARISONS, NAMES, compare, examine
from fleet.facts import BOARD, DISK, MACHINE, SUDO
from fleet.facts.sources import SOURCES
from fleet.facts.system import Disk
from fleet.model import Facts, Finding, Severity
from tests.support.doctor import HEALTHY, KEY_A, KEY_B, patient, twin
from tests.support.golden import NAMES as GOLDEN
from tests.support.golden import golden

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True)
class Case:
    """Facts, and what is to be found in them: severity, words of the reason, of the evidence, of the remedy."""

    check: str
    severity: Severity
    facts: Callable[[], Facts]
    why: str
    evidence: str
    remedy: str


def _source(*lines: str, path: str = "/etc/apt/sources.list.d/other.list") -> str:
    return HEALTHY["apt_sources"] + "".join(f"{path}:{line}\n" for line in lines)


def _network(**said: str) -> str:
    """The healthy answer with other words for one server: by address and what a connection says."""
    rows = [row for row in HEALTHY["network"].splitlines() if row.split("\t")[1].split(".")[0].split("-")[0] not in said]
    names = {"download": "download.docker.com", "registry": "registry-1.docker.io"}
    return "\n".join((*rows, *(f"server\t{names[name]}\t{rest}" for name, rest in said.items())))


def _machine(name: str = "pi4-raspios-64", **fields: object) -> Facts:
    facts = patient(name)
    return facts.but(MACHINE, replace(facts[MACHINE], **fields))  # type: ignore[arg-type]


def _memory(kib: int, swap: int) -> Facts:
    facts = patient()
    return facts.but(BOARD, replace(facts[BOARD], memory_kib=kib, swap_kib=swap))


def _free(kib: int, name: str = "pi4-raspios-64") -> Facts:
    return patient(name).but(DISK, Disk((("/", 9_000_000), ("/usr", 9_000_000), ("/var/lib/containerd", kib))))


SD_ERROR = "[  202.875486] mmcblk0: error -110 sending stop command, original cmd response 0x900, card status 0x900"
KEYRING = "/usr/share/keyrings/docker.gpg"

CASES = [
    # by golden hosts
    Case("platform", ERROR, lambda: patient("pi-zero-w"), "ARMv6", "Raspberry Pi Zero W", "Zero 2 W"),
    Case("platform", ERROR, lambda: patient("ubuntu-oracular"), "no longer builds", "Ubuntu 24.10", "do-release-upgrade"),
    Case("platform", ERROR, lambda: patient("unsupported"), "neither Debian", "Fedora", "--exclude"),
    Case("userland", NOTE, lambda: patient("pi4-userland32"), "32-bit userland", "aarch64; dpkg: armhf", "64-bit"),
    Case("sudo", ERROR, lambda: patient("no-sudo"), "wants a password", "only root can make were left out", "-K"),
    Case("clock", ERROR, lambda: patient("clock-behind"), "86400 s behind", "86400 less", r"-- date -s @\$\(date"),
    Case("disk", ERROR, lambda: patient("full-disk"), "only 302 MiB", "/var/lib/containerd: 302 MiB", "apt-get clean"),
    Case("dpkg", ERROR, lambda: patient("interrupted-dpkg"), "interrupted", "half-configured", "dpkg --configure -a"),
    Case("apt-lock", WARNING, lambda: patient("lock-held"), "holds the lock", "unattended-upgr 3646", "ps -f -p 3646"),
    Case("sources", ERROR, lambda: patient("foreign-source"), "not fleet's", "download.docker.com", r"mv \S+ \S+\.disabled"),
    Case("modules", ERROR, lambda: patient("modules-missing"), "not booted yet", "/lib/modules/6.12", "reboot"),
    Case("reboot", WARNING, lambda: patient("modules-missing"), "waits for a reboot", "reboot-required", "systemctl reboot"),
    Case("release", NOTE, lambda: patient("ubuntu-future"), "does not know Ubuntu unborn", "Ubuntu", "fleet plan <HOST>"),
    # by hand
    Case("sudo", ERROR, lambda: patient().but(SUDO, "none"), "user pi has no root", "sudo: none", "usermod -aG sudo pi"),
    Case("release", WARNING, lambda: patient("debian-bookworm", day=date(2028, 7, 1)), "no security", "2028-06-30", "upgrade"),
    Case("release", NOTE, lambda: patient("ubuntu-jammy", day=date(2027, 1, 1)), "for 151 more days", "2027-06-01", "upgrade"),
    Case("latency", NOTE, lambda: patient(seconds=0.4), "slow", "400 ms", "cable"),
    Case("latency", WARNING, lambda: patient(seconds=1.2), "slow", "1200 ms", "cable"),
    Case("clock", WARNING, lambda: _machine(clock_skew=31), "31 s ahead", "31 more", "--recipe pi --step clock"),
    Case("disk", WARNING, lambda: _free(1_500_000), "soon too little", "containerd: 1464 MiB", "raspi-config"),
    Case("disk", WARNING, lambda: _free(900_000, "converged-pinned"), "878 MiB", "/usr", "docker image prune"),
    Case("disk", ERROR, lambda: _free(200_000, "converged-pinned"), "195 MiB", "/usr", "docker image prune"),
    Case("read-only", ERROR, lambda: patient(mounts="/\text4\tro,noatime\n"), "read-only", "/", "remount,rw /"),
    Case("read-only", ERROR, lambda: patient(mounts="/\text4\trw\n/var\text4\tro\n"), "read-only", "/var", "remount,rw /var"),
    Case("read-only", WARNING, lambda: patient(mounts="/\toverlay\trw\noverlay\tboot=overlay"), "gone", "boot=", "disable"),
    Case("storage", ERROR, lambda: patient(kernel_log=SD_ERROR), "SD card", "mmcblk0: error -110", "new card"),
    Case("memory", WARNING, lambda: _memory(390_000, 100_000), "380 MiB", "swap: 97 MiB", "build images elsewhere"),
    Case("memory", WARNING, lambda: _memory(930_000, 0), "no swap", "no swap", "--recipe pi --step swap"),
    Case("power", ERROR, lambda: patient(throttled="throttled=0x50005\n"), "too weak", "now: under-voltage, thr", "supply"),
    Case("power", WARNING, lambda: patient(throttled="throttled=0x10000\n"), "too weak", "since the boot: under", "doctor"),
    Case("power", WARNING, lambda: patient(throttled="throttled=0x80008\n"), "too hot", "soft temperature limit", "heat sink"),
    Case("cloud-init", WARNING, lambda: patient(cloud_init="status: running\n"), "first boot", "running", "status --wait"),
    Case("cloud-init", WARNING, lambda: patient(cloud_init="status: not started\n"), "first boot", "not started", "--wait"),
    Case(
        "cloud-init",
        WARNING,
        lambda: patient(cloud_init="status: error\nextended_status: error - done\nerrors:\n\t- ('scripts_user', fail)\n"),
        "failed",
        "error - done; ('scripts_user', fail)",
        "cloud-init-output.log",
    ),
    Case(
        "cloud-init",
        NOTE,
        lambda: patient(cloud_init="status: done\nextended_status: degraded done\nrecoverable_errors:\nWARNING:\n\t- old key\n"),
        "recovered",
        "degraded done; old key",
        "status --long",
    ),
    Case(
        "sources",
        ERROR,
        lambda: patient(apt_sources=_source("deb [signed-by=/etc/x.gpg] http://mirror.example/debian trixie main")),
        "different keys .* every command",
        "debian-archive-keyring.pgp; /etc/apt/sources.list.d/other.list: /etc/x.gpg",
        r"mv /etc/apt/sources.list.d/other.list /etc/apt/sources.list.d/other.list.disabled",
    ),
    Case(
        "sources",
        ERROR,
        lambda: patient(
            apt_sources=_source("deb [signed-by=/etc/apt/keyrings/x.gpg] https://joe:pw@x.example stable main")
            + "no_key\t/etc/apt/keyrings/x.gpg\n"
        ),
        r"apt refuses https://x.example$",
        "names /etc/apt/keyrings/x.gpg",
        "own instructions",
    ),
    Case(
        "sources",
        ERROR,
        lambda: patient(apt_sources=_source("deb http://ports.ubuntu.com/ oracular main", path="/etc/apt/sources.list")),
        "it is on old-releases.ubuntu.com",
        "/etc/apt/sources.list",
        "s#//ports.ubuntu.com#//old-releases.ubuntu.com#",
    ),
    Case(
        "sources",
        ERROR,
        lambda: patient(apt_sources=_source("deb http://raspbian.raspberrypi.org/raspbian/ buster main rpi")),
        "it is on legacy.raspbian.org",
        "other.list",
        "//legacy.raspbian.org",
    ),
    Case(
        "sources",
        ERROR,
        lambda: patient().but(SOURCES, SOURCES.parse("/etc/apt/sources.list:deb https://download.docker.com/linux/debian x y\n")),
        "not fleet's",
        "/etc/apt/sources.list: https://download.docker.com/linux/debian x",
        """ -- "sed -i 's|^deb .*https://download.docker.com/linux/debian|# &|' /etc/apt/sources.list\"""",
    ),
    Case(
        "sources",
        NOTE,
        lambda: patient(apt_sources=_source("deb http://mirror.example/debian trixie main")),
        "older versions of apt",
        "other.list: no key",
        "mv",
    ),
    Case("modules", ERROR, lambda: patient(kernel="missing=veth xt_addrtype\n"), "lacks", "no veth, xt_addrtype", "upgrade"),
    Case("modules", ERROR, lambda: patient("pi5-ubuntu-noble", kernel="missing=veth\n"), "lacks", "veth", "extra-raspi"),
    Case(
        "cgroups", WARNING, lambda: _machine(cgroup_controllers=("cpu", "pids")), "memory controller", "cpu pids",
        "^fleet provision .* --recipe pi --step memory --allow-reboot$",
    ),
    Case("cgroups", NOTE, lambda: _v1("memory cpu pids"), "version 1", "memory cpu pids", "unified_cgroup_hierarchy"),
    Case("cgroups", WARNING, lambda: _v1("cpu pids"), "memory controller", "cpu pids", "--step memory"),
    Case("limits", ERROR, lambda: patient(limits="name=a\tpids=4\theld_pids=max\n"), "hold a to", "pids: 4 w", "restart a"),
    Case(
        "iptables",
        WARNING,
        lambda: patient(firewall="version=iptables v1.8.9 (nf_tables)\nlegacy_rules=12\n"),
        "does not see them",
        "iptables-legacy: 12",
        "iptables-legacy-save",
    ),
    Case("iptables", NOTE, lambda: patient(firewall="version=iptables v1.8.7 (legacy)\n"), "old back end", "legacy", "-nft"),
    Case("dns", ERROR, lambda: patient(network=_network(registry="\t")), "not find all", "no address for reg", "resolv.conf"),
    Case("dns", ERROR, lambda: patient(network="server\tdownload.docker.com\t\t"), "any name", "servers: none", "resolv.conf"),
    Case("dns", NOTE, lambda: patient(network="proxy\tapt\nserver\tauth.docker.io\t\t"), "any name", "proxy", "resolv.conf"),
    Case(
        "docker-hosts", ERROR, lambda: patient(network=_network(download="192.0.2.9\tConnection refused")),
        "Docker's packages", r"\(192.0.2.9\) port 443: connection refused", "ip route",
    ),
    Case("docker-hosts", WARNING, lambda: patient(network=_network(registry="::1\tno answer")), "images", "no answer", "route"),
    Case(
        "docker-hosts", NOTE, lambda: patient(network="proxy\tapt\n" + _network(registry="::1\tno answer")),
        "images", "apt goes through a proxy", "route",
    ),
]  # fmt: skip


def _v1(hierarchies: str) -> Facts:
    facts = patient(kernel=f"v1={hierarchies}\ncmdline=/boot/cmdline.txt\n")
    return facts.but(MACHINE, replace(facts[MACHINE], cgroup_controllers=()))


def _found(facts: Facts, check: str) -> list[Finding]:
    seen = CHECKS[check](facts)
    return list(seen) if isinstance(seen, tuple) else [seen] if seen else []


def _has(pattern: str, text: str) -> bool:
    import re

    return pattern in text or re.search(pattern, text) is not None


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}-{case.why[:20]}")
def test_what_is_wrong_is_found(case: Case) -> None:
    """One finding with its severity, reason, evidence and remedy."""
    (finding,) = _found(case.facts(), case.check)
    assert (finding.check, finding.severity) == (case.check, case.severity)
    assert _has(case.why, finding.why), finding
    assert _has(case.evidence, finding.evidence), finding
    assert _has(case.remedy, finding.remedy), finding


WELL = ["pi4-raspios-64", "pi5-ubuntu-noble", "ubuntu-noble", "ubuntu-resolute", "debian-trixie", "mint", "converged-pinned"]


@pytest.mark.parametrize("name", WELL)
def test_a_host_that_is_well(name: str) -> None:
    """Nothing is found where nothing is wrong."""
    assert examine(name, patient(name)) == ()


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_is_provoked(check: str) -> None:
    """No check is without a case, and where nothing is known, nothing is claimed but the lack of root."""
    assert check in {case.check for case in CASES}
    assert _found(Facts({}), check) == [] or check in ("sudo", "platform")


@pytest.mark.parametrize("name", GOLDEN)
def test_findings_of_golden_hosts_are_whole(name: str) -> None:
    """Each says why, by what, and what to type or do, with the host's own name; errors come first."""
    found = examine("pi-kitchen", golden(name).facts.but(*_today()))
    order = [list(Severity).index(f.severity) for f in found]
    assert order == sorted(order)
    for finding in found:
        assert finding.check in NAMES
        assert finding.why
        assert finding.evidence
        assert "<HOST>" not in finding.remedy
        assert _has(r"fleet [a-z]+ (--all --exclude )?pi-kitchen|sudo |-K", finding.remedy), finding


def _today() -> tuple[object, object]:
    from fleet.doctor import TODAY
    from tests.support.doctor import DAY

    return TODAY, DAY


@pytest.mark.parametrize(("text", "count"), [("enabled: no", 0), ("enabled: yes", 1)])
def test_a_source_that_is_off_harms_nobody(text: str, count: int) -> None:
    """Only what apt reads is looked at."""
    path = "/etc/apt/sources.list.d/x.sources"
    rows = ["types: deb", "uris: http://mirror.example/debian", "suites: trixie", "signed-by: /etc/other.gpg", text]
    facts = patient(apt_sources=_source(*rows, path=path))
    assert len(_found(facts, "sources")) == count


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"a": "[signed-by=/x.gpg] ", "b": ""}, 1),
        ({"a": "", "b": "[signed-by=/x.gpg] "}, 0),
        ({"a": "", "b": "[signed-by=/x.gpg] ", "c": "[signed-by=/y.gpg] "}, 1),
        ({"a": "[signed-by=/x.gpg] ", "b": "[signed-by=/x.gpg] "}, 0),
    ],
)
def test_keys_conflict_as_apt_sees_it(files: dict[str, str], count: int) -> None:
    """As apt 2.6 and 3.0 were seen to take the same files: a source without a key does no harm when it is read first."""
    rows = "".join(f"/etc/apt/sources.list.d/{n}.list:deb {key}http://x.example/debian trixie main\n" for n, key in files.items())
    assert len(_found(patient(apt_sources=rows), "sources")) == count


def test_a_dpkg_that_works_is_not_interrupted() -> None:
    """While the lock is held, half-configured packages are what dpkg is working on."""
    from fleet.facts.packages import PACKAGES

    facts = patient("interrupted-dpkg")
    busy = facts.but(PACKAGES, replace(facts[PACKAGES], lock_holders=("/var/lib/dpkg/lock-frontend (dpkg 77)",)))
    assert [f.check for f in examine("x", busy)] == ["apt-lock"]


# ── all hosts at once ────────────────────────────────────────────────────────────────────────────────────────────────


def _compared(seen: Mapping[str, Facts]) -> dict[str, list[Finding]]:
    return {name: list(found) for name, found in compare(seen).items()}


def test_hosts_of_their_own() -> None:
    """Different machines, keys and clocks that agree: nothing."""
    assert _compared({"a": twin("a", "1", key=KEY_A), "b": twin("b", "2", key=KEY_B), "c": twin("c", "3")}) == {}


def test_a_copied_card() -> None:
    """The same machine-id and host keys on two machines: each is told of the other."""
    found = _compared({n: twin("pi", n, machine="f00", key=KEY_A) for n in ("a", "b")} | {"c": twin("pi", "c")})
    assert set(found) == {"a", "b"}
    for name, other in (("a", "b"), ("b", "a")):
        ids, keys = found[name]
        assert (ids.check, ids.severity, keys.check, keys.severity) == ("machine-id", ERROR, "ssh-host-keys", ERROR)
        assert f"also that of {other}" in ids.why
        assert "f00" in ids.evidence
        assert f"fleet run {name} --sudo -- 'rm -f /etc/machine-id" in ids.remedy
        assert "ssh-ed25519 SHA256:" in keys.evidence
        assert "ssh-keygen -A" in keys.remedy


def test_a_machine_that_is_listed_twice() -> None:
    """The same boot under the same name is no copy: the inventory is wrong, not the machine."""
    found = _compared({name: twin("pi", "1", key=KEY_A) for name in ("a", "b")})
    assert [(f.check, f.severity) for f in found["a"]] == [("machine-id", WARNING)]
    assert "the inventory has it twice" in found["a"][0].why


@pytest.mark.parametrize(
    ("skews", "told"),
    [
        ((0, 1, 2), {}),
        ((0, 400), {}),
        ((5, 6, 400), {}),  # the check of the host itself tells of the third
        ((300, 301, 0), {"a": "this machine's clock", "b": "this machine's clock", "c": "300 s off the fleet's median"}),
        ((-25, -24, 20), {"c": "44 s off the fleet's median"}),
    ],
)
def test_clocks(skews: tuple[int, ...], told: dict[str, str]) -> None:
    """With three hosts and more, the median tells whose clock is wrong: the host's or the laptop's."""
    found = _compared({name: twin(name, name, skew) for name, skew in zip("abc", skews, strict=False)})
    assert set(found) == set(told)
    for name, words in told.items():
        (finding,) = found[name]
        assert (finding.check, finding.severity) == ("fleet-clock", WARNING)
        assert words in finding.why
        ours, theirs = "Set the clock of the machine that you type on", f"fleet run {name} --sudo -- date -s @$(date +%s)"
        assert (ours in finding.remedy, theirs in finding.remedy) == ("c" not in told or len(told) > 1, name == "c")
        assert "set-ntp" not in finding.remedy, "it does nothing where no time service is installed"


def test_every_comparison_is_provoked() -> None:
    """The tests above have each."""
    assert set(COMPARISONS) == {"fleet-clock", "machine-id", "ssh-host-keys"}
