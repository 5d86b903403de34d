"""Images out of archives, as a recipe asks for them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from pydantic import ValidationError

from fleet.errors import RecipeError
from fleet.facts.daemon import DAEMON, Image
from fleet.model import Blocked, Catalog, Change, Facts, Satisfied, SendImage
from fleet.plan import saved
from fleet.queries import Archived, ArchivedImage, ArchiveQuery
from fleet.recipe.cookbook import Recipes
from fleet.recipe.substitution import Scope
from fleet.steps import STEPS
from fleet.steps.archives import ArchivesOptions
from tests.support.archives import Image as Made
from tests.support.archives import hello, layout, noise, old_save, sha256, unpack
from tests.support.golden import golden
from tests.support.planning import changed, effects, plan, verdict

CONVERGED = golden("converged-engine29").facts
APP = Made([noise(1, 0.01), hello()], "linux/arm64")


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """An archive of one image for the host."""
    path = tmp_path / "app.tar"
    path.write_bytes(old_save({"app:1": APP}))
    return str(path)


def holding(tag: str, image_id: str) -> Facts:
    """The converged host with one image more."""
    image = Image((tag,), (), "linux/arm64", id=image_id)
    return CONVERGED.but(DAEMON, CONVERGED[DAEMON].plus(image))


def test_it_is_sent_once(archive: str) -> None:
    """What is not there is sent, under its name; what the plan says of the host afterwards is that it is there."""
    recipe = {"archives": {"images": {"app:1": archive}}}
    found = plan(CONVERGED, recipe)
    said = verdict(found, "archives")
    assert isinstance(said, Change)
    assert said.why == "send app:1"
    (action,) = said.actions
    assert isinstance(action, SendImage)
    assert (action.name, action.archive) == ("app:1", archive)
    assert changed(plan(effects(CONVERGED, found), recipe)) == []


def test_the_id_tells_whether_it_is_there(archive: str) -> None:
    """The same name with another image is no match; the image's own ID is."""
    recipe = {"archives": {"images": {"app:1": archive}}}
    assert changed(plan(holding("app:1", "sha256:other"), recipe)) == ["archives"]
    assert changed(plan(holding("app:2", sha256(APP.config)), recipe)) == ["archives"]
    assert changed(plan(holding("app:1", sha256(APP.config)), recipe)) == []


def test_the_platform_is_looked_at_first(tmp_path: Path, archive: str) -> None:
    """One image that has none for the host blocks all, in words."""
    other = unpack(layout([Made([hello()])]), tmp_path / "other")
    said = verdict(plan(CONVERGED, {"archives": {"images": {"app:1": archive, "other:1": str(other)}}}), "archives")
    assert isinstance(said, Blocked)
    assert said.why == "other:1 is not made for linux/arm64, but for linux/amd64"


def test_archives_that_can_not_be_read(tmp_path: Path, archive: str) -> None:
    """Blocked, with the path and what to do."""
    for name, path, why in (
        ("app:1", str(tmp_path / "none.tar"), "none.tar: does not exist"),
        ("app:2", archive, "app.tar: has no image app:2"),
    ):
        said = verdict(plan(CONVERGED, {"archives": {"images": {name: path}}}), "archives")
        assert isinstance(said, Blocked)
        assert said.why.endswith(why)
        assert said.hint


def test_archives_are_looked_for_before_any_host_is_asked(tmp_path: Path, archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With file, line, key and what may have been meant; a fact in the path is waited for. A layout is a folder."""
    unpack(layout([APP]), tmp_path / "unpacked")
    (tmp_path / "right.yml").write_text("archives: {images: {a: app.tar, b: unpacked, c: '${facts.codename}.tar'}}\n")
    (tmp_path / "wrong.yml").write_text("archives:\n  images:\n    app:1: ap.tar\n")
    recipes = Recipes([tmp_path])
    right, wrong, scope = recipes.load("right"), recipes.load("wrong"), Scope(fact_names=("codename",))
    right.check(scope)
    said = r"wrong.yml:3: archives.images.app:1: there is no file or folder .*; did you mean 'app.tar'"
    with pytest.raises(RecipeError, match=said) as error:
        wrong.check(scope)
    assert "relative to the recipe" in error.value.hint
    wrong.check(scope, looks=False)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RecipeError, match=r"archives.images.a: .* can't be read: Permission denied"):
        right.check(scope)


def test_nothing_asked_for() -> None:
    """The section alone sends nothing."""
    assert isinstance(verdict(plan(CONVERGED, {"archives": {}}), "archives"), Satisfied)


def test_names_with_a_digest_are_refused() -> None:
    """An archive names by tags."""
    with pytest.raises(ValidationError, match="has a digest"):
        ArchivesOptions(images={f"app@sha256:{'0' * 64}": "app.tar"})


def test_a_saved_plan_keeps_what_the_archive_had(tmp_path: Path, archive: str) -> None:
    """So that an archive that is another one later does not pass for the one that was looked at."""
    answers = Catalog({ArchiveQuery("app:1", archive): Archived((ArchivedImage("linux/amd64", ("sha256:a", "sha256:b")),))})
    found = plan(CONVERGED, {"archives": {"images": {"app:1": archive}}})
    options = {step.name: step.options() for step in STEPS} | {"archives": ArchivesOptions(images={"app:1": archive})}
    path = tmp_path / "plan.json"
    saved.write(path, {found.host: saved.to_data(found, "0" * 32, options, answers)}, "1")
    assert saved.read(path, STEPS)[found.host].catalog.answers == answers.answers
