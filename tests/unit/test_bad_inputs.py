"""Hostile and mistaken files: every one in tests/bad_inputs is refused in the words that expected.toml names."""

from __future__ import annotations

import errno
import json
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import FileError, FleetError, InventoryError, RecipeError
from fleet.facts import NAMES
from fleet.inventory import read
from fleet.model import LOCAL
from fleet.recipe.cookbook import Recipes
from fleet.recipe.substitution import Scope

FOLDER = Path(__file__).parents[1] / "bad_inputs"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text())
CANARIES: dict[str, Any] = tomllib.loads((FOLDER / "canaries.toml").read_text())
PLACES = [(kind, place["text"], place["outcome"]) for kind in ("inventory", "recipe") for place in CANARIES[kind]]


def use(kind: str, file: Path) -> None:
    """Read a file as `fleet validate` does."""
    if kind == "inventory":
        read(file)
    else:
        Recipes((file.parent,)).load(file.stem).check(Scope(fact_names=NAMES))


def test_every_file_has_an_expectation() -> None:
    """No file lies around unused, and there are enough of them."""
    assert {str(file.relative_to(FOLDER)) for file in FOLDER.glob("*/*.yml")} == set(EXPECTED)
    assert len(EXPECTED) >= 40


@pytest.mark.parametrize("name", EXPECTED)
def test_refused_in_words(name: str) -> None:
    """Path, line, what is wrong and what to do; quickly, on few and printable lines, and without a traceback."""
    expected, file = EXPECTED[name], FOLDER / name
    began = time.process_time()
    with pytest.raises(FileError) as caught:
        use(file.parent.name, file)
    assert time.process_time() - began < 5
    error = caught.value
    assert isinstance(error, InventoryError if file.parent.name == "inventory" else RecipeError)
    assert expected["message"] in str(error)
    assert expected.get("hint", "") in error.hint
    assert (error.line or 0) == expected["line"]
    assert str(error).startswith(str(FOLDER))
    for line in [*str(error).splitlines(), error.hint]:
        assert line.isprintable()
        assert len(line) < 1000
    assert not Path(CANARIES["file"]).exists()


@pytest.mark.parametrize("word", CANARIES["words"])
@pytest.mark.parametrize(("kind", "text", "outcome"), PLACES)
def test_canaries(kind: str, text: str, outcome: str, word: str, tmp_path: Path) -> None:
    """A word that a shell would obey is refused wherever it would reach a host, and is plain data elsewhere."""
    file = tmp_path / "case.yml"
    file.write_text(text.replace("WORD", json.dumps(word)))
    if outcome == "data":
        use(kind, file)
    else:
        with pytest.raises(FleetError):
            use(kind, file)
    assert not Path(CANARIES["file"]).exists()


@pytest.mark.parametrize("filler", ["[", "{a: ", "- ", "? ", "a: &a [*a]\n", "'", '"', "|", "%", "&a ", "!a ", "[a, "])
def test_megabytes_of_nonsense(filler: str, tmp_path: Path) -> None:
    """A large file made to be hard to parse is refused in a moment."""
    file = tmp_path / "case.yml"
    file.write_text("hosts: " + filler * (2_000_000 // len(filler)))
    began = time.process_time()
    with pytest.raises(InventoryError):
        read(file)
    assert time.process_time() - began < 20


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says so. (Root may read everything, so opening is made to fail.)"""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    file = tmp_path / "case.yml"
    file.write_text("hosts: {}")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InventoryError, match="can't be read: Permission denied"):
        read(file)


def test_local_is_only_the_exact_word(tmp_path: Path) -> None:
    """Look-alikes of `local` don't run anything on this machine."""
    file = tmp_path / "case.yml"
    file.write_text("hosts: {a: {address: Local}, b: {address: localhost}, c: {address: local.}}")
    assert [host.address == LOCAL for host in read(file)] == [False, False, False]
