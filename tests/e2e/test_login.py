"""Logins at a registry: a private image comes, a second run changes nothing, and the password is seen nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.box.tokens import PASSWORD, USER
from tests.lab.host import Host
from tests.support.ask import step
from tests.support.project import Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

PRIVATE = "example/private:1.0"


def test_a_private_image(converged: Callable[..., Host], project: Project) -> None:
    """Blocked without a password, refused with a wrong one, and then it is there; another password is another login."""
    host = converged()
    project.inventory([host])
    login = {"registries": [{"registry": "docker.io", "user": USER, "password_from": "HUB_TOKEN"}]}
    project.recipe("private", login=login, images={"pull": [PRIVATE]})
    words = ("--all", "--recipe", "private", "--json")

    none = project.fleet("plan", *words)
    (blocked,) = [row for row in none.hosts()[host.name]["plan"]["steps"] if row["step"] == "login"]
    assert (blocked["verdict"], "HUB_TOKEN" in blocked["why"]) == ("blocked", True), none

    wrong = project.fleet("provision", *words, HUB_TOKEN="canary-wrong")
    assert wrong.code == 1, wrong
    assert "incorrect username or password" in step(wrong, host, "login")["why"], wrong
    assert host.exec(["test", "-e", "/var/lib/fleet/logins"], check=False).returncode == 1

    file = project.folder / "plan.json"
    saved = project.fleet("plan", *words, "--out", str(file), HUB_TOKEN_COMMAND=f"echo {PASSWORD}")
    assert saved.code == 0, saved
    done = project.fleet("provision", str(file), "--json", "-vv", HUB_TOKEN=PASSWORD)
    assert done.code == 0, done
    assert done.changed(host.name) == ["login", "images"], done
    again = project.fleet("provision", *words, HUB_TOKEN=PASSWORD)
    assert (again.code, again.changed(host.name)) == (0, []), again
    other = project.fleet("plan", *words, HUB_TOKEN="another")
    assert [r["step"] for r in other.hosts()[host.name]["plan"]["steps"] if r["verdict"] == "change"] == ["login"], other
    host.exec("HOME=/root docker logout")
    assert project.fleet("provision", *words, HUB_TOKEN=PASSWORD).changed(host.name) == ["login"]

    logs = "".join(path.read_text(errors="replace") for path in (project.folder / "state").rglob("*.log"))
    told = (str(none), str(wrong), str(saved), str(done), str(again), logs, file.read_text(), host.exec("journalctl -q").stdout)
    assert [text for text in told if PASSWORD in text or "canary-wrong" in text] == []
    assert host.exec("stat -c %a /var/lib/fleet/logins /root/.docker/config.json").stdout.split() == ["600", "600"]
    assert Path(file).stat().st_mode & 0o777 == 0o600
