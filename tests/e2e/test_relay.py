"""`fleet images push --relay`: one copy from the laptop, and then from host to host, with nothing left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.e2e.test_push import runs, sent, use_containerd_s_store, why
from tests.lab.host import Host
from tests.lab.users import user
from tests.support.archives import Image, hello, noise, old_save
from tests.support.project import Project, Said

pytestmark = [pytest.mark.lab, pytest.mark.slow]

LOWEST = noise(1, 4)
PASSWORD = {"FLEET_SUDO_PASSWORD": user("carol").password or ""}
PUSH = ("images", "push", "app:1", "--all", "--from", "app.tar", "--relay")
DOORS = "sha256sum /home/*/.ssh/authorized_keys /root/.ssh/authorized_keys /etc/ssh/*; stat -c '%n %a %U' /home/*/.ssh/*"


def pack(project: Project, *layers: bytes) -> None:
    """Another image under the same name."""
    (project.folder / "app.tar").write_bytes(old_save({"app:1": Image([LOWEST, hello(), *layers])}))


def left(host: Host) -> str:
    """What a relay has left on a host: folders, processes, ports that somebody listens on."""
    look = "ls -d /run/fleet-* /tmp/fleet*; pgrep -af '[f]leet-relay'; ss -Hltn 'sport >= :4714 and sport < :4722'"
    return host.exec(look, check=False).stdout


def via(said: Said, host: Host) -> str:
    """The host that another one took it from."""
    return str(said.hosts()[host.name]["via"])


def push(project: Project, *words: str) -> Said:
    """Push, which goes well."""
    said = project.fleet(*PUSH, *words, "--json", **PASSWORD)
    assert said.code == 0, said
    return said


def test_one_copy_for_all(converged: Callable[..., Host], project: Project) -> None:
    """The laptop sends one copy, or none when a host has it; whatever the image store and the way to root."""
    pi, modern, carol = hosts = converged(), converged(), converged()
    use_containerd_s_store(modern)
    project.inventory(hosts, **{carol.name.replace("-", "_"): {"user": "carol"}})
    for host in hosts:
        host.write("/root/.bashrc", "echo welcome, root\n")
    doors = [host.exec(DOORS).stdout for host in hosts]

    pack(project, noise(2, 3))
    said = push(project)
    assert sorted(sent(said, host) > 7_000_000 for host in hosts) == [False, False, True], said
    assert sum(sent(said, host) for host in hosts) < 7_010_000, said
    assert all(why(said, host).startswith(f"took it from {via(said, host)}, 7.0 MB") for host in hosts if via(said, host)), said
    assert all(runs(host, "app:1") for host in hosts)
    assert [(h["result"], h["sent"], h["taken"]) for h in push(project).hosts().values()] == [("ok", 0, 0)] * 3

    pi.exec("docker rmi app:1")
    said = push(project)
    assert sent(said, pi) == 0, said
    assert via(said, pi) in (modern.name, carol.name)

    pack(project, noise(3, 1))
    said = push(project, "--exclude", carol.name)
    assert sorted(1_000_000 < said.hosts()[host.name]["taken"] < 1_010_000 for host in (pi, modern)) == [False, True], said
    carol.exec("iptables -I OUTPUT -p tcp --dport 4714:4721 -j REJECT; ip6tables -I OUTPUT -p tcp --dport 4714:4721 -j REJECT")
    said = push(project)
    assert all(f"{carol.name} can't reach {host.name}: ssh: connect" in said.err for host in (pi, modern)), said
    assert (why(said, carol)[:27], via(said, carol)) == ("sent 1 of 3 layers, 1.0 MB", ""), said
    assert all(runs(host, "app:1") for host in hosts)
    assert [host.exec(DOORS).stdout for host in hosts] == doors
    assert [left(host) for host in hosts] == ["", "", ""]


def test_nothing_stays_when_the_laptop_is_gone(converged: Callable[..., Host], project: Project) -> None:
    """In the middle of it both hosts clean up by themselves; and the next push does what is to be done."""
    giver, taker = hosts = converged(), converged()
    project.inventory(hosts)
    pack(project, noise(2, 30))
    assert project.fleet("images", "push", "app:1", giver.name, "--from", "app.tar").code == 0
    giver.exec("tc qdisc add dev host0 root tbf rate 16mbit burst 64kb latency 100ms")

    process = project.start(*PUSH)
    assert _within(60, lambda: "/sieve" in left(giver))
    assert "ssh " in left(taker)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert _within(30, lambda: not left(giver) and not left(taker)), [left(host) for host in hosts]
    assert "app" not in taker.exec("docker images").stdout

    giver.exec("tc qdisc del dev host0 root")
    said = push(project)
    assert (sent(said, taker), via(said, taker)) == (0, giver.name), said


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
