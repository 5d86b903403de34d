"""The laws of the house: who may import whom, and who may print."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FLEET = Path(__file__).parents[2] / "fleet"

ROOMS = (
    "errors",
    "model",
    "shell",
    "formats",
    "queries",
    "files",
    "facts",
    "inventory",
    "importing",
    "distros",
    "steps",
    "doctor",
    "containers",
    "recipe",
    "schemas",
    "lock",
    "plan",
    "events",
    "report",
    "logs",
    "console",
    "shipping",
    "catalog",
    "remote",
    "contexts",
    "proof",
    "fanout",
    "job",
    "tasks",
    "stages",
    "cli",
)
"""In the order in which a reader meets them."""

LIBRARIES = {
    "fabric": {"remote", "tasks"},
    "paramiko": {"remote", "tasks"},
    "invoke": {"remote", "tasks"},
    "rich": {"console"},
    "yaml": {"files", "importing"},
    "typer": {"cli"},
}
"""The only rooms that may know a library."""

PURE = ("model", "shell", "formats", "queries", "facts", "importing", "distros", "steps", "doctor", "containers", "plan")
IO_MODULES = {"socket", "subprocess", "urllib.request", "http.client", "threading", "time", "random", "secrets", "os"}


def _files() -> Iterator[tuple[str, Path]]:
    for path in sorted(FLEET.rglob("*.py")):
        parts = path.relative_to(FLEET).with_suffix("").parts
        if parts[0] not in ("__init__", "__main__", "templates"):
            yield parts[0], path


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "fleet":
                yield from (f"fleet.{alias.name}" for alias in node.names)


CASES = [pytest.param(room, path, id=str(path.relative_to(FLEET))) for room, path in _files()]


def test_every_room_is_on_the_map() -> None:
    """A new file at the top has its place in the order, and the README's map names it."""
    found = {room for room, _ in _files()}
    assert found == set(ROOMS)
    map_of_rooms = (FLEET.parent / "README.md").read_text(encoding="utf-8")
    assert [room for room in ROOMS if not re.search(rf"(?m)^ +{room}(\.py|/) ", map_of_rooms)] == []


@pytest.mark.parametrize(("room", "path"), CASES)
def test_rooms_import_only_from_rooms_above(room: str, path: Path) -> None:
    """Nothing flows back: a file imports from its own room and from those before it."""
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    others = {name.split(".")[1] for name in _imports(path) if name.startswith("fleet.")} - {"__version__"}
    assert others <= allowed, f"{path.name} in {room} may not import {sorted(others - allowed)}"


@pytest.mark.parametrize(("room", "path"), CASES)
def test_libraries_stay_in_their_rooms(room: str, path: Path) -> None:
    """SSH is known in two rooms, the screen in one, YAML in one."""
    used = {name.split(".")[0] for name in _imports(path)} & set(LIBRARIES)
    assert [name for name in used if room not in LIBRARIES[name]] == []


@pytest.mark.parametrize(("room", "path"), [c for c in CASES if c.values[0] in PURE])
def test_the_core_is_pure(room: str, path: Path) -> None:
    """No clock, no randomness, no processes, no network where plans are made."""
    assert set(_imports(path)) & IO_MODULES == set()


@pytest.mark.parametrize(("room", "path"), [c for c in CASES if c.values[0] != "console"])
def test_only_the_console_prints(room: str, path: Path) -> None:
    """No print, and no writing to the standard streams elsewhere."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            target = ast.unparse(node.func)
            assert target != "print", f"{path}:{node.lineno}"
            assert not target.startswith(("sys.stdout.", "sys.stderr.")), f"{path}:{node.lineno}"
