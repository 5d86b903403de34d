"""Building images: what a context is, what its digest depends on, and who is refused before a byte is sent."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.catalog.contexts import context, entries
from fleet.errors import CatalogError, RecipeError
from fleet.facts.board import BOARD
from fleet.facts.daemon import DAEMON, Image
from fleet.model import Blocked, Change, Facts, Run, Satisfied, SendContext, Unavailable
from fleet.plan import Missing
from fleet.queries import ContextQuery, ImageQuery, RemoteImage
from fleet.recipe.cookbook import Recipes
from fleet.recipe.substitution import Scope
from fleet.steps.builds import Build, BuildsOptions
from fleet.tasks.contexts import read_listing
from tests.support.golden import golden
from tests.support.planning import attempt, changed, effects, plan, verdict

CONVERGED = golden("converged-engine29").facts
BUILD = {"tag": "shop/web:1", "context": "/srv/shop", "bases": {"BASE": "busybox"}, "args": {"WORD": "it's; $(reboot)"}}


def recipe(**changes: Any) -> dict[str, Any]:
    """A recipe that builds one image."""
    return {"builds": {"images": [{**BUILD, **changes}]}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small context."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a b").write_text("a")
    (tmp_path / "link").symlink_to("src/a b")
    return tmp_path


def digest(folder: Path) -> str:
    """The context's digest now."""
    return context(ContextQuery(str(folder))).digest


def test_the_digest_is_of_names_contents_kinds_and_modes(folder: Path) -> None:
    """Each of them makes another one; times do not, nor does what .dockerignore leaves out."""
    seen = [digest(folder)]
    (folder / "src" / "a b").write_text("b")
    seen.append(digest(folder))
    (folder / "src" / "a b").chmod(0o755)
    seen.append(digest(folder))
    (folder / "src" / "a b").rename(folder / "src" / "c")
    seen.append(digest(folder))
    (folder / "link").unlink()
    (folder / "link").symlink_to("src/c")
    seen.append(digest(folder))
    (folder / "empty").mkdir()
    seen.append(digest(folder))
    (folder / ".dockerignore").write_text("*.log\n")
    seen.append(digest(folder))
    assert len(set(seen)) == len(seen)
    (folder / "noise.log").write_text("x")
    (folder / "src" / "c").touch()
    assert digest(folder) == seen[-1]


def test_dockerignore(folder: Path) -> None:
    """As Docker reads it: comments, exceptions, and never the Dockerfile; a Dockerfile's own file of that kind comes first."""
    (folder / ".dockerignore").write_text("# all\n**\n!src\nsrc/secret\n")
    (folder / "src" / "secret").write_text("hush")
    assert [e.path for e in entries(str(folder), "Dockerfile")] == [".dockerignore", "Dockerfile", "src", "src/a b"]
    (folder / "Dockerfile.dockerignore").write_text("src\nlink\n")
    assert [e.path for e in entries(str(folder), "Dockerfile")] == [".dockerignore", "Dockerfile", "Dockerfile.dockerignore"]


@pytest.mark.parametrize("name", ["two\nlines", "tab\there", "back\\slash", "\u202eright-to-left"])
def test_names_that_a_listing_can_not_hold(folder: Path, name: str) -> None:
    """Refused with the name, and a way out."""
    (folder / name).write_text("x")
    with pytest.raises(CatalogError, match="can't be sent") as error:
        digest(folder)
    assert ".dockerignore" in error.value.hint


def test_contexts_that_are_none(folder: Path) -> None:
    """A folder that is not there, and one without the Dockerfile."""
    with pytest.raises(CatalogError, match="is no folder"):
        context(ContextQuery(str(folder / "nowhere")))
    with pytest.raises(CatalogError, match=r"no other\.Dockerfile in"):
        context(ContextQuery(str(folder), "other.Dockerfile"))


def check(folder: Path, context: str, **values: Any) -> None:
    """Check a recipe beside the context, as is done before any host is asked."""
    (folder / "shop.yml").write_text(f"builds:\n  images:\n    - tag: shop/web:1\n      context: {context}\n")
    Recipes([folder]).load("shop").check(Scope(values, fact_names=("codename",)))


def test_a_context_is_looked_for_before_any_host_is_asked(folder: Path) -> None:
    """With file, line, key and what may have been meant; also where a var names it. A fact is waited for."""
    check(folder, ".")
    check(folder, "${facts.codename}")
    check(folder, f"{folder}/${{vars.where}}", where="")
    with pytest.raises(RecipeError, match=r"shop.yml:4: builds.images\[0\].context: there is no .*; did you mean 'src'") as error:
        check(folder, f"{folder}/${{vars.where}}", where="scr")
    assert "from " in error.value.message
    with pytest.raises(RecipeError, match=r"shop.yml:3: builds.images\[0\]: there is no file") as error:
        check(folder, "src")
    assert "dockerfile: NAME" in error.value.hint


@pytest.mark.parametrize(("opens", "key"), [("os.scandir", r"images\[0\].context"), ("pathlib.Path.open", r"images\[0\]")])
def test_a_context_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch, opens: str, key: str) -> None:
    """Says so, of the folder and of the Dockerfile. (Root may read everything, so opening is made to fail.)"""
    (folder / "shop.yml").write_text("builds:\n  images:\n    - tag: shop/web:1\n      context: .\n")
    recipe = Recipes([folder]).load("shop")

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(opens, refuse)
    with pytest.raises(RecipeError, match=f"builds.{key}: .* can't be read: Permission denied"):
        recipe.check(Scope())


def test_options_of_a_saved_plan_need_no_context() -> None:
    """The folder may be gone by then: what is in it is asked for when it is sent."""
    assert Build.model_validate({**BUILD, "context": "/nowhere"}).context == "/nowhere"


def test_a_hosts_listing_is_read_back(folder: Path) -> None:
    """Lines of find and of sha256sum together are the same entries as the laptop's."""
    found = entries(str(folder), "Dockerfile")
    lines = [f"{e.kind}\t{e.mode}\t{e.what if e.kind == 'l' else ''}\t{e.path}" for e in found]
    sums = [f"{e.what}  ./{e.path}" for e in found if e.kind == "f"]
    read = read_listing("\n".join([*lines, *sums, ""]))
    assert {path: e.line for path, e in read.items()} == {e.path: e.line for e in found}


def test_a_plan_asks_for_contexts_and_bases() -> None:
    """The folder is read, and the base image asked for; what the lock has needs no network."""
    asked = attempt(CONVERGED, recipe())
    assert isinstance(asked, Missing)
    assert set(asked.queries) == {ContextQuery("/srv/shop"), ImageQuery("busybox")}
    later = effects(CONVERGED, plan(CONVERGED, recipe()))
    assert changed(plan(later, recipe())) == []


def test_a_base_that_moved_and_one_that_nobody_can_tell() -> None:
    """Another digest of the base is built again; a registry that does not answer is no reason to."""
    later = effects(CONVERGED, plan(CONVERGED, recipe()))
    base = ImageQuery("busybox")
    for answer, wanted in ((RemoteImage("sha256:" + "9" * 64, ("linux/arm64",)), ["builds"]), (Unavailable("no answer"), [])):
        assert changed(plan(later, recipe(), told={base: answer})) == wanted


def test_the_actions() -> None:
    """The context is sent, then built, with every word quoted and a label that tells what of."""
    found = verdict(plan(CONVERGED, recipe(target="final", network="host")), "builds")
    assert isinstance(found, Change)
    send, run = found.actions
    assert isinstance(send, SendContext)
    assert isinstance(run, Run)
    assert "'--build-arg=WORD=it'\"'\"'s; $(reboot)'" in run.script
    assert "--build-arg=BASE=busybox@sha256:" in run.script
    assert "--target=final" in run.script
    assert run.script.endswith(f"-- {send.to}")


@pytest.mark.parametrize(
    "other",
    [{"args": {"WORD": "x"}}, {"target": "a"}, {"dockerfile": "D"}, {"network": "host"}, {"bases": {"BASE": "busybox:1.35"}}],
)
def test_what_makes_another_image(other: dict[str, Any]) -> None:
    """Another argument, stage, Dockerfile, network or base is built again; nothing is, when all is as before."""
    later = effects(CONVERGED, plan(CONVERGED, recipe()))
    assert changed(plan(later, recipe())) == []
    assert changed(plan(later, recipe(**other))) == ["builds"]


def test_an_image_of_that_name_that_fleet_did_not_build() -> None:
    """It is built, since nobody knows what that one is made of."""
    daemon = CONVERGED[DAEMON].plus(Image(("shop/web:1",), (), "linux/amd64"))
    assert changed(plan(CONVERGED.but(DAEMON, daemon), recipe())) == ["builds"]


def refusal(facts: Facts, **changes: Any) -> str:
    """Why it can't be built, with the hint."""
    found = verdict(plan(facts, recipe(**changes)), "builds")
    assert isinstance(found, Blocked)
    return f"{found.why} / {found.hint}"


def test_refusals() -> None:
    """A platform that the recipe excludes, a base that lacks the platform, a folder that is not there, too little memory."""
    assert "only for linux/amd64" in refusal(CONVERGED, platforms=["linux/amd64"])
    assert "can't be built for linux/arm/v7: its base busybox:1.35 is made for" in refusal(
        golden("pi4-userland32").facts, bases={"BASE": "busybox:1.35"}
    )
    assert "is no folder" in refusal(CONVERGED, context="/nowhere")
    small = CONVERGED.but(BOARD, replace(CONVERGED[BOARD], memory_kib=900_000, swap_kib=100_000))
    assert "takes 2000 MiB, and the host has 976 MiB" in refusal(small, memory=2000)
    assert isinstance(verdict(plan(small, recipe(memory=976)), "builds"), Change)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tag": "shop/web@sha256:" + "0" * 64}, "has a digest"),
        ({"dockerfile": "../Dockerfile"}, "no file inside the context"),
        ({"args": {"--secret": "x"}}, "no name of a build argument"),
        ({"context": ""}, "at least 1 character"),
        ({"network": "bridge"}, "'default', 'host' or 'none'"),
    ],
)
def test_options_that_are_refused(wrong: dict[str, Any], said: str) -> None:
    """Whatever could be taken for something else on a command line."""
    with pytest.raises(ValidationError, match=said):
        Build.model_validate({**BUILD, **wrong})


def test_one_tag_twice() -> None:
    """Two images can't have one name, however it is written."""
    twice = ({**BUILD}, {**BUILD, "tag": "docker.io/shop/web:1"})
    with pytest.raises(ValidationError, match="is built twice"):
        BuildsOptions.model_validate({"images": twice})


def test_nothing_asked_for() -> None:
    """The section alone builds nothing."""
    assert isinstance(verdict(plan(CONVERGED, {"builds": {}}), "builds"), Satisfied)
