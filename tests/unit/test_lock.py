"""The lock of the images: what is pinned, what was before, and the file that a person may read and mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.errors import LockError
from fleet.lock import GENERATIONS, Lock, name_of
from fleet.lock.file import LockFile
from fleet.lock.text import HEAD, read, render
from fleet.queries import RemoteImage

PLATFORMS = ("linux/amd64", "linux/arm64/v8")


def image(digit: str) -> RemoteImage:
    """An image whose digest is made of one digit."""
    return RemoteImage(f"sha256:{digit * 64}", PLATFORMS)


ONE, TWO, THREE = image("1"), image("2"), image("3")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("busybox", "busybox:latest"),
        ("docker.io/library/busybox", "busybox:latest"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
        (f"busybox@{ONE.digest}", ""),
    ],
)
def test_all_spellings_of_an_image_are_one_entry(reference: str, name: str) -> None:
    """As the daemon lists it; what is named by its digest needs no lock."""
    assert name_of(reference) == name


def test_new_images_do_not_move_those_that_are_locked() -> None:
    """A tag that names something else by now changes nothing, and makes no lock to go back to."""
    lock = Lock({"a:1": ONE}).with_new({"a:1": TWO, "b:1": THREE})
    assert lock == Lock({"a:1": ONE, "b:1": THREE})
    assert lock.find("docker.io/library/a:1") == ONE


def test_rollback_undoes_one_update_after_the_other() -> None:
    """Only what an update changed goes back; images that were locked since stay."""
    first = Lock({"a:1": ONE, "b:1": ONE})
    second = first.updated({"a:1": TWO, "b:1": ONE})
    third = second.with_new({"c:1": THREE}).updated({"a:1": THREE})
    assert third.rolled_back().pins == {"a:1": TWO, "b:1": ONE, "c:1": THREE}
    assert third.rolled_back().rolled_back() == Lock({"a:1": ONE, "b:1": ONE, "c:1": THREE})
    with pytest.raises(ValueError, match="no lock before"):
        first.rolled_back()


def test_an_update_that_changes_nothing_is_none() -> None:
    """No generation is made of it."""
    lock = Lock({"a:1": ONE})
    assert lock.updated({"a:1": ONE}) == lock


def test_so_many_locks_are_kept_and_no_more() -> None:
    """The oldest goes."""
    lock = Lock({"a:1": ONE})
    for number in range(GENERATIONS + 5):
        lock = lock.updated({"a:1": (ONE, TWO)[(number + 1) % 2]})
    assert len(lock.before) == GENERATIONS


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    """Generations and odd names too; and the same lock is always the same text."""
    lock = Lock({"b:1": ONE, "127.0.0.1:5000/x:1e3": RemoteImage(TWO.digest, ())}).updated({"b:1": TWO}).updated({"b:1": THREE})
    for some in (lock, Lock(), Lock({"a:1": ONE})):
        path = tmp_path / "fleet.lock.yml"
        path.write_text(render(some))
        assert read(path) == some
        assert render(read(path)) == path.read_text()
    turned = Lock(dict(reversed(lock.pins.items())), lock.before)
    assert render(turned) == render(lock)


GOOD = f"version: 1\nimages:\n  'a:1':\n    digest: {ONE.digest}\n    platforms: [linux/amd64]\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD.replace("version: 1", "version: 2"), 1, "version"),
        (GOOD.replace("'a:1'", "a"), 3, "write a:latest"),
        (GOOD.replace("'a:1'", "'A:1'"), 3, "is not an image reference"),
        (GOOD.replace("'a:1'", f"'a@{ONE.digest}'"), 3, "needs no lock"),
        (GOOD.replace(ONE.digest, "sha256:12"), 4, "images.a:1.digest"),
        (GOOD.replace("platforms", "platform"), 5, "did you mean 'platforms'?"),
        (GOOD.replace("[linux/amd64]", "linux/amd64"), 5, "expected a list"),
        (GOOD.replace("[linux/amd64]", "[-x]"), 5, "expected text that matches"),
        (GOOD + "before: {}\n", 6, "expected a list"),
        ("images: {}\n", None, "the key 'version' is missing"),
        ("version: 1\nimages: [\n", 3, ""),
        (f"<<<<<<< HEAD\n{GOOD}", 1, "expected keys with values"),
        ("", None, "the file is empty"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    """The file is for people too, and version control may have left its marks in it."""
    path = tmp_path / "fleet.lock.yml"
    path.write_text(text)
    with pytest.raises(LockError) as caught:
        LockFile(path)
    assert (f"{path}:{line}: " if line else f"{path}: ") in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\n"])
def test_the_hint_is_for_a_lock(tmp_path: Path, text: str) -> None:
    """Nobody writes one by hand, so words about keys and examples would lead astray."""
    (tmp_path / "fleet.lock.yml").write_text(text)
    with pytest.raises(LockError) as caught:
        LockFile(tmp_path / "fleet.lock.yml")
    assert "take it from version control" in caught.value.hint


def test_what_is_looked_up_is_locked_at_once(tmp_path: Path) -> None:
    """A run that is broken off leaves the same images for the next one; the first answer wins."""
    path = tmp_path / "fleet.lock.yml"
    file = LockFile(path, writes=True)
    assert file.learn("busybox", ONE) == ONE
    assert file.learn("docker.io/busybox:latest", TWO) == ONE
    assert file.learn(f"busybox@{TWO.digest}", TWO) == TWO
    assert read(path) == Lock({"busybox:latest": ONE})
    assert path.read_text().startswith(HEAD)
    assert file.learnt == ("busybox:latest",)


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    """It says what provision would lock."""
    file = LockFile(tmp_path / "fleet.lock.yml")
    file.learn("busybox", ONE)
    assert file.learnt == ("busybox:latest",)
    assert [*tmp_path.iterdir()] == []


def test_a_lock_that_can_not_be_written_stops_no_host(tmp_path: Path) -> None:
    """It is told at the end; a command on the lock itself fails."""
    file = LockFile(tmp_path / "missing" / "fleet.lock.yml", writes=True)
    assert file.learn("busybox", ONE) == ONE
    assert "can't be written" in file.problem
    assert file.learnt == ("busybox:latest",)
    assert file.locked == ()
    with pytest.raises(LockError):
        file.change(lambda lock: lock)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file may lie elsewhere, for several projects."""
    (tmp_path / "shared.yml").write_text("version: 1\n")
    link = tmp_path / "fleet.lock.yml"
    link.symlink_to("shared.yml")
    LockFile(link, writes=True).learn("busybox", ONE)
    assert link.is_symlink()
    assert read(tmp_path / "shared.yml").find("busybox") == ONE
