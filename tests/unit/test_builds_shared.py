"""Images that are built once for several hosts and pushed: what is planned, and what the laptop's own buildx is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.catalog import builders
from fleet.errors import CatalogError, RemoteError
from fleet.facts.board import BOARD
from fleet.facts.daemon import DAEMON
from fleet.facts.docker_info import Info
from fleet.formats.registries import is_insecure, is_loopback
from fleet.model import Blocked, BuildAndSend, BuildOrTake, Change, Facts, PushImage, Run, Satisfied, Unavailable, Verdict
from fleet.plan.saved import plan_to_data
from fleet.queries import Builder, BuilderQuery, Pushed, PushedQuery
from fleet.shipping import buildx
from fleet.steps.build_actions import rank_of
from fleet.steps.build_options import Build
from tests.support.golden import golden
from tests.support.planning import changed, effects, plan, verdict

HOST = golden("converged-engine29").facts
BUILD = {"tag": "shop/web:1", "context": "/srv/shop", "bases": {"BASE": "busybox"}}
TAG = "registry.lan:5000/shop/web:1"
PUSHED = PushedQuery(TAG)
ARM64 = "linux/arm64"


def recipe(**options: Any) -> dict[str, Any]:
    """A recipe that builds one image."""
    return {"builds": {"images": [{**BUILD, **options}]}}


def planned(facts: Facts = HOST, told: dict[Any, object] | None = None, **options: Any) -> Verdict:
    """The verdict on it."""
    return verdict(plan(facts, recipe(**options), told=told), "builds")


def board(**changes: Any) -> Facts:
    """The host with another board."""
    return HOST.but(BOARD, replace(HOST[BOARD], **changes))


# ── by the best host of the fleet ────────────────────────────────────────────────────────────────────────────────────


def test_one_host_for_all() -> None:
    """The plan of each host is the same: build it or take it; the label is that of an image that each builds for itself."""
    found = planned(where="fleet")
    assert isinstance(found, Change)
    assert found.why == "build shop/web:1, or take it from the host that builds it for linux/arm64"
    [action] = found.actions
    assert isinstance(action, BuildOrTake)
    assert (action.tag, action.platform, action.unable) == ("shop/web:1", ARM64, "")
    later = effects(HOST, plan(HOST, recipe()))
    assert later[DAEMON].has("shop/web:1").built == action.built  # type: ignore[union-attr]
    assert changed(plan(later, recipe(where="fleet"))) == []
    assert changed(plan(later, recipe(where="laptop"))) == []


def test_a_host_that_is_too_small_takes() -> None:
    """Too little memory is no reason to refuse it any more, and it never builds."""
    found = planned(board(memory_kib=900_000, swap_kib=100_000), where="fleet", memory=2000)
    assert isinstance(found, Change)
    assert found.why == "take shop/web:1 from the host that builds it for linux/arm64"
    [action] = found.actions
    assert isinstance(action, BuildOrTake)
    assert action.unable == "the host has 976 MiB of memory and swap"


def test_ranks() -> None:
    """Enough memory first, then processors, then the newer Raspberry Pi, then more memory."""
    pi = {"model": "Raspberry Pi 4 Model B Rev 1.5", "revision": "b03115", "cpus": 4}  # BCM2711, 2 GB
    hosts = [
        {**pi, "memory_kib": 900_000, "cpus": 8},
        {**pi, "memory_kib": 1_900_000},
        {**pi, "memory_kib": 3_900_000},
        {**pi, "memory_kib": 1_900_000, "model": "Raspberry Pi 5 Model B Rev 1.0", "revision": "b04170"},  # BCM2712
        {"memory_kib": 3_900_000, "cpus": 8},
    ]
    ranks = [rank_of(board(**{"model": "", "revision": "", **host})[BOARD]) for host in hosts]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 5


def test_a_plan_in_a_file_hides_logins() -> None:
    """Also where one action holds others; nothing else of it is lost."""
    found = plan(HOST, recipe(where="fleet", args={"PROXY": "http://me:hush@proxy.example"}))
    text = json.dumps(plan_to_data(found))
    assert "hush" not in text
    assert "http://***@proxy.example" in text


# ── by the laptop ────────────────────────────────────────────────────────────────────────────────────────────────────

LAPTOP = Builder("docker", ("linux/amd64", "linux/arm64"), exports=False)


def test_the_laptop_builds() -> None:
    """It is asked only when there is something to build; what it does not say that it can is warned of."""
    found = planned(where="laptop", told={BuilderQuery(): LAPTOP})
    assert isinstance(found, Change)
    assert (found.why, found.warnings) == ("build shop/web:1 for linux/arm64 on this machine and send it", ())
    [action] = found.actions
    assert isinstance(action, BuildAndSend)
    assert not action.exports
    assert "--file=Dockerfile" in action.words
    later = effects(HOST, plan(HOST, recipe()))
    assert isinstance(planned(later, where="laptop"), Satisfied)
    warned = planned(where="laptop", told={BuilderQuery(): replace(LAPTOP, platforms=("linux/amd64",))})
    assert isinstance(warned, Change)
    assert "runs nothing for linux/arm64, so RUN fails there for shop/web:1" in warned.warnings[0]
    assert "--install arm64" in warned.warnings[0]
    silent = planned(where="laptop", told={BuilderQuery(): replace(LAPTOP, platforms=())})
    assert isinstance(silent, Change)
    assert silent.warnings == ()


def test_a_laptop_that_can_not() -> None:
    """Blocked with a way out; its memory is nobody's business here."""
    found = planned(where="laptop", told={BuilderQuery(): Unavailable("no docker", "Install it.")})
    assert found == Blocked("shop/web:1: no docker", "Install it.")
    small = board(memory_kib=900_000, swap_kib=0)
    assert isinstance(planned(small, where="laptop", memory=2000, told={BuilderQuery(): LAPTOP}), Change)


# In the words of buildx 0.13 and 0.29.
_INSPECT = """\
Name:          default
Driver:        docker
Last Activity: 2026-11-24 10:00:00 +0000 UTC

Nodes:
Name:             default
Endpoint:         default
Status:           running
BuildKit version: v0.25.1
Platforms:        linux/amd64, linux/amd64/v2, linux/arm64*, linux/386
Labels:
 org.mobyproject.buildkit.worker.moby.host-gateway-ip: 172.17.0.1
"""


def test_reading_a_builder() -> None:
    """Driver and platforms; one that has not been started yet tells none; one that can't start says why."""
    assert builders.read(_INSPECT) == Builder("docker", ("linux/amd64", "linux/amd64/v2", "linux/arm64", "linux/386"))
    idle = "Name:   farm\nDriver: docker-container\n\nNodes:\nName:     farm0\nEndpoint: default\nStatus:   inactive\n"
    assert builders.read(idle) == Builder("docker-container")
    with pytest.raises(CatalogError, match="can't build: Cannot connect to the Docker daemon at unix"):
        builders.read("Driver: docker\nNodes:\nError: Cannot connect to the Docker daemon at unix:///run/docker.sock.\n")


FAKE = """\
#!/bin/sh
cd "$(dirname "$0")"
echo "$@" >>calls
case "$1 $2" in
    "buildx version") exit 0 ;;
    "buildx inspect") cat inspect ;;
    "info --format") echo '[["driver-type","io.containerd.snapshotter.v1"]]' ;;
    "buildx build") cat >context; exec sh ./build ;;
    "image inspect") echo sha256:1234 ;;
    "save sha256:1234") echo saved ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `docker` that keeps what it is called with."""
    (tmp_path / "docker").write_text(FAKE)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "inspect").write_text(_INSPECT)
    (tmp_path / "context.tar").write_text("a tar")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def calls(docker: Path) -> list[str]:
    """The lines of what docker was called with."""
    return (docker / "calls").read_text().splitlines()


def built(docker: Path, *, exports: bool, timeout: float = 30) -> tuple[str, list[str]]:
    """The archive, and what was told."""
    told: list[str] = []
    archive = docker / "archive"
    buildx.build("a:1", ARM64, ("--label=x",), docker / "context.tar", archive, exports=exports, say=told.append, timeout=timeout)
    return archive.read_text(), told


def test_asking_the_laptops_docker(docker: Path) -> None:
    """The driver docker writes archives when its images are in containerd's store."""
    assert builders.builder().exports
    (docker / "inspect").write_text("Error response from daemon: no\n")
    for said in ("docker: 'buildx' is not a docker command.", "docker: unknown command: docker buildx"):
        (docker / "docker").write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
        with pytest.raises(CatalogError) as error:
            builders.builder()
        assert said in error.value.message
        assert "docker-buildx-plugin" in error.value.hint


def test_building_into_an_archive(docker: Path) -> None:
    """Context by stdin, archive by stdout, progress line by line."""
    (docker / "build").write_text("echo '#1 [internal]' >&2; echo archive")
    assert built(docker, exports=True) == ("archive\n", ["#1 [internal]"])
    assert (docker / "context").read_text() == "a tar"
    [call] = calls(docker)
    assert call.startswith("buildx build --progress=plain --provenance=false")
    assert call.endswith("--platform=linux/arm64 --label=x --tag=a:1 --output=type=oci,dest=- -")


def test_building_by_way_of_the_image_store(docker: Path) -> None:
    """Under a name of our own, which is gone afterwards, also when the build fails."""
    (docker / "build").write_text("exit 0")
    assert built(docker, exports=False)[0] == "saved\n"
    name = next(word for word in calls(docker)[0].split() if word.startswith("--tag=")).removeprefix("--tag=")
    assert name.startswith("fleet-build:")
    assert calls(docker)[-1] == f"rmi {name}"
    (docker / "build").write_text("exit 1")
    with pytest.raises(RemoteError):
        built(docker, exports=False)
    assert calls(docker)[-1].startswith("rmi fleet-build:")


@pytest.mark.parametrize(
    ("script", "why", "hint"),
    [
        ("echo 'ERROR: failed to solve: cheese' >&2; echo last >&2; exit 1", "failed to solve: cheese", "in the log"),
        ("echo 'exec /bin/sh: exec format error' >&2; exit 1", "exec format error", "tonistiigi/binfmt"),
        ("exit 3", "exit code 3", "in the log"),
        ("exec sleep 60", "it took longer than 0 s", "in the log"),
    ],
)
def test_a_build_that_fails(script: str, why: str, hint: str, docker: Path) -> None:
    """In the builder's words, with a way out."""
    (docker / "build").write_text(script)
    with pytest.raises(RemoteError, match=why) as error:
        built(docker, exports=True, timeout=0.4 if "sleep" in script else 30)
    assert hint in error.value.hint


# ── to a registry ────────────────────────────────────────────────────────────────────────────────────────────────────


def label() -> str:
    """What the image of the recipe is made from."""
    [action] = [a for a in _actions(planned(tag=TAG, push=True, where="fleet")) if isinstance(a, BuildOrTake)]
    return action.built


def _actions(found: Verdict) -> tuple[object, ...]:
    assert isinstance(found, Change)
    return found.actions


def test_what_is_pushed() -> None:
    """The host's platform, under a tag of its own, joined with those that were made from the same."""
    found = planned(tag=TAG, push=True, told={PUSHED: Pushed()})
    assert isinstance(found, Change)
    assert found.why == f"build {TAG}; push {TAG} for {ARM64}"
    push = found.actions[-1]
    assert isinstance(push, PushImage)
    assert f"push --quiet {TAG}-arm64" in push.push.script
    assert f"for tag in {TAG}-arm64 {TAG}-amd64 {TAG}-armv7" in push.join.script
    assert "http = true" not in push.join.script


def test_a_registry_without_tls() -> None:
    """Is one for buildx too, and for the laptop's question, when the host's daemon has it as such."""
    facts = HOST.but(DAEMON, replace(HOST[DAEMON], info=Info(insecure=("registry.lan:5000",))))
    found = planned(facts, tag=TAG, push=True, told={PushedQuery(TAG, insecure=True): Pushed()})
    push = _actions(found)[-1]
    assert isinstance(push, PushImage)
    assert '[registry."registry.lan:5000"]\n  http = true' in push.join.script


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Pushed(((ARM64, "LABEL"),)), "there"),
        (Pushed((("linux/amd64", "LABEL"),)), "due"),
        (Pushed(((ARM64, "another"),)), "due"),
        (Pushed(), "due"),
        (Pushed(refused="no right to read it", hint="Log in."), "blocked"),
        (Unavailable("registry.lan does not answer"), "warned"),
    ],
)
def test_is_it_pushed(answer: object, what: str) -> None:
    """The registry's word counts; where it can't be asked, that is no reason to push again what is built."""
    if isinstance(answer, Pushed):
        answer = replace(answer, labels=tuple((p, label() if text == "LABEL" else text) for p, text in answer.labels))
    later = effects(HOST, plan(HOST, recipe(tag=TAG)))
    found = planned(later, tag=TAG, push=True, told={PUSHED: answer})
    match what:
        case "there":
            assert found == Satisfied("1 built, 1 pushed")
        case "due":
            [push] = _actions(found)
            assert isinstance(push, PushImage)
        case "blocked":
            assert found == Blocked(f"whether {TAG} is pushed can't be told: no right to read it", "Log in.")
        case "warned":
            assert isinstance(found, Satisfied)
            assert found.warnings == (f"whether {TAG} is pushed can't be told: registry.lan does not answer",)


def test_pushed_by_another_host() -> None:
    """A new host builds its own, and leaves the registry as it is; one that shares the image pulls it, whoever may build."""
    told = {PUSHED: Pushed(((ARM64, label()),), "sha256:" + "5" * 64)}
    found = planned(tag=TAG, push=True, told=told)
    assert isinstance(found, Change)
    assert found.why == f"build {TAG}"
    for where in ("fleet", "laptop"):
        found = planned(tag=TAG, push=True, where=where, told=told)
        assert isinstance(found, Change)
        assert found.why == f"pull {TAG}, which is built and pushed"
        [action] = found.actions
        assert isinstance(action, Run)
        assert "shop/web@sha256:555" in action.script


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("shop/web:1", "docker.io/shop/web:1"),
        ("web", "docker.io/USER/web:latest"),
        ("docker.io/library/web:1", "docker.io/USER/web:1"),
        ("localhost:5000/web:1", "a registry on each host itself"),
        ("127.0.0.1:5000/web:1", "a registry on each host itself"),
    ],
)
def test_tags_that_can_not_be_pushed(tag: str, said: str) -> None:
    """Docker would take its Hub for what is meant, or each host itself."""
    with pytest.raises(ValidationError) as error:
        Build.model_validate({**BUILD, "tag": tag, "push": True})
    context = error.value.errors()[0]["ctx"]
    assert said in error.value.errors()[0]["msg"] + context["hint"]
    assert Build.model_validate({**BUILD, "tag": tag}).push is False


def test_registries() -> None:
    """Hosts with their ports, and networks of addresses."""
    assert is_insecure("registry.lan:5000", ["registry.lan:5000"])
    assert is_insecure("192.168.1.9:5000", ["::1/128", "192.168.1.0/24"])
    assert is_insecure("[fd00::1]:5000", ["fd00::/8"])
    assert not is_insecure("registry.lan:5000", ["registry.lan", "0.0.0.0/0", "nonsense/x"])
    assert is_loopback("[::1]:5000")
    assert not is_loopback("registry.lan")
