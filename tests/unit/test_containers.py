"""What Docker answers about containers, which of them a word means, and what can be asked of many hosts at once."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from fleet.containers import asking, choosing, script
from fleet.containers.listing import read, read_usage, size
from fleet.errors import RemoteError, UsageError
from fleet.model import Container

NOW = 1_795_541_400


def _row(**other: Any) -> dict[str, Any]:
    """One container as `docker inspect` tells of it."""
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": "2",
    }
    plain = {
        "id": "9e5f4c94fd2e",
        "name": "/shop-web-2",
        "image": "nginx:1.27",
        "state": "running",
        "health": "healthy",
        "code": 0,
    }
    times = {"started": "2026-11-24T17:29:00.123456789Z", "finished": "0001-01-01T00:00:00Z", "restarts": 1}
    return {**plain, **times, "labels": labels, "ports": {}, **other}


def _read(*rows: dict[str, Any]) -> tuple[Container, ...]:
    return read("\n".join([str(NOW), *map(json.dumps, rows)]) + "\n")


def test_a_container_of_compose() -> None:
    """Project, service and number come from the labels; the time in its state is the host's own."""
    (found,) = _read(_row())
    assert (found.project, found.service, found.number, found.called) == ("shop", "web", 2, "web")
    assert (found.name, found.health, found.restarts, found.is_running) == ("shop-web-2", "healthy", 1, True)
    assert found.seconds == 60


def test_a_container_of_another_origin() -> None:
    """Without labels its name is what it is called; one that never ran has no time."""
    (found,) = _read(_row(name="/lone", labels=None, state="created", health="none", started="0001-01-01T00:00:00Z"))
    assert (found.called, found.project, found.number, found.health, found.seconds) == ("lone", "", 0, "", None)


@pytest.mark.parametrize(
    ("ports", "shown"),
    [
        ({"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}]}, ("8080->80/tcp",)),
        ({"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}]}, ("127.0.0.1:5353->53/udp",)),
        ({"443/tcp": None, "80/tcp": []}, ("80/tcp", "443/tcp")),
        ({"80/tcp": [{"HostIp": "::1", "HostPort": "80"}]}, ("[::1]:80->80/tcp",)),
        (None, ()),
    ],
)
def test_ports(ports: object, shown: tuple[str, ...]) -> None:
    """Each once for both families, by number; those that are only exposed without a host's port."""
    assert _read(_row(ports=ports))[0].ports == shown


@pytest.mark.parametrize("text", ["x\n{}", f"{NOW}\nnot json", f"{NOW}\n{{}}"])
def test_an_answer_that_makes_no_sense(text: str) -> None:
    """It is an error of the host in words."""
    with pytest.raises(RemoteError, match="can't be read"):
        read(text)


def test_no_containers() -> None:
    """The clock alone is an empty list."""
    assert read(f"{NOW}\n") == ()


def test_usage() -> None:
    """Numbers, in bytes; one that was just stopped is left out (docker/cli, formatter/formatter_stats.go)."""
    one = {
        "Name": "b",
        "CPUPerc": "1.50%",
        "MemUsage": "1.5MiB / 2GiB",
        "NetIO": "1.2kB / 0B",
        "BlockIO": "4.1MB / 0B",
        "PIDs": "3",
    }
    gone = {"Name": "a", "CPUPerc": "--", "MemUsage": "-- / --", "NetIO": "--", "BlockIO": "--", "PIDs": "--"}
    (found,) = read_usage(["noise", json.dumps(one), json.dumps(gone)])
    assert (found.name, found.cpu, found.memory, found.memory_limit) == ("b", 1.5, 1_572_864, 2_147_483_648)
    assert (found.received, found.sent, found.read, found.written, found.processes) == (1200, 0, 4_100_000, 0, 3)


@pytest.mark.parametrize(
    ("text", "bytes_"), [("0B", 0), ("512B", 512), ("1KiB", 1024), ("1kB", 1000), ("1TiB", 2**40), ("--", 0)]
)
def test_sizes(text: str, bytes_: int) -> None:
    """Binary and decimal units."""
    assert size(text) == bytes_


# ── which are meant ──────────────────────────────────────────────────────────────────────────────────────────────────


def _container(name: str, service: str = "", project: str = "shop", number: int = 1, state: str = "running") -> Container:
    return Container(f"{name}0123456789", name, "img", state, project=project if service else "", service=service, number=number)


WEB, WEB2 = _container("shop-web-1", "web"), _container("shop-web-2", "web", number=2)
DB, LONE, BLOG = _container("shop-db-1", "db", state="exited"), _container("lone"), _container("blog-web-1", "web", "blog")
ALL = (BLOG, DB, WEB, WEB2, LONE)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("web",), (BLOG, WEB, WEB2)),
        (("shop/web",), (WEB, WEB2)),
        (("shop-web-2",), (WEB2,)),
        (("*-1",), (BLOG, DB, WEB)),
        (("lone", "db"), (DB, LONE)),
        (("shop-db-1012",), (DB,)),
        (("nope",), ()),
        ((), (BLOG, WEB, WEB2, LONE)),
    ],
)
def test_chosen(words: tuple[str, ...], found: tuple[Container, ...]) -> None:
    """By service, project/service, name, pattern or id; without a word all that run."""
    assert choosing.chosen(ALL, words) == found


def test_one_of_several() -> None:
    """The first of one service's; several services are not for us to choose from."""
    assert choosing.one_of((WEB, WEB2)) is WEB
    assert choosing.one_of((BLOG, WEB)) is None


def test_labels() -> None:
    """As short as tells them apart."""
    assert choosing.labels((WEB, LONE)) == ("web", "lone")
    assert choosing.labels((BLOG, WEB, WEB2)) == ("blog/web", "shop/web-1", "shop/web-2")


def test_none_of_these() -> None:
    """What may have been meant, and what runs."""
    why, hint = choosing.none_of(("lonne",), ALL, "pi-1")
    assert why == "there is no container or service 'lonne'; did you mean 'lone'?"
    assert hint == "On pi-1 there run: lone, web."
    assert choosing.none_of(("x",), (DB,), "pi-1")[1] == "Nothing runs on pi-1; `fleet ps pi-1 --stopped` shows what did."


# ── what can be asked ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "line",
    [
        "run -it busybox",
        "run --rm -ti busybox sh",
        "run -v /a:/b -i -t busybox",
        "exec -it web sh",
        "container run --interactive --tty busybox",
        "compose exec -it web sh",
        "attach web",
    ],
)
def test_terminals_are_refused(line: str) -> None:
    """In words, with the way to have one on one host."""
    with pytest.raises(UsageError, match="needs a terminal") as caught:
        asking.check_words(line.split())
    assert f"ssh -t HOST docker {line}" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        "run -d busybox",
        "run -t busybox",
        "run --name it busybox ls -it",
        "build -t x -i y .",
        "exec web ls -it",
        "run --rm -v /a:/b busybox tar -tif x",
        "images",
        "compose ps",
    ],
)
def test_other_commands_are_not(line: str) -> None:
    """What stands behind the image is another program's, and -t of `docker build` is a tag."""
    asking.check_words(line.split())


@pytest.mark.parametrize("words", [(), ("",), ("docker", "ps")])
def test_no_command(words: tuple[str, ...]) -> None:
    """Nothing to run, or the word docker once more."""
    with pytest.raises(UsageError) as caught:
        asking.check_words(words)
    assert "fleet docker" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "docker"),
    [("10m", "10m"), ("1h30m", "1h30m"), ("2d", "48h"), ("2026-11-24", "2026-11-24"), ("1795541400", "1795541400")],
)
def test_since(text: str, docker: str) -> None:
    """As Docker takes it (docs.docker.com, docker container logs), and days too."""
    assert asking.since(text) == docker


@pytest.mark.parametrize("text", ["yesterday", "10", "5 m", "-5m", "2026-11", "$(id)"])
def test_since_that_is_no_time(text: str) -> None:
    """An error of the command line."""
    with pytest.raises(UsageError, match="no time"):
        asking.since(text)


@pytest.mark.parametrize("text", ["-1", "some", "", "٣"])
def test_tail_that_is_no_number(text: str) -> None:
    """An error of the command line."""
    with pytest.raises(UsageError, match="no number of lines"):
        asking.tail(text)


def test_inside() -> None:
    """One plain word is a command, one with more in it a line for the shell, several are passed on."""
    assert asking.inside(("id",)) == ("id",)
    assert asking.inside(("id; ls",)) == ("sh", "-c", "id; ls")
    assert asking.inside(("echo", "a b")) == ("echo", "a b")


# ── the scripts, with a docker that is a script itself ───────────────────────────────────────────────────────────────


def _docker(folder: Path, body: str) -> dict[str, str]:
    (folder / "docker").write_text(f"#!/bin/sh\n{body}\n")
    (folder / "docker").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "DOCKER_HOST": "x"}


def _run(text: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it with a stdin that stays open, as it is while somebody waits."""
    reader, writer = os.pipe()
    try:
        return subprocess.run(["sh", "-c", text], env=environment, stdin=reader, capture_output=True, text=True, timeout=30)
    finally:
        os.close(reader)
        os.close(writer)


def test_words_arrive_as_they_are(tmp_path: Path) -> None:
    """Whatever is in them; and the exit code is the command's."""
    hostile = ("run", "it's", "$(id)", "; id", "a  b", "*")
    environment = _docker(tmp_path, "printf '<%s>\\n' \"$@\"; exit 7")
    done = _run(script.command(hostile), environment)
    assert (done.returncode, done.stdout.splitlines()) == (7, [f"<{word}>" for word in hostile])


def test_no_docker(tmp_path: Path) -> None:
    """It is told in our own words and by our own code."""
    done = subprocess.run(["/bin/sh", "-c", script.listing()], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (script.REFUSED, script.MISSING)


def test_a_command_ends_with_our_stdin(tmp_path: Path) -> None:
    """A command that prints nothing is ended as soon as nobody is there any more."""
    environment = _docker(tmp_path, "exec sleep 60")
    process = subprocess.Popen(["sh", "-c", script.command(("events",))], env=environment, stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(b"\n\n")
    process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    began = time.monotonic()
    process.stdin.close()
    assert process.wait(10) == 128 + 15
    assert time.monotonic() - began < 10


def test_logs_of_several(tmp_path: Path) -> None:
    """Each line has its container's place in front; one that fails is told apart, and the others go on."""
    environment = _docker(tmp_path, 'for last; do :; done; echo "time of $last"; echo err >&2; [ "$last" != b ]')
    text = script.logs(("a", "b"), follow=False, tail="5", since="10m")
    done = _run(text, environment)
    assert sorted(done.stdout.splitlines()) == ["0 err", "0 time of a", "1 err", "1 time of b"]
    assert done.stderr == "1 1\n"


def test_a_container_that_went_away_meanwhile() -> None:
    """It is no failure of the listing; anything else is."""
    assert script.is_racing("Error: No such container: abc\nerror: no such object: def\n")
    assert not script.is_racing("")
    assert not script.is_racing("Error: No such container: abc\nCannot connect to the Docker daemon\n")
