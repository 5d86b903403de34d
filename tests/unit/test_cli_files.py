"""The verbs that touch no network: init, hosts, validate, recipes, schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from fleet.cli import main
from fleet.cli.init import FILES

INVENTORY = """
defaults: {user: pi}
groups: {pis: , far: {gateway: desk}}
hosts:
  pi-1: {address: 192.0.2.1, groups: [pis]}
  pi-2: {groups: [pis, far], vars: {docker_mirror: "https://mirror.example"}}
  desk: {address: desk.example, recipe: own}
"""
OWN = "description: my own\ninclude: [docker]\nengine: {version: '28.5'}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an inventory and a recipe, which is the current one."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "recipes").mkdir()
    (tmp_path / "inventory" / "fleet.yml").write_text(INVENTORY)
    (tmp_path / "recipes" / "own.yml").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLEET_INVENTORY", raising=False)
    return tmp_path


def test_hosts_lists_the_whole_inventory(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without words, all of it: listing is not acting."""
    assert main(["hosts"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "HOST  ADDRESS       USER  PORT  RECIPE  GATEWAY  GROUPS",
        "pi-1  192.0.2.1     pi    -     docker  -        pis",
        "pi-2  pi-2          pi    -     docker  desk     pis, far",
        "desk  desk.example  pi    -     own     -        -",
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [(["pi-*"], ["pi-1", "pi-2"]), (["pis", "-x", "pi-1"], ["pi-2"]), (["--all"], ["pi-1", "pi-2", "desk"])],
)
def test_hosts_selects(project: Path, capsys: pytest.CaptureFixture[str], words: list[str], names: list[str]) -> None:
    """The words select as in every other verb; JSON has all settings."""
    assert main(["hosts", *words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == 1
    assert [host["name"] for host in said["hosts"]] == names
    assert set(said["hosts"][0]) == {"name", "address", "user", "port", "key", "gateway", "groups", "vars", "recipe"}


def test_hosts_knows_no_facts(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are with the hosts; another verb asks for them."""
    (project / "inventory" / "fleet.yml").write_text("hosts: {pi: }")
    assert main(["hosts", "fact:architecture=arm64"]) == 2
    assert "fleet facts" in capsys.readouterr().err


def test_init_starts_a_project_that_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it writes can be used at once, and a second call overwrites nothing."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "new"]) == 0
    assert "wrote new/inventory/fleet.yml" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "new")
    (tmp_path / "new" / FILES[0]).write_text("hosts: {mine: }\n")
    assert main(["init"]) == 0
    assert "kept  inventory/fleet.yml" in capsys.readouterr().out
    assert main(["validate"]) == 0
    assert main(["validate", "-r", "example"]) == 0
    assert main(["hosts"]) == 0
    assert "mine" in capsys.readouterr().out


def test_init_says_when_it_can_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in the way is no folder."""
    (tmp_path / "taken").write_text("")
    assert main(["init", str(tmp_path / "taken")]) == 2
    assert "hint: choose another folder" in capsys.readouterr().err


def test_validate_tells_all_that_is_wrong(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistake with file and line, of recipes that hosts use and of those that lie there; one exit code."""
    (project / "inventory" / "fleet.yml").write_text("hosts: {pi: {recipe: own}}")
    (project / "recipes" / "own.yml").write_text("engine: {version: 28.5}\ngroup: {users: ['${vars.who}']}\n")
    (project / "recipes" / "spare.yml").write_text("engin: {}\n")
    assert main(["validate"]) == 2
    said = capsys.readouterr()
    assert "recipes/own.yml:1: engine.version" in said.err
    assert "recipes/own.yml:2: group.users" in said.err
    assert "recipes/spare.yml:1: " in said.err
    assert "inventory inventory/fleet.yml: 1 host, all right" in said.out
    assert main(["validate", "pi", "-e", "who=ann", "--json"]) == 2
    assert [row["name"] for row in json.loads(capsys.readouterr().out)["recipes"]] == ["own"]


def test_recipes_are_listed_with_their_mistakes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The user's and the shipped ones; one that can't be read is an error and hides no other."""
    assert main(["recipes"]) == 0
    assert "own     my own" in capsys.readouterr().out
    (project / "recipes" / "bad.yml").write_text("engin: {}\n")
    assert main(["recipes"]) == 2
    said = capsys.readouterr()
    assert "own" in said.out
    assert "did you mean 'engine'" in said.err


def test_a_recipe_is_shown_with_its_sources(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Merged with its includes, as YAML, and each value with the file and line that it comes from."""
    assert main(["recipes", "own"]) == 0
    text = capsys.readouterr().out
    assert yaml.safe_load(text)["engine"] == {"version": "28.5"}
    assert any(line.split() == ["version:", '"28.5"', "#", "recipes/own.yml:3"] for line in text.splitlines())
    assert "docker.yml:" in text
    assert main(["recipes", "own", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["engine"] == {"version": "28.5"}


@pytest.mark.parametrize(("file", "example"), [("inventory", "inventory/fleet.yml"), ("recipe", "recipes/own.yml")])
def test_schemas_are_for_editors(project: Path, capsys: pytest.CaptureFixture[str], file: str, example: str) -> None:
    """A schema of JSON Schema 2020-12 that the files fit."""
    assert main(["schema", file]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((project / example).read_text()), schema)
