"""Images are built on the hosts from a folder of the laptop; what is built is not built again, and only what differs is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.host import Host
from tests.support.ask import blocked
from tests.support.project import Project, Said

pytestmark = [pytest.mark.lab, pytest.mark.slow]

DOCKERFILE = """\
ARG BASE=scratch
FROM ${BASE}
ARG WORD=nothing
COPY . /app
RUN echo "$WORD" > /word
CMD ["sh", "/app/say it.sh"]
"""


def log(project: Project, said: Said, host: Host) -> str:
    """The log of one host of that run."""
    return (project.folder / said.hosts()[host.name]["log"]).read_text()


def write(folder: Path) -> None:
    """A context with a name that needs quoting, a link, an empty folder, and files that are not to be sent."""
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / ".dockerignore").write_text("# not for the image\n*.secret\nvendor/*\n!vendor/kept\n")
    (folder / "say it.sh").write_text("cat /app/text /word\n")
    (folder / "text").symlink_to("words/it's $(touch canary.$PPID)")
    (folder / "words").mkdir()
    (folder / "words" / "it's $(touch canary.$PPID)").write_text("first\n")
    (folder / "empty").mkdir()
    (folder / "vendor").mkdir()
    for name in ("kept", "left-out"):
        (folder / "vendor" / name).write_text(name)
    (folder / "key.secret").write_text("hush")
    (folder / "big").write_bytes(bytes(range(256)) * 4096)


def test_building(converged: Callable[..., Host], project: Project) -> None:
    """Built once, not twice; a changed word sends one file; a file that went is gone there too; another base is refused."""
    host = converged()
    project.inventory([host])
    folder = project.folder / "recipes" / "shop"
    write(folder / "context")
    image = {"tag": "shop/web:1", "context": "context", "bases": {"BASE": "busybox:1.35"}, "args": {"WORD": "it's; $(reboot)"}}
    recipe = project.recipe("shop/recipe", builds={"images": [image]})
    provision = ("provision", "--all", "--recipe", "shop", "--json", "-v")

    planned = project.fleet("plan", "--all", "--recipe", "shop")
    assert planned.code == 0, planned
    assert "build shop/web:1" in planned.out
    assert host.exec("ls /var/cache/fleet", check=False).stdout == ""

    done = project.fleet(*provision)
    assert done.code == 0, done
    assert done.changed(host.name) == ["builds"]
    assert host.exec("docker run --rm shop/web:1").stdout == "first\nit's; $(reboot)\n"
    there = host.exec("docker run --rm shop/web:1 sh -c 'cd /app; ls -a; ls vendor'").stdout.split("\n")
    assert {"big", "empty", "kept"} <= set(there)
    assert not {"key.secret", "left-out"} & set(there)
    assert host.exec("find / -xdev -name 'canary.[0-9]*'").stdout == ""
    assert project.fleet(*provision).changed(host.name) == []

    (folder / "context" / "words" / "it's $(touch canary.$PPID)").write_text("second\n")
    (folder / "context" / "empty").rmdir()
    again = project.fleet(*provision)
    assert again.changed(host.name) == ["builds"]
    assert "1 of " in log(project, again, host)
    assert host.exec("docker run --rm shop/web:1").stdout.startswith("second\n")
    assert "empty" not in host.exec("docker run --rm shop/web:1 ls /app").stdout
    assert project.fleet(*provision).changed(host.name) == []

    host.exec("docker tag busybox:latest shop/web:1 || { docker pull -q busybox && docker tag busybox shop/web:1; }")
    assert project.fleet("verify", "--all", "--recipe", "shop").code == 3  # somebody put another image there
    assert project.fleet(*provision).changed(host.name) == ["builds"]

    image["bases"] = {"BASE": "example/arm64-only"}
    recipe.write_text(recipe.read_text().replace("busybox:1.35", "example/arm64-only").replace("web:1", "web:2"))
    why, hint = blocked(project.fleet("provision", "--all", "--recipe", "shop", "--json"), host)
    assert "shop/web:2 can't be built for linux/amd64: its base example/arm64-only is made for linux/arm64" in why
    assert "--exclude" in hint


def test_a_build_that_fails(converged: Callable[..., Host], project: Project) -> None:
    """The host has failed with what the Dockerfile's own command said, and the step is tried anew next time."""
    host = converged()
    project.inventory([host])
    folder = project.folder / "recipes" / "context"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text('FROM busybox\nRUN echo "the disk is made of cheese" >&2; exit 7\n')
    project.recipe("bad", builds={"images": [{"tag": "bad:1", "context": "context"}]})
    done = project.fleet("provision", "--all", "--recipe", "bad", "--json")
    assert done.code == 1, done
    [step] = [s for s in done.hosts()[host.name]["steps"] if s["outcome"] == "failed"]
    assert step["step"] == "builds"
    assert "exit code: 7" in step["why"]
    assert "the disk is made of cheese" in log(project, done, host)
    (folder / "Dockerfile").write_text("FROM busybox\n")
    assert project.fleet("provision", "--all", "--recipe", "bad", "--json").changed(host.name) == ["builds"]


def test_a_context_that_is_not_there(converged: Callable[..., Host], project: Project) -> None:
    """Said before the host is asked, with the folder's name; or of the host, where a fact of it decides which folder."""
    host = converged()
    project.inventory([host])
    project.recipe("lost", builds={"images": [{"tag": "lost:1", "context": "nowhere"}]})
    said = project.fleet("provision", "--all", "--recipe", "lost")
    assert said.code == 2, said
    assert "recipes/lost.yml:6: builds.images[0].context: there is no folder 'recipes/nowhere'" in said.err
    assert "connect" not in said.err

    project.recipe("lost", builds={"images": [{"tag": "lost:1", "context": "nowhere-${facts.architecture}"}]})
    why, hint = blocked(project.fleet("provision", "--all", "--recipe", "lost", "--json"), host)
    assert why == "the build context recipes/nowhere-amd64 is no folder"
    assert "from the folder of the recipe" in hint
