"""Stacks on real hosts: deployed, kept as they are, changed, mended, gone back from, and taken away."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.lab.host import Host
from tests.support.project import Project, Said
from tests.support.watch import processes

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(600)]

CANARY = "canary-5f1c7e0d"
COMPOSE = """\
services:
  web:
    image: busybox
    command: [busybox, httpd, -f, -p, "{port}", -h, /srv]
    init: true
    environment: {{GREETING: "${{GREETING}}"}}
    volumes: ["./index.html:/srv/index.html:ro"]
    secrets: [pw]
    mem_limit: 32m
    cpus: 0.5
    pids_limit: 50
    healthcheck:
      test: [CMD, busybox, wget, -q, -O-, "http://127.0.0.1:8000/index.html"]
      interval: 1s
      retries: 3
  idle:
    image: busybox:1.35
    command: [sleep, "99999"]
    init: true
secrets:
  pw: {{environment: PW}}
"""


def _write(project: Project, compose: str, **more: object) -> None:
    stack = {"file": "compose.yml", "files": {"index.html": "index.html"}, "secrets": {"pw": {"env": "STACK_PW"}}, "timeout": 30}
    project.recipe("stack", stacks={"web": {**stack, "env": {"GREETING": 'it\'s "$me" ${facts.hostname}'}, **more}})
    (project.folder / "recipes" / "compose.yml").write_text(compose)
    (project.folder / "recipes" / "index.html").write_text("hello\n")


def _provision(project: Project, *words: str) -> Said:
    return project.fleet("provision", "--all", "-r", "stack", "--json", *words, STACK_PW=CANARY)


def _ids(host: Host) -> dict[str, str]:
    rows = host.exec("""docker ps --no-trunc --format '{{.Label "com.docker.compose.service"}} {{.ID}}'""").stdout.split()
    return dict(zip(rows[::2], rows[1::2], strict=True))


def _why(said: Said, host: Host) -> str:
    return next(str(step["why"]) for step in said.hosts()[host.name]["steps"] if step["step"] == "stacks")


def test_the_life_of_a_stack(converged: Callable[..., Host], project: Project) -> None:
    """Deployed within its limits; 0 changed; only what changed is made anew; what a hand did is found; gone back from a
    version that gets not healthy; taken away."""
    host = converged()
    project.inventory([host])
    _write(project, COMPOSE.format(port=8000))
    said = _provision(project)
    assert said.code == 0, said
    assert said.changed(host.name) == ["stacks"]
    first = _ids(host)
    greeting = host.exec("docker exec web-web-1 sh -c 'echo \"$GREETING\"; cat /run/secrets/pw'").stdout
    assert greeting == f'it\'s "$me" {host.name}\n{CANARY}'
    group = f"/sys/fs/cgroup/*/docker/{first['web']}"
    assert host.exec(f"cat {group}/memory.limit_in_bytes {group}/pids.max").stdout.split() == [str(32 << 20), "50"]

    again = _provision(project)
    assert again.code == 0, again
    assert again.hosts()[host.name]["changes"] == 0, again

    _write(project, COMPOSE.format(port=8000).replace("99999", "88888"))
    assert _provision(project).changed(host.name) == ["stacks"]
    second = _ids(host)
    assert (second["web"] == first["web"], second["idle"] == first["idle"]) == (True, False)

    host.exec("docker kill web-idle-1; docker update --pids-limit 99 web-web-1")
    mended = _provision(project)
    assert _why(mended, host) == "web: idle is exited, the limits of web are not kept (pids: 50 wanted, 99 in force)", mended
    assert mended.changed(host.name) == ["stacks"]

    _write(project, COMPOSE.format(port=8001))
    failed = _provision(project)
    assert failed.code == 1, failed
    assert "unhealthy" in _why(failed, host)
    assert _why(failed, host).endswith("went back to the one before, which runs")
    assert host.exec("docker exec web-web-1 busybox wget -q -O- http://127.0.0.1:8000/index.html").stdout == "hello\n"

    project.recipe("stack", stacks={"web": {"state": "absent"}})
    assert _provision(project).changed(host.name) == ["stacks"]
    assert host.exec("docker ps -aq; ls /opt/fleet/stacks /run/fleet/secrets").stdout.split() == [
        "/opt/fleet/stacks:",
        "/run/fleet/secrets:",
    ]


def test_a_secret_stays_one(converged: Callable[..., Host], project: Project) -> None:
    """It is in no plan, log, JSON or file on a disk, here or there, though the container echoes it; without
    it nothing is done; another value makes anew the service that uses it, and after a reboot it is brought again."""
    host = converged()
    project.inventory([host])
    _write(project, COMPOSE.format(port=8000).replace('[busybox, httpd, -f, -p, "8000", -h, /srv]', "[cat, /run/secrets/pw]"))
    assert "STACK_PW" in project.fleet("plan", "--all", "-r", "stack").out
    plan = project.fleet("plan", "--all", "-r", "stack", "--diff", "--out", "plan.json", STACK_PW=CANARY)
    assert plan.code == 0, plan
    echoed = project.fleet("provision", "plan.json", "-vv", STACK_PW=CANARY)
    assert (echoed.code, "its log ends: ***" in " ".join(echoed.err.split())) == (1, True), echoed
    host.exec("docker rm -f $(docker ps -aq)")

    _write(project, COMPOSE.format(port=8000))
    with processes(host, CANARY) as seen:  # the arguments of all hosts' processes
        said = _provision(project)
    assert said.code == 0, said
    assert seen == []
    for text in (str(plan), str(echoed), str(said)):
        assert CANARY not in text
    written = [path for path in project.folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert written == []
    assert host.exec(f"grep -rls {CANARY} /opt /etc /var /home /root /tmp", check=False).stdout == ""

    before = _ids(host)
    changed = project.fleet("provision", "--all", "-r", "stack", "--json", STACK_PW="another-value")
    assert changed.changed(host.name) == ["stacks"], changed
    after = _ids(host)
    assert (after["web"] == before["web"], after["idle"] == before["idle"]) == (False, True)
    host.exec("rm -r /run/fleet; docker rm -f web-web-1")
    mended = _provision(project)
    assert mended.changed(host.name) == ["stacks"], mended
    assert host.exec("docker exec web-web-1 cat /run/secrets/pw").stdout == CANARY
    _persist(project, host)


def _persist(project: Project, host: Host) -> None:
    """With `persist` it outlives a restart of the daemon and a reboot, in a folder that only root enters; without it
    again, and it is on no disk."""
    compose = COMPOSE.format(port=8000).replace("init: true", "init: true\n    restart: always")
    _write(project, compose, persist=True)
    with processes(host, CANARY) as seen:
        assert _provision(project).changed(host.name) == ["stacks"]
    assert seen == []
    there = "/opt/fleet/stacks/web/.secrets"
    assert host.exec(f"stat -c '%a %U' {there} {there}/pw; ls -A /run/fleet/secrets").stdout.splitlines()[:3] == [
        "700 root",
        "444 root",
        "web.previous",
    ]
    host.exec("systemctl restart docker")
    _comes_back(host)
    host.stop()
    host.start()
    host.exec("systemctl is-system-running --wait", check=False)
    _comes_back(host)
    again = _provision(project)
    assert (again.code, again.changed(host.name)) == (0, []), again
    _write(project, compose)
    assert _provision(project).changed(host.name) == ["stacks"]
    assert host.exec("ls -A /opt/fleet/stacks/web /run/fleet/secrets/web").stdout.count("secrets") == 1
    assert host.exec(f"grep -rls {CANARY} /opt /etc /var /home /root /tmp", check=False).stdout == ""


def _comes_back(host: Host) -> None:
    """The container runs again by itself, and is healthy, with its secret."""
    ends = time.monotonic() + 60
    while "(healthy)" not in host.exec("docker ps --filter name=web-web-1", check=False).stdout:
        assert time.monotonic() < ends, host.exec("docker ps -a; docker inspect web-web-1 | tail -n 60").stdout
        time.sleep(0.5)
    assert host.exec("docker exec web-web-1 cat /run/secrets/pw").stdout == CANARY


def test_one_host_after_the_other(converged: Callable[..., Host], project: Project) -> None:
    """With --batch 1 a version that gets not healthy reaches the first host alone, and comes back there."""
    first, second = converged(name="a-first"), converged(name="b-second")
    project.inventory([first, second])
    _write(project, COMPOSE.format(port="${PORT}"), env={"GREETING": "hi", "PORT": 8000})
    said = _provision(project, "--batch", "1")
    assert said.code == 0, said
    assert [said.changed(host.name) for host in (first, second)] == [["stacks"], ["stacks"]]
    before = _ids(second)

    _write(project, COMPOSE.format(port="${PORT}"), env={"GREETING": "hi", "PORT": 8001})
    bad = _provision(project, "--batch", "1")
    assert bad.code == 1, bad
    assert "went back" in _why(bad, first)
    assert bad.hosts()[second.name]["failure"]["why"] == f"not begun, since {first.name} before it failed"
    assert _ids(second) == before
