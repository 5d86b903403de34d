"""Logins at registries: known again by a mark, made with the password over stdin, and never shown."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.catalog import Resolver
from fleet.facts.logins import CONFIG, LOGINS, Logins, read_logins
from fleet.model import Blocked, Catalog, Change, Facts, Login, Plan, Satisfied, Unavailable, Verdict
from fleet.plan import build, chosen
from fleet.plan.saved import plan_to_data
from fleet.queries import LoginMark, LoginQuery
from fleet.steps import STEPS
from fleet.steps.login import LoginOptions
from fleet.tasks.registries import login_script
from tests.support.golden import golden
from tests.support.planning import HOST, options_of

FACTS = golden("daemon-settings").facts
QUERY = LoginQuery("ghcr.io", "ann", "GHCR_TOKEN")
SECTION = {"registries": [{"registry": "ghcr.io", "user": "ann", "password_from": "GHCR_TOKEN"}]}
KEYRING = golden("daemon-settings").recipe["keyring"]


def planned(facts: Facts, answer: object) -> tuple[Plan, Verdict]:
    """The plan and the step's verdict when the laptop answers this."""
    recipe = {"login": SECTION, "keyring": KEYRING}
    found = build(HOST, "test", chosen(STEPS, tuple(recipe)), facts, options_of(recipe), Catalog({QUERY: answer}))
    assert isinstance(found, Plan), found
    return found, next(p.verdict for p in found.steps if p.step == "login")


@pytest.mark.parametrize(
    "there",
    [
        Logins(),
        Logins((("ghcr.io", "ann"),)),
        Logins((), (("ghcr.io", "ann", "m"),)),
        Logins((("ghcr.io", "bob"),), (("ghcr.io", "ann", "m"),)),
        Logins((("ghcr.io", "ann"),), (("ghcr.io", "ann", "of another password"),)),
    ],
)
def test_missing_or_another(there: Logins) -> None:
    """Not there, made by hand, logged out, another user's, made with another password: all are logged in anew, once."""
    _, found = planned(FACTS.but(LOGINS, there), LoginMark("ann", "m"))
    assert isinstance(found, Change)
    assert found.actions == (Login("ghcr.io", "ann", "m", "GHCR_TOKEN"),)
    assert isinstance(planned(found.after(FACTS.but(LOGINS, there)), LoginMark("ann", "m"))[1], Satisfied)


def test_no_password() -> None:
    """Blocked in the laptop's words."""
    _, found = planned(FACTS, Unavailable("no password", "Set GHCR_TOKEN."))
    assert found == Blocked("no password", "Set GHCR_TOKEN.")


@pytest.mark.parametrize(
    "entry",
    [{"registry": "https://ghcr.io"}, {"registry": "a b"}, {"registry": "a:65536"}, {"registry": "a:0"},
     {"registry": "ghcr.io", "password_from": "X"},
     {"registry": "ghcr.io", "user": "-x"}, {"registry": "ghcr.io", "user": "a", "password_from": "pass word"},
     {"registry": "ghcr.io", "password": "secret"}],
)  # fmt: skip
def test_mistakes_are_refused(entry: dict[str, Any]) -> None:
    """Also a password in a recipe: there is no option for it."""
    with pytest.raises(ValidationError):
        LoginOptions.model_validate_json(json.dumps({"registries": [entry]}))


def test_a_registry_has_one_login() -> None:
    """Of two, each run would undo the one before; Docker Hub has several names."""
    entries = [{"registry": "docker.io", "user": "a"}, {"registry": "index.docker.io", "user": "b"}]
    with pytest.raises(ValidationError, match="stands here twice"):
        LoginOptions.model_validate_json(json.dumps({"registries": entries}))


def test_the_laptops_passwords(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A variable, else its command, else docker login's own; the mark tells logins apart and has no password in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    none = Resolver().resolve([QUERY])[QUERY]
    assert isinstance(none, Unavailable)
    assert "GHCR_TOKEN_COMMAND" in none.why
    monkeypatch.setenv("GHCR_TOKEN_COMMAND", "echo canary; echo second line")
    resolver = Resolver()
    printed = resolver.resolve([QUERY])[QUERY]
    assert resolver.login(QUERY).password.reveal() == "canary"
    monkeypatch.setenv("GHCR_TOKEN", "canary")
    assert Resolver().resolve([QUERY])[QUERY] == printed
    monkeypatch.setenv("GHCR_TOKEN", "another")
    assert Resolver().resolve([QUERY])[QUERY] != printed
    assert "canary" not in repr(printed)

    own = LoginQuery("ghcr.io")
    assert isinstance(Resolver().resolve([own])[own], Unavailable)
    auth = base64.b64encode(b"ann:canary").decode()
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {"ghcr.io": {"auth": auth}}}))
    assert Resolver().resolve([own])[own] == printed


def test_plans_and_scripts_have_no_password() -> None:
    """The plan names the variable; the script reads stdin, and quotes what it is given."""
    found, _ = planned(FACTS, LoginMark("ann", "m"))
    assert '"variable": "GHCR_TOKEN"' in json.dumps(plan_to_data(found))
    script = login_script(Login("ghcr.io", "a$b", "m"))
    assert "login --username 'a$b' --password-stdin ghcr.io" in script
    assert script_ends(login_script(Login("docker.io", "ann", "m")))


def script_ends(script: str) -> bool:
    """The Hub has no name in `docker login`."""
    return any(line.endswith("--password-stdin") for line in script.splitlines())


@pytest.mark.parametrize("user", ["ann", "a", "robot$fleet+pull", "x" * 70])
def test_the_probe_tells_users_and_no_passwords(user: str, tmp_path: Path) -> None:
    """Run by a real sh and perl on a real file, as Docker indents it; entries with a helper have no user."""
    auth = base64.b64encode(f"{user}:canary".encode()).decode()
    file = tmp_path / "config.json"
    auths = {"https://index.docker.io/v1/": {"auth": auth}, "ghcr.io": {"auth": auth}, "helped.test": {}}
    file.write_text(json.dumps({"auths": auths, "credHelpers": {"helped.test": "x"}}, indent="\t"))
    script = LOGINS.script.replace(CONFIG, str(file)).replace("/var/lib/fleet/logins", str(tmp_path / "none"))
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, env=dict(os.environ)).stdout
    assert read_logins(said).kept == (("docker.io", user), ("ghcr.io", user), ("helped.test", ""))
    assert "canary" not in said
