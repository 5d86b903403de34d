"""Docker contexts and what ssh is told: files that are written, written once, taken out, and left alone where not ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fleet import contexts
from fleet.contexts import ContextError, Places, meta, sshfile
from fleet.errors import InventoryError, UsageError
from fleet.model import LOCAL, Host
from fleet.remote import Settings

GATE = Host("gate", "gate.example", user="ann", port=2222)
INNER = Host("inner", "10.0.0.5", user="pi", key="/keys/my key", gateway="gate")
KNOWN = {host.name: host for host in (GATE, INNER)}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A home that has neither docker's files nor ssh's."""
    return Places(tmp_path / ".docker", tmp_path / ".ssh")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Without anybody's ssh_config."""
    return Settings(use_ssh_config=False, known_hosts=tmp_path / "known_hosts")


def _outcomes(found: tuple[contexts.Context, ...]) -> list[str]:
    return [each.outcome for each in found]


def test_the_file_of_a_context(places: Places, settings: Settings) -> None:
    """At the place and in the shape of docker/cli, cli/context/store/metadatastore.go."""
    assert _outcomes(contexts.write([GATE], KNOWN, settings, places, "")) == ["written"]
    (path,) = places.docker.rglob("meta.json")
    assert path.parent.name == "c974e17b8e7321ce8c12983de3d0ed4a289821f579bbe0925b0181a4bc8e8d80"  # printf gate | sha256sum
    data = json.loads(path.read_text())
    assert data["Name"] == "gate"
    assert data["Endpoints"] == {"docker": {"Host": "ssh://fleet-gate", "SkipTLSVerify": False}}
    assert data["Metadata"]["Description"] == "gate, by fleet"


def test_written_once(places: Places, settings: Settings) -> None:
    """The second time nothing is touched."""
    contexts.write([INNER], KNOWN, settings, places, "")
    before = {path: path.stat().st_mtime_ns for path in places.docker.parent.rglob("*") if path.is_file()}
    assert _outcomes(contexts.write([INNER], KNOWN, settings, places, "")) == ["ok"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_ssh_understands(places: Places, settings: Settings) -> None:
    """OpenSSH itself reads from it what the inventory says, the gateway included, and other hosts are as they were."""
    places.ssh.mkdir()
    (places.ssh / "config").write_text("Host *\n  User someone\n  Port 99\n")
    contexts.write([INNER], KNOWN, settings, places, "")

    def ssh(name: str) -> dict[str, str]:
        words = ["ssh", "-G", "-F", str(places.ssh / "config"), name]
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)

    inner, gate, other = ssh("fleet-inner"), ssh("fleet-gate"), ssh("other")
    assert (inner["hostname"], inner["user"], inner["port"]) == ("10.0.0.5", "pi", "22")
    assert (inner["identityfile"], inner["identitiesonly"], inner["proxyjump"]) == ("/keys/my key", "yes", "fleet-gate")
    assert inner["userknownhostsfile"].split()[0] == str(settings.known_hosts)
    assert (gate["hostname"], gate["user"], gate["port"]) == ("gate.example", "ann", "2222")
    assert (other["user"], other["port"]) == ("someone", "99")


def test_removing(places: Places, settings: Settings) -> None:
    """A gateway's block stays for as long as somebody goes through it; at the end both ssh files are as they were."""
    places.ssh.mkdir()
    (places.ssh / "config").write_text("Host *\n  User someone\n")
    contexts.write([GATE, INNER], KNOWN, settings, places, "")
    assert _outcomes(contexts.remove([GATE], places, "")) == ["removed"]
    assert set(sshfile.read(places.ssh)) == {"fleet-gate", "fleet-inner"}
    assert _outcomes(contexts.remove([INNER, GATE], places, "")) == ["removed", "skipped"]
    assert (places.ssh / "config").read_text() == "Host *\n  User someone\n"
    assert not (places.ssh / "fleet.conf").exists()


def test_others_contexts_are_left_alone(places: Places, settings: Settings) -> None:
    """A name that is taken stops it before anything is written; removing passes it over."""
    path = meta.path_of(places.docker, "inner")
    path.parent.mkdir(parents=True)
    path.write_text('{"Name":"inner","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://me@elsewhere"}}}')
    with pytest.raises(ContextError, match="which fleet has not made") as caught:
        contexts.write([GATE, INNER], KNOWN, settings, places, "")
    assert "--prefix" in caught.value.hint
    assert list(places.docker.rglob("meta.json")) == [path]
    assert not places.ssh.exists()
    assert _outcomes(contexts.remove([INNER], places, "")) == ["skipped"]
    assert "elsewhere" in path.read_text()
    assert _outcomes(contexts.write([INNER], KNOWN, settings, places, "fleet-")) == ["written"]


def test_the_context_in_use_stays(places: Places, settings: Settings) -> None:
    """docker would fail at every command if it were taken away."""
    contexts.write([GATE], KNOWN, settings, places, "")
    (places.docker / "config.json").write_text('{"currentContext": "gate"}')
    with pytest.raises(ContextError, match="in use") as caught:
        contexts.remove([GATE], places, "")
    assert "docker context use default" in caught.value.hint


@pytest.mark.parametrize("name", ["default", "x", "_x"])
def test_names_that_docker_does_not_take(name: str, places: Places, settings: Settings) -> None:
    """They are refused with a way out."""
    host = Host(name, "10.0.0.9")
    with pytest.raises(UsageError, match="docker takes no context") as caught:
        contexts.write([host], {name: host}, settings, places, "")
    assert "--prefix" in caught.value.hint


def test_this_machine_needs_none(places: Places, settings: Settings) -> None:
    """It is skipped in words."""
    (found,) = contexts.write([Host("here", LOCAL)], {}, settings, places, "")
    assert (found.outcome, found.why) == ("skipped", "this very machine is docker's context `default`")


def test_a_path_that_ssh_can_not_take(places: Places, settings: Settings) -> None:
    """It is refused, and nothing is written."""
    host = Host("pi-1", "10.0.0.9", key='/keys/a"b')
    with pytest.raises(InventoryError, match="can't stand in an ssh_config"):
        contexts.write([host], {}, settings, places, "")
    assert not places.ssh.exists()


def test_a_config_that_is_a_link(places: Places, settings: Settings, tmp_path: Path) -> None:
    """Dotfiles that are kept elsewhere stay links."""
    places.ssh.mkdir()
    (tmp_path / "dotfile").write_text("Host x\n")
    (places.ssh / "config").symlink_to(tmp_path / "dotfile")
    contexts.write([GATE], KNOWN, settings, places, "")
    assert (places.ssh / "config").is_symlink()
    assert (tmp_path / "dotfile").read_text().endswith("Host x\n")
