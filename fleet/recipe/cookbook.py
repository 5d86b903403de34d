"""Where recipes lie and how they are put together: folders of files to a Recipe, its includes merged below it.

`./recipes` is searched first, then the recipes that ship with fleet: `<name>.yml`, or `<name>/recipe.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fleet.errors import RecipeError
from fleet.files.documents import Document, load
from fleet.files.problems import Place, Problem, explain, listing, placed, raise_all, show, suggest
from fleet.model import Data
from fleet.recipe import Head, Recipe, Steps
from fleet.recipe.conditions import KEY, misshapen
from fleet.recipe.paths import from_folder
from fleet.recipe.substitution import references

FOLDER = Path("recipes")
_SUFFIXES = (".yml", ".yaml")
_DEEPEST = 16
"""Includes in includes."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_SHIPPED = "docker.yml"


def shipped() -> Path:
    """The folder of the recipes that ship with fleet: inside the package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "recipes"
    return inside if (inside / _SHIPPED).is_file() else package.parent / "recipes"


@dataclass(frozen=True, slots=True)
class Listed:
    """A recipe that can be named. ``problem`` says why it can't be read, if so."""

    name: str
    path: Path
    description: str = ""
    problem: str = ""


class Recipes:
    """The recipes of some folders, the first folder winning. Each is read once."""

    def __init__(self, folders: Sequence[Path] | None = None, steps: Steps | None = None) -> None:
        self._folders = (FOLDER, shipped()) if folders is None else tuple(folders)
        self._steps = _all_steps() if steps is None else steps
        self._loaded: dict[str, Recipe] = {}
        self._read: dict[Path, _Layer] = {}

    def load(self, name: str) -> Recipe:
        """The recipe of this name, or in the file of this path; RecipeError with all that is wrong."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def listing(self) -> list[Listed]:
        """Every recipe by name."""
        return [self._listed(name, path) for name, path in sorted(self._all().items())]

    def _listed(self, name: str, path: Path) -> Listed:
        try:
            return Listed(name, path, self.load(name).description)
        except RecipeError as problem:
            return Listed(name, path, problem=str(problem))

    def _load(self, name: str) -> Recipe:
        if _is_path(name):
            path = Path(name).expanduser()
            layer = self._layer(path, (path.parent, *self._folders), ())
        else:
            layer = self._layer(self._find(name, self._folders), self._folders, ())
        return Recipe(
            name=name,
            description=layer.description,
            sections={n: {key: v for key, v in data.items() if key != KEY} for n, data in layer.sections.items()},
            vars=layer.vars,
            sources=layer.sources,
            places=layer.places,
            steps=self._steps,
            conditions={name: when for name, data in layer.sections.items() if isinstance(when := data.get(KEY), dict)},
        )

    def _all(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for name, path in _in(folder):
                found.setdefault(name, path)
        return found

    def _find(self, name: str, folders: Sequence[Path], place: tuple[str, int | None] = ("", None)) -> Path:
        found = _lookup(name, folders)
        if found:
            return found
        known = self._all()
        text = f"there is no recipe {show(name)}{suggest(name, known)}"
        hint = f"recipes are: {listing(known, 30)}; a path needs a / in it, as in ./{'my' if '/' in name else name}.yml"
        raise RecipeError(text, hint, path=place[0], line=place[1])

    def _layer(self, path: Path, folders: Sequence[Path], above: tuple[Path, ...]) -> _Layer:
        """The file with its includes below it. ``above`` are the files that led here."""
        if path not in self._read:
            document = load(path, RecipeError)
            head = _checked(document, self._steps)
            below = _Layer()
            for index, name in enumerate(head.include or ()):
                included = self._include(document, index, name, folders, (*above, path))
                below = below.under(included)
            self._read[path] = below.under(_Layer.of(document, self._steps))
        return self._read[path]

    def _include(self, document: Document, index: int, name: str, folders: Sequence[Path], above: tuple[Path, ...]) -> _Layer:
        where, line = document.locate(("include", index))
        path = self._find(name, folders, (where, line))
        names = " → ".join(str(p) for p in (*above, path))
        if any(path.samefile(other) for other in above):
            raise RecipeError(f"recipes include each other: {names}", "remove one of the includes", path=where, line=line)
        if len(above) > _DEEPEST:
            hint = "include what is needed directly"
            raise RecipeError(f"includes go more than {_DEEPEST} deep: {names}", hint, path=where, line=line)
        return self._layer(path, folders, above)


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith(_SUFFIXES)


def _lookup(name: str, folders: Sequence[Path]) -> Path | None:
    if not _NAME.fullmatch(name):
        return None
    candidates = (f / relative for f in folders for relative in (f"{name}.yml", f"{name}.yaml", f"{name}/recipe.yml"))
    return next((path for path in candidates if path.is_file()), None)


def _in(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in _SUFFIXES and _NAME.fullmatch(path.stem) and path.is_file():
            yield path.stem, path
        elif (path / "recipe.yml").is_file():
            yield path.name, path / "recipe.yml"


# ── one file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Layer:
    """One file, or several merged."""

    description: str = ""
    sections: Mapping[str, Mapping[str, Data]] = field(default_factory=dict)
    vars: Mapping[str, Data] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    places: Mapping[Place, tuple[str, int | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Document, steps: Steps) -> _Layer:
        """A checked document, with the paths in it as the laptop opens them."""
        data: dict[str, Any] = from_folder(document.data, steps, Path(document.path).parent)
        return cls(
            description=data.get("description") or "",
            sections={name: value or {} for name, value in data.items() if name not in Head.model_fields},
            vars=data.get("vars") or {},
            sources=(document.path,),
            places={place: (document.path, line) for place, line in document.lines.items()},
        )

    def under(self, above: _Layer) -> _Layer:
        """This layer with another one over it."""
        return _Layer(
            description=above.description,
            sections=_merge(dict(self.sections), dict(above.sections)),
            vars={**self.vars, **above.vars},
            sources=tuple(dict.fromkeys((*self.sources, *above.sources))),
            places={**self.places, **above.places},
        )


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Key by key; lists and plain values are replaced, never joined."""
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = _merge(below[key], above[key])
    return merged


def _checked(document: Document, steps: Steps) -> Head:
    """The head of a recipe whose keys are all known and of the right shape."""
    data = {key: value for key, value in document.data.items() if key in Head.model_fields}
    problems = [*_odd_sections(document, [step.name for step in steps]), *_references_in_vars(data.get("vars"))]
    head = Head()
    try:
        head = Head.model_validate(data)
    except ValidationError as found:
        problems += explain(found, Head, data)
    if problems:
        raise_all(placed(problems, document.locate), RecipeError)
    return head


def _odd_sections(document: Document, steps: list[str]) -> Iterator[Problem]:
    known = [*Head.model_fields, *steps]
    for name, value in document.data.items():
        if name not in known:
            text = f"unknown key {show(name)}{suggest(name, known)}"
            yield Problem(text, f"allowed here: {listing(known, 30)}", (name,))
        elif name in steps and not isinstance(value, dict | None):
            hint = "leave the whole section out" if value is False else f"`{name}: {{}}` takes the defaults"
            yield Problem(f"{name}: expected keys with values, got {show(value)}", hint, (name,))
        elif name in steps and isinstance(value, dict):
            yield from misshapen(value.get(KEY), (name, KEY))


def _references_in_vars(values: Data) -> Iterator[Problem]:
    for name, value in values.items() if isinstance(values, dict) else ():
        if references(value):
            text = f"vars.{name}: a var can't refer to others: it is put in as it is"
            yield Problem(text, "write the value out", ("vars", name))


def _all_steps() -> Steps:
    from fleet.steps import STEPS

    return STEPS
