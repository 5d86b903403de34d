"""The lab is held to what it promises, so that a failing test elsewhere is a finding about the product."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import users
from tests.lab.faults import DPKG_LOCK
from tests.lab.fixtures import MakeHost
from tests.lab.host import Host, Spec
from tests.lab.identities import IDENTITIES
from tests.lab.lab import Lab, names, reap

pytestmark = pytest.mark.lab


def _traces(name: str) -> str:
    """Whatever of a lab can be seen on this machine: mounts, processes, control groups, files."""
    mounts = Path("/proc/self/mountinfo").read_text()
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/fleet-lab/{name}")]
    lines = [line for line in (mounts + processes).splitlines() if f"fleet-lab/{name}/" in line]
    return "\n".join([*lines, *groups, *(f"lab {lab}" for lab in names() if lab == name)])


@pytest.fixture(scope="module")
def trio(lab: Lab) -> Iterator[dict[str, Host]]:
    """Three hosts of different roots and sudos, booted side by side."""
    specs = {"a-noble": Spec("ubuntu-noble"), "a-rpi": Spec("raspios-bookworm"), "a-future": Spec("ubuntu-future")}
    hosts = lab.up_many(specs)
    yield hosts
    for host in hosts.values():
        host.destroy()


def test_hosts_answer_with_their_identity(trio: dict[str, Host]) -> None:
    """os-release, hostname and the marker file are those of the identity, read by a login user."""
    noble = trio["a-noble"].ssh(". /etc/os-release; echo $ID $VERSION_CODENAME; hostname").stdout
    assert noble == "ubuntu noble\na-noble\n"
    rpi = trio["a-rpi"].ssh(". /etc/os-release; echo $ID $VERSION_CODENAME; test -f /etc/rpi-issue && echo Pi").stdout
    assert rpi == "debian bookworm\nPi\n"


def test_identities_have_one_name_and_a_codename_each() -> None:
    """Every identity can be told from the others and lays only files below the root folder."""
    assert len({one.name for one in IDENTITIES}) == len(IDENTITIES) >= 11
    assert not [path for one in IDENTITIES for path in one.files if path.startswith("/") or ".." in path]


@pytest.mark.parametrize("name", [one.name for one in users.USERS])
def test_users_log_in_by_key(trio: dict[str, Host], name: str) -> None:
    """Each user gets in with the lab's key and is who it claims to be, in its own shell."""
    for host in trio.values():
        done = host.ssh("echo $0; id -un", user=name)
        shell = users.user(name).shell.rpartition("/")[2]
        assert done.stdout.splitlines()[-1] == name
        assert done.stdout.splitlines()[-2] == shell or shell == "fish"


def test_sudo_rights(trio: dict[str, Host]) -> None:
    """Passwordless, password and no sudo at all behave so, with classic sudo and with sudo-rs."""
    for host in trio.values():
        assert host.ssh("sudo -n id -u", user="pi").stdout == "0\n"
        assert host.ssh("sudo -n id -u", user="carol").returncode != 0
        for name in ("carol", "rusty"):
            with_password = [*host.ssh_words(name), "sudo -S -p '' id -u"]
            password = f"{users.user(name).password}\n"
            done = subprocess.run(with_password, input=password, capture_output=True, text=True, check=False)
            assert done.stdout == "0\n", done.stderr
        refused = [*host.ssh_words("nosudo"), "sudo -S -p '' id -u"]
        password = f"{users.user('nosudo').password}\n"
        assert subprocess.run(refused, input=password, capture_output=True, text=True, check=False).stdout == ""
    assert "sudo-rs" in trio["a-future"].ssh("sudo --version 2>&1").stdout
    assert "sudo-rs" not in trio["a-noble"].ssh("sudo --version 2>&1").stdout


def test_noise(trio: dict[str, Host]) -> None:
    """The noisy user's .bashrc prints to both streams without a terminal, after sshd's banner."""
    done = trio["a-noble"].ssh("true", user="noisy")
    assert done.stdout.startswith("bashrc:")
    assert "Authorised use only" in done.stderr
    assert "bashrc:" in done.stderr


def test_bare_hosts_lack_python_and_curl(trio: dict[str, Host]) -> None:
    """A bare host has neither Python nor curl nor wget, so a tool that needs them fails here."""
    for host in trio.values():
        assert host.exec("command -v python3 curl wget", check=False).stdout == ""


def test_hosts_have_no_way_out(trio: dict[str, Host]) -> None:
    """There is no default route, and a production name that the box does not serve has no address."""
    assert "default" not in trio["a-rpi"].exec("ip -4 route; ip -6 route").stdout
    assert trio["a-rpi"].exec("getent ahosts example.com", check=False).returncode != 0


def test_hosts_reach_each_other_by_both_families(trio: dict[str, Host]) -> None:
    """A host can be a gateway to another, by IPv4 and IPv6."""
    for address in (trio["a-rpi"].address, trio["a-rpi"].address6):
        seen = trio["a-noble"].exec(["bash", "-c", 'exec 3<>"/dev/tcp/$1/22"; head -c 4 <&3', "bash", address])
        assert seen.stdout == "SSH-"


def test_upper_changes_tell_what_was_written(fresh_host: MakeHost) -> None:
    """A quiet host shows no change at all; an added, a changed and a removed file are each named."""
    host = fresh_host()
    host.write("/etc/mine", "before")
    before = host.snapshot()
    host.ssh("true")
    logs = ("var/log/journal/", "var/log/wtmp", "var/log/lastlog", "var/lib/lastlog/")
    assert not [change for change in host.upper_changes(before) if not change.path.startswith(logs)]
    host.exec("echo after > /etc/mine; echo new > /opt/new; rm /etc/issue.net; touch /var/lib/docker/x")
    changes = {change.path: change.what for change in host.upper_changes(before)}
    assert changes["etc/mine"] == "changed"
    assert changes["opt/new"] == "added"
    assert changes["etc/issue.net"] == "removed"
    assert changes["var/lib/docker/x"] == "added"


def test_frozen_host_starts_others(lab: Lab, fresh_host: MakeHost, tmp_path: Path) -> None:
    """What was written to a frozen host, Docker's folder and removals included, is on hosts started from it."""
    first = fresh_host(name="b-first")
    first.exec("echo kept > /opt/kept; rm -r /usr/share/fish; echo image > /var/lib/docker/image")
    layer = first.freeze(lab.folder / "layers" / "itself")
    for name in ("b-second", "b-third"):
        host = fresh_host(name=name, layer=str(layer))
        assert host.exec("cat /opt/kept /var/lib/docker/image; hostname").stdout == f"kept\nimage\n{name}\n"
        assert host.exec("test -e /usr/share/fish", check=False).returncode == 1
    keys = [line.split()[2] for host in lab.hosts() for line in host.known_hosts_lines()]
    assert len(keys) == len(set(keys))


def test_stop_plug_and_reboot_keep_the_disk(fresh_host: MakeHost) -> None:
    """A host comes back with its files after an orderly stop, a cut of the power, and a reboot from inside."""
    host = fresh_host()
    host.exec("echo kept > /root/kept; sync")
    host.stop()
    assert not host.machine.alive()
    host.start()
    host.faults.pull_plug()
    assert not host.machine.alive()
    host.start()
    old = host.machine.leader()
    host.exec("systemctl reboot", check=False)
    host.wait_for_new_boot(old)
    assert host.ssh("sudo cat /root/kept").stdout == "kept\n"


def test_locks_are_held_as_on_a_busy_host(fresh_host: MakeHost) -> None:
    """While the lock is held dpkg and apt refuse, naming a process that exists inside; then they work."""
    host = fresh_host()
    with host.faults.hold_lock(60):
        done = host.exec("apt-get -y -o DPkg::Lock::Timeout=0 autoremove", check=False)
        assert "Could not get lock" in done.stderr
        assert "unattended-upgr" in done.stderr
    assert host.exec(["apt-get", "-y", "-o", "DPkg::Lock::Timeout=0", "autoremove"]).returncode == 0
    with pytest.raises(RuntimeError, match="held by somebody else"), host.faults.hold_lock(9, DPKG_LOCK):  # noqa: SIM117
        with host.faults.hold_lock(9, DPKG_LOCK):
            pass


def _greeting(host: Host) -> bytes | str:
    try:
        with socket.create_connection((host.address, 22), timeout=1) as connection:
            return connection.recv(4)
    except OSError as error:
        return type(error).__name__


def test_ssh_faults(fresh_host: MakeHost) -> None:
    """A stopped sshd refuses, a mute one and a hung host accept and say nothing; each recovers."""
    host = fresh_host()
    host.faults.stop_sshd()
    assert _greeting(host) == "ConnectionRefusedError"
    host.faults.start_sshd()
    host.faults.mute_sshd()
    assert _greeting(host) == "TimeoutError"
    host.faults.unmute_sshd()
    assert _greeting(host) == b"SSH-"
    host.faults.hang()
    assert _greeting(host) == "TimeoutError"
    host.faults.resume()
    assert _greeting(host) == b"SSH-"


def test_changed_host_key_is_noticed_by_openssh(fresh_host: MakeHost) -> None:
    """After a re-flash OpenSSH refuses with the lab's known_hosts, which holds the first keys."""
    host = fresh_host()
    assert host.ssh("true").returncode == 0
    host.faults.change_host_key()
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in host.ssh("true").stderr


def test_full_disk(fresh_host: MakeHost) -> None:
    """A filled folder keeps its content, refuses more, and is as before when the fault is undone."""
    host = fresh_host()
    host.faults.fill("/etc/apt")
    full = host.exec("ls /etc/apt/sources.list.d && head -c 100000 /dev/zero > /etc/apt/x", check=False)
    assert "No space left" in full.stderr
    assert full.stdout == "debian.sources\n"
    host.faults.unfill("/etc/apt")
    host.exec("echo fine > /etc/apt/x")


def test_encrypted_key_and_password(lab: Lab, trio: dict[str, Host]) -> None:
    """The encrypted key opens with its passphrase only, and is let in."""
    opened = ["ssh-keygen", "-y", "-f", str(lab.encrypted_key), "-P"]
    assert subprocess.run([*opened, "wrong"], capture_output=True, check=False).returncode != 0
    public = subprocess.run([*opened, users.PASSPHRASE], capture_output=True, text=True, check=True).stdout
    assert public.split()[1] in trio["a-noble"].read("/home/pi/.ssh/authorized_keys")


def test_two_labs_at_once_and_nothing_left(lab: Lab, fresh_host: MakeHost) -> None:
    """A second lab has a network of its own, hosts of the same name, and vanishes without touching the first."""
    first = fresh_host(name="same-name")
    other = Lab.create(f"other-{os.getpid()}", owner=os.getpid())
    bridge = Path("/sys/class/net", other.network.bridge)
    try:
        second = other.up("same-name", "debian-bookworm")
        assert first.address != second.address
        assert second.ssh("cat /etc/debian_version").stdout.startswith("12")
        assert bridge.exists()
    finally:
        other.destroy()
    assert not bridge.exists()
    assert _traces(other.name) == ""
    assert first.ssh("hostname").stdout == "same-name\n"


CRASH = """
import os, sys
from tests.lab.lab import Lab
lab = Lab.create(sys.argv[1], owner=os.getpid())
lab.up("left-behind")
os.kill(os.getpid(), 9)
"""


def test_labs_of_killed_owners_are_reaped(lab: Lab) -> None:
    """A lab whose process was killed in mid-way is found and removed by the next start, without a trace."""
    name = f"crash-{os.getpid()}"
    assert subprocess.run([sys.executable, "-c", CRASH, name], check=False).returncode == -9
    assert Lab.open(name).host("left-behind").machine.alive()
    bridge = Path("/sys/class/net", Lab.open(name).network.bridge)
    assert reap() == [name]
    assert not bridge.exists()
    assert _traces(name) == ""
    assert lab.exists()


def _cli(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tests.lab", *words], capture_output=True, text=True, check=False)


def test_command_line(tmp_path: Path) -> None:
    """up, list, ssh, inventory, shell and down work as separate commands on a lab that outlives them."""
    lab = ("--lab", f"cli-{os.getpid()}")
    try:
        assert _cli(*lab, "up", "pi-kitchen", "--as", "raspios-bookworm", "--user", "carol").returncode == 0
        assert "pi-kitchen" in _cli(*lab, "list").stdout
        assert _cli(*lab, "ssh", "pi-kitchen", "hostname; id -un").stdout == "pi-kitchen\ncarol\n"
        file = tmp_path / "fleet.yml"
        assert _cli(*lab, "inventory", "-o", str(file)).returncode == 0
        assert "user: carol" in file.read_text()
        assert _cli(*lab, "shell", "-c", 'test -f "$FLEET_LAB_KEY"; exit $((7 - $?))').returncode == 7
        again = _cli(*lab, "up", "pi-kitchen")
        assert again.returncode == 1
        assert "exists already" in again.stderr
        assert "no identity is called" in _cli(*lab, "up", "x", "--as", "windows").stderr
    finally:
        assert _cli(*lab, "down", "--all").returncode == 0
    assert _traces(lab[1]) == ""
