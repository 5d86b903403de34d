"""The laptop's own logins at registries: in Docker's file, or with the programs that keep them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.catalog import credentials
from fleet.catalog.credentials import Login, login, trouble
from fleet.shell import Secret

Install = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    credentials._ask.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Call it with a helper's name and its sh text; the file returned collects what it was given on stdin."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, text: str) -> Path:
        program, asked = folder / f"docker-credential-{name}", folder / f"{name}.asked"
        program.write_text(f'#!/bin/sh\n[ "$*" = get ] || exit 9\n{{ cat; echo; }} >>{asked}\n{text}\n')
        program.chmod(0o755)
        return asked

    return make


def config(laptop: Path, **content: object) -> None:
    """Write ~/.docker/config.json."""
    file = laptop / ".docker" / "config.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def test_a_helper_of_one_registry_and_a_store_for_all_others(laptop: Path, install: Install) -> None:
    """Each is asked by `get` with the registry on stdin, once in a run; the Hub goes by the name that Docker files it under."""
    own = install("own", """echo '{"ServerURL": "x", "Username": "ann", "Secret": "a:b"}'""")
    store = install("store", """echo '{"ServerURL": "x", "Username": "bob", "Secret": "pw"}'""")
    config(laptop, credHelpers={"registry.test": "own"}, credsStore="store", auths={"registry.test": {}})
    for _ in range(2):
        assert login("registry.test") == Login("ann", Secret("a:b"))
        assert login("docker.io") == Login("bob", Secret("pw"))
    assert (own.read_text(), store.read_text()) == ("registry.test\n", "https://index.docker.io/v1/\n")
    assert Login("bob", Secret("pw")).basic == "Ym9iOnB3"


def test_what_a_store_has_not_is_in_the_file(laptop: Path, install: Install) -> None:
    """Docker's helpers say it on stdout, with exit code 1; that is no trouble."""
    install("empty", "echo credentials not found in native keychain; exit 1")
    config(laptop, credsStore="empty", auths={"registry.test": {"auth": "YW5uOnB3"}})
    assert login("registry.test") == Login("ann", Secret("pw"))
    assert login("other.test") is None
    assert trouble("other.test") == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 3", "exit code 3"),
        ("echo nonsense", "an answer that is none"),
        ("""echo '{"Username": "<token>", "Secret": "canary"}'""", "an identity token"),
        ("""echo '{"Username": 5, "Secret": null}'""", "an identity token"),
    ],
)
def test_trouble_in_words(laptop: Path, install: Install, text: str, why: str) -> None:
    """A program that fails is named, and nothing that it printed is shown."""
    install("bad", text)
    config(laptop, credsStore="bad")
    assert login("registry.test") is None
    assert why in trouble("registry.test")
    assert "canary" not in trouble("registry.test")


@pytest.mark.parametrize("name", ["../../bin/sh", "a b", "", 5, None])
def test_only_names_of_programs(laptop: Path, name: object) -> None:
    """What is no plain name is never run."""
    config(laptop, credsStore=name)
    assert (login("registry.test"), trouble("registry.test")) == (None, "")


def test_a_login_is_masked() -> None:
    """However it is printed."""
    assert "canary" not in repr(Login("ann", Secret("canary")))
