"""Words that would run if anything took them for more than text: written everywhere, and never run, here or on the host.

The places of files in which they are refused, so that they reach no host, are tested in tests/unit/test_bad_inputs.py.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote

import pytest

from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.support.project import CLONE, Project

pytestmark = [pytest.mark.lab, pytest.mark.slow]

CANARIES = tomllib.loads((CLONE / "tests" / "bad_inputs" / "canaries.toml").read_text(encoding="utf-8"))
FILE, WORDS = Path(CANARIES["file"]), CANARIES["words"]


@pytest.fixture(autouse=True)
def _none_here() -> Iterator[None]:
    """The canary's file must not come into being on this side."""
    FILE.unlink(missing_ok=True)
    yield
    assert not FILE.exists()


def _none_there(host: Host) -> None:
    found = host.exec(["find", "/", "-xdev", "-name", f"{FILE.name}*", "-not", "-path", "/proc/*"]).stdout
    assert found == ""


def _variables() -> dict[str, str]:
    return {f"v{number}": word for number, word in enumerate(WORDS)}


def test_words_in_files_are_data(converged: Callable[..., Host], project: Project) -> None:
    """Inventory and recipe full of them: plan, provision with a change, and verify run, and they stay words."""
    host = converged()
    host.exec("gpasswd -d pi docker; rm /etc/apt/sources.list.d/docker.sources")
    project.inventory([host], **{host.name.replace("-", "_"): {"vars": _variables()}})
    project.recipe("canary", description=" ".join(WORDS), vars={f"r{n}": w for n, w in enumerate(WORDS)})
    one_line = [word for word in WORDS if "\n" not in word]  # more than that is refused on the command line
    extra = [part for number, word in enumerate(one_line) for part in ("-e", f"e{number}={word}")]
    for verb in ("plan", "provision", "verify"):
        said = project.fleet(verb, "--all", "-r", "canary", "-vv", *extra)
        assert said.code == 0, said
    _none_there(host)


def test_words_of_a_command_are_data(fresh_host: MakeHost, project: Project) -> None:
    """`fleet run` hands each word on as it is, to bash and to fish, as the user and as root."""
    host = fresh_host()
    project.write_inventory({user: project.entry(host, user=user) for user in ("pi", "fishy")})
    for sudo in ((), ("--sudo",)):
        said = project.fleet("run", "--all", "--json", *sudo, "--", "printf", "%s\\0", *WORDS)
        assert said.code == 0, said
        for each in said.hosts().values():
            assert each["output"]["out"].split("\0")[:-1] == WORDS, said
    _none_there(host)


def test_words_that_a_host_says_are_data(fresh_host: MakeHost, project: Project) -> None:
    """A host whose own files are full of them is described and refused; nothing runs there or here."""
    word = WORDS[1]
    lines = {"ID": "debian", "ID_LIKE": word, "VERSION_CODENAME": word, "PRETTY_NAME": word, "UBUNTU_CODENAME": "`touch /tmp/x`"}
    files = {
        "etc/os-release": "".join(f"{key}='{value}'\n" for key, value in lines.items()),
        "etc/apt/sources.list.d/evil.list": f"deb https://download.docker.com/linux/debian {word} stable\n",
        "etc/apt/sources.list.d/evil.sources": f"Types: deb\nURIs: https://download.docker.com/{word}\nSuites: {word}\n",
        "etc/docker/daemon.json": json.dumps({"hosts": [word], "data-root": word}),
    }
    host = fresh_host(files=files)
    project.inventory([host])
    first = project.fleet("plan", "--all")
    assert "can't be" in first.out, first
    host.exec("sed -i -e 's/^VERSION_CODENAME=.*/VERSION_CODENAME=trixie/' -e '/^UBUNTU/d' -e '/^ID_LIKE/d' /etc/os-release")
    name = "/etc/apt/sources.list.d/a b$(touch fleet-canary).list"
    host.write(name, "deb https://download.docker.com/linux/debian trixie stable\n")
    facts = project.fleet("facts", "--all", "--json")
    assert facts.code == 0, facts
    for verb in ("plan", "provision"):
        said = project.fleet(verb, "--all", "-vv")
        assert said.code == 1, said
        assert "blocked" in said.out, said
    plan = project.fleet("plan", "--all", "--json").hosts()[host.name]["plan"]
    hints = [step["hint"] for step in plan["steps"] if step.get("hint")]
    assert any(quote(name) in hint for hint in hints), hints
    _none_there(host)
