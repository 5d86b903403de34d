"""Stacks: options that fit together, what is found on the host, and what is done about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from fleet import schemas
from fleet.errors import RecipeError
from fleet.facts.cmdline import CMDLINE
from fleet.facts.daemon import DAEMON, Image
from fleet.facts.limits import read_held
from fleet.facts.stacks import STACKS, Container, Stack, Stacks, read_stacks
from fleet.facts.system import MACHINE
from fleet.files.problems import explain
from fleet.formats.limits import Limits
from fleet.model import Blocked, Change, Facts, Run, Satisfied
from fleet.queries import ImageQuery, RemoteImage
from fleet.recipe import Scope
from fleet.recipe.cookbook import Recipes
from fleet.steps import STEPS
from fleet.steps.stack_options import StackOptions
from fleet.steps.stacks import StacksStep
from tests.support.golden import golden
from tests.support.planning import DEFAULT, plan, verdict

ROOT = Path(__file__).parents[2]
CONVERGED = golden("converged-engine29").facts
COMPOSE = """\
services:
  web: {image: busybox, mem_limit: 64m, secrets: [pw]}
  idle: {image: "alpine:3.22"}
secrets: {pw: {environment: PW}}
"""
RUNNING = (Container("idle", "h1", "running"), Container("web", "h2", "running", "healthy", Limits(64 << 20)))


def recipe(compose: str = COMPOSE, **more: Any) -> dict[str, Any]:
    """The default recipe with the stack `web`."""
    secrets = {"pw": {"env": "PW"}} if "PW" in compose else {}
    return {**DEFAULT, "stacks": {"web": {"file": {"path": "compose.yml", "content": compose}, "secrets": secrets, **more}}}


def look(facts: Facts, sections: Mapping[str, Any]) -> Satisfied | Change | Blocked:
    """The verdict of the step."""
    found = verdict(plan(facts, sections), "stacks")
    assert isinstance(found, Satisfied | Change | Blocked)
    return found


def deployed(sections: Mapping[str, Any], *containers: Container) -> Facts:
    """The facts of a host on which this stack was deployed, and these containers are there now."""
    change = look(CONVERGED, sections)
    assert isinstance(change, Change)
    facts = change.after(CONVERGED)
    stack = facts[STACKS].find("web")
    assert stack
    expected = tuple(container.essence for container in RUNNING)
    now = replace(stack, expected=expected, containers=containers or RUNNING)
    return CONVERGED.but(STACKS, Stacks((now,))).but(DAEMON, facts[DAEMON])


def test_a_host_without_it_gets_all_of_it() -> None:
    """One script with all files, and the secret only by where it is found."""
    found = look(CONVERGED, recipe())
    assert isinstance(found, Change)
    assert found.why == "web: deploy it (web, idle)"
    (action,) = found.actions
    assert isinstance(action, Run)
    assert [(fed.name, fed.kind, fed.what) for fed in action.secrets] == [("pw", "env", "PW")]
    assert "+  web: {image: busybox, mem_limit: 64m, secrets: [pw]}" in found.diff


def test_as_wanted() -> None:
    """The same files, and the same containers running."""
    assert look(deployed(recipe()), recipe()) == Satisfied("web is as wanted")


IDLE, WEB = RUNNING


@pytest.mark.parametrize(
    ("containers", "why"),
    [
        ((WEB,), "web: idle is gone"),
        ((replace(IDLE, state="exited"), WEB), "web: idle is exited"),
        ((replace(IDLE, hash="h9"), WEB), "web: idle was changed by hand"),
        ((IDLE, replace(WEB, health="unhealthy")), "web: web is unhealthy"),
        ((IDLE, WEB, Container("left", "h3", "running")), "web: left is not part of it"),
        ((IDLE, replace(WEB, held=Limits())), "web: the limits of web are not kept (memory: 64 MiB wanted, none in force)"),
    ],
)
def test_what_runs_otherwise_is_found(containers: tuple[Container, ...], why: str) -> None:
    """By each container's state, health, configuration and control group."""
    found = look(deployed(recipe(), *containers), recipe())
    assert isinstance(found, Change)
    assert found.why == why


def test_what_can_not_be_mended_by_a_start_is_made_anew() -> None:
    """An unhealthy container runs, so `up` alone would leave it."""
    found = look(deployed(recipe(), IDLE, replace(WEB, health="unhealthy")), recipe())
    assert isinstance(found, Change)
    assert "; again=web;" in found.actions[0].script  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"env": {"A": "b"}}, "web: values changed"),
        ({"files": {"x.conf": {"path": "x", "content": "y"}}}, "web: labels, images or secrets, x.conf changed"),
    ],
)
def test_content_that_changed(more: Mapping[str, Any], why: str) -> None:
    """Values and files count as the compose file does."""
    found = look(deployed(recipe()), recipe(**more))
    assert isinstance(found, Change)
    assert found.why == why


def test_secrets_that_a_reboot_took() -> None:
    """They were in memory."""
    facts = deployed(recipe())
    facts = facts.but(STACKS, Stacks((replace(facts[STACKS].found[0], secrets=()),)))
    found = look(facts, recipe())
    assert isinstance(found, Change)
    assert "secrets are gone" in found.why


def test_a_failed_deployment_is_tried_again() -> None:
    """Whatever the files are."""
    facts = deployed(recipe())
    found = look(facts.but(STACKS, Stacks((replace(facts[STACKS].found[0], is_whole=False),))), recipe())
    assert isinstance(found, Change)
    assert "did not succeed" in found.why


def test_a_memory_limit_without_a_controller_is_refused() -> None:
    """Docker would start the container without it."""
    off = replace(CONVERGED[MACHINE], cgroup_controllers=("cpu", "pids"))
    facts = CONVERGED.but(MACHINE, off).but(CMDLINE, replace(CONVERGED[CMDLINE], old_memory=False))
    found = look(facts, recipe())
    assert isinstance(found, Blocked)
    assert "would not be kept" in found.why
    assert "--recipe pi" in found.hint


def test_an_image_for_other_machines_is_refused() -> None:
    """Before anything is pulled, in the words of the step images."""
    found = look(golden("pi4-userland32").facts, recipe("services: {a: {image: example/no-arm32}}"))
    assert isinstance(found, Blocked)
    assert "has no image for linux/arm" in found.why


def test_the_recipe_hello() -> None:
    """The example is right, and editors take it for right."""
    path = ROOT / "recipes" / "hello" / "recipe.yml"
    made = Recipes([ROOT / "recipes"]).load("hello").options(StacksStep(), Scope({}, {}, ()))
    assert made.named["hello"].values == {"PORT": "8080"}
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schemas.recipe(STEPS))


def test_taking_away() -> None:
    """What is there is removed, and what is not there is right."""
    away = {**DEFAULT, "stacks": {"web": {"state": "absent"}}}
    found = look(deployed(recipe()), away)
    assert isinstance(found, Change)
    assert found.why == "web: take it away (volumes stay)"
    assert look(CONVERGED, away) == Satisfied("web is away")


NEEDS = """\
services:
  a:
    image: busybox
    env_file: [./web.env, /etc/own.env, {path: may.env, required: false}]
configs: {c: {file: a.conf}}
"""


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "a stack has a compose file"),
        ({"file": "compose.yml", "secrets": {}}, "'pw' of the compose file has no value"),
        ({"file": "compose.yml", "secrets": {"pw": {"env": "A"}, "pww": {"env": "A"}}}, "no secret 'pww'; did you mean 'pw'"),
        ({"file": "compose.yml", "secrets": {"pw": {"env": "A", "file": "b"}}}, "exactly one source"),
        ({"file": "compose.yml", "secrets": {"pw": {"env": "A"}}, "files": {"../x": "compose.yml"}}, "no name for a file"),
        ({"file": "compose.yml", "secrets": {"pw": {"env": "A"}}, "files": {".env": "compose.yml"}}, "no name for a file"),
        (
            {"file": "compose.yml", "secrets": {"pw": {"env": "A"}}, "files": {"a": "compose.yml", "a/b": "compose.yml"}},
            "'a' is a file, and a folder for 'a/b'",
        ),
        ({"file": "nowhere.yml"}, "there is no file 'nowhere.yml'"),
        ({"file": "bad.yml"}, "bad.yml:3: services.a: build: is not supported"),
        ({"file": "needs.yml"}, "needs.yml:4: 'web.env' is no file of this stack"),
        ({"file": "needs.yml", "files": {"web.env": "binary.txt", "a.conf": "binary.txt"}}, "there is no file 'binary.txt'"),
        ({"file": "needs.yml", "files": {"web.env": "bad.yml"}}, "needs.yml:5: 'a.conf' is no file of this stack"),
        ({"file": "binary"}, "is not UTF-8 text"),
        ({"file": "."}, "is no file"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sentence; a compose file with its line."""
    monkeypatch.chdir(tmp_path)
    Path("compose.yml").write_text(COMPOSE)
    Path("bad.yml").write_text("services:\n  a:\n    build: .\n")
    Path("needs.yml").write_text(NEEDS)
    Path("binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValidationError) as caught:
        StackOptions.model_validate_json(json.dumps(options))
    assert why in str(caught.value)


def test_a_secret_in_a_recipe_is_not_repeated() -> None:
    """Errors end in the logs of others."""
    with pytest.raises(ValidationError) as caught:
        StackOptions.model_validate({"file": "compose.yml", "secrets": {"pw": "canary"}})
    problems = explain(caught.value, StackOptions, {"secrets": {"pw": "canary"}})
    assert any("does not stand in a recipe" in problem.text for problem in problems)
    assert "canary" not in " ".join(f"{problem.text} {problem.hint}" for problem in problems)


def test_a_compose_file_is_judged_before_the_facts(tmp_path: Path) -> None:
    """What is wrong in it whatever a host is, is told without one; what hangs on a fact waits for it."""
    (tmp_path / "compose.yml").write_text("services:\n  a:\n    image: busybox:${TAG}\n    build: .\n")
    recipe = tmp_path / "shop.yml"
    recipe.write_text("stacks:\n  web:\n    file: compose.yml\n    env: {TAG: '${facts.codename}'}\n")
    scope = Scope(fact_names=("codename",))
    with pytest.raises(RecipeError, match=r"shop.yml:3: .*compose.yml:3: services.a: build: is not supported"):
        Recipes([tmp_path]).load("shop").check(scope)
    (tmp_path / "compose.yml").write_text("services:\n  a:\n    image: busybox:${TAG}\n")
    Recipes([tmp_path]).load("shop").check(scope)


def test_reading_the_probe() -> None:
    """Files, manifest, secrets, containers with health, and control groups, of one stack among others."""
    container = {
        "Id": "ab",
        "ImageID": "sha256:1",
        "State": "running",
        "Status": "Up 2 minutes (health: starting)",
        "Labels": {
            "com.docker.compose.project": "web",
            "com.docker.compose.service": "api",
            "com.docker.compose.config-hash": "h1",
            "com.docker.compose.oneoff": "False",
        },
    }
    text = "\n".join(
        (
            "stack\tweb",
            r"manifest" + "\tweb\tfile compose.yml\\012container api h1 running sha256:1 x:1\\012",
            "file\tweb\tcompose.yml\ta\\011b\\134\\012",
            "secret\tweb\tpw",
            "since\tweb\t1700000060",
            "kept\tweb\t1700000000",
            f"containers\t{json.dumps([container])}",
            "group\tab\theld_cpu=50000 100000\theld_memory=67108864\theld_pids=max",
        )
    )
    api = Container("api", "h1", "running", "starting", Limits(64 << 20, 0.5, None), "sha256:1")
    wanted = Stack(
        "web", (("compose.yml", "a\tb\\\n"),), (("api", "h1", "running"),), (api,), ("pw",), True, 1700000060, 1700000000
    )
    assert read_stacks(text) == Stacks((wanted,))
    assert read_stacks("") == Stacks()


@pytest.mark.parametrize(
    ("memory", "cpu", "pids", "held"),
    [
        ("33554432", "50000 100000", "9", Limits(32 << 20, 0.5, 9)),
        ("9223372036854771712", "-1 100000", "max", Limits()),
        ("max", "max 100000", "max", Limits()),
        ("", "", "", Limits()),
    ],
)
def test_control_groups_of_both_versions(memory: str, cpu: str, pids: str, held: Limits) -> None:
    """As the kernel writes them (cgroup-v1/memory.rst, scheduler/sched-bwc.rst, cgroup-v2.rst)."""
    assert read_held({"held_memory": memory, "held_cpu": cpu, "held_pids": pids}) == held


def overlay(found: Any) -> dict[str, Any]:
    """The file that goes over the user's, as a change has it in its diff."""
    assert isinstance(found, Change)
    added = [line[1:] for line in found.diff.split("web/fleet.yml")[-1].splitlines() if line.startswith("+") and line[1:2] != "+"]
    read = yaml.safe_load("\n".join(added).replace("!override", ""))
    assert isinstance(read, dict)
    return read


def test_images_are_those_of_the_lock() -> None:
    """Each by its digest; when the lock names another one, the stack is deployed again."""
    exact = "busybox@sha256:" + "0" * 64
    assert overlay(look(CONVERGED, recipe()))["services"]["web"]["image"] == exact
    pulled = Image(("busybox:latest",), (exact,), "linux/arm64")
    there = deployed(recipe())
    there = there.but(DAEMON, there[DAEMON].plus(pulled))
    assert look(there, recipe()) == Satisfied("web is as wanted")
    moved = RemoteImage("sha256:" + "9" * 64, ("linux/arm64",))
    found = verdict(plan(there, recipe(), told={ImageQuery("busybox"): moved}), "stacks")
    assert isinstance(found, Change)
    assert found.why == "web: labels, images or secrets changed"
    assert "busybox@sha256:9" in found.diff


def test_an_image_that_was_built_here() -> None:
    """No registry is asked for it; built anew, it is deployed anew."""
    daemon = CONVERGED[DAEMON].plus(Image(("busybox:latest",), (), "linux/arm64", built="a.b"))
    found = overlay(look(CONVERGED.but(DAEMON, daemon), recipe()))["services"]["web"]
    assert "image" not in found
    assert found["labels"]["fleet.image"] == "a.b"


def test_the_lock_is_told_of_its_images() -> None:
    """For `fleet images lock`: those of all stacks that are to be there."""
    step = StacksStep()
    options = step.options.model_validate_json(json.dumps(recipe()["stacks"]))
    assert step.images(options) == ("busybox", "alpine:3.22")


@pytest.mark.parametrize(
    ("built", "compose"), [("", COMPOSE), ("a.b", COMPOSE), ("", COMPOSE.replace("mem", "platform: linux/arm64, mem"))]
)
def test_an_image_whose_name_stands_for_another_one_now(built: str, compose: str) -> None:
    """However it came: what runs is told by the image's ID; where the daemon tells none, it is not known to be another."""
    sections = recipe(compose)
    daemon = CONVERGED[DAEMON].plus(Image(("busybox:latest",), (), "linux/arm64", built=built, id="sha256:1"))
    base = CONVERGED.but(DAEMON, daemon)
    change = look(base, sections)
    assert isinstance(change, Change)
    stack = change.after(base)[STACKS].find("web")
    assert stack

    def runs(image: str) -> Facts:
        now = (IDLE, replace(WEB, image=image))
        there = replace(stack, expected=tuple(c.essence for c in now), containers=now)
        return base.but(STACKS, Stacks((there,)))

    assert look(runs("sha256:1"), sections) == Satisfied("web is as wanted")
    assert look(runs(""), sections) == Satisfied("web is as wanted")
    found = look(runs("sha256:0"), sections)
    assert isinstance(found, Change)
    assert found.why == "web: web runs another image than busybox names now"
    assert found.diff == ""


def test_a_locked_image_under_a_name_that_was_taken_away() -> None:
    """Another image was pushed under its name, so that no registry has it: it is what runs from now on."""
    there = deployed(recipe())
    pushed = there[DAEMON].without("busybox:latest").plus(Image(("busybox:latest",), (), "linux/arm64", id="sha256:7"))
    found = look(there.but(DAEMON, pushed), recipe())
    assert isinstance(found, Change)
    assert found.why == "web: labels, images or secrets changed"
