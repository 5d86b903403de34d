"""`fleet inventory import`: the command, with real files and programs."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.importing import SOURCES
from fleet.inventory import read
from tests.unit.importing.support import DATA, data

MINE = "# Mine.\nhosts:\n  pi:   # the first\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an inventory, a home of its own, and no programs."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "inventory" / "fleet.yml").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("FLEET_INVENTORY", raising=False)
    return tmp_path


def _program(project: Path, name: str, script: str) -> None:
    path = project / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_vagrant_up_and_up_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `vagrant ssh-config` prints is put behind the hosts; after another `up`, other ports take the place of the old."""
    _program(project, "vagrant", f'[ "$*" = ssh-config ] && while read -r l; do echo "$l"; done <{DATA}/vagrant.txt')
    path = project / "inventory" / "fleet.yml"
    path.chmod(0o640)
    assert main(["inventory", "import", "vagrant"]) == 0
    first = path.read_text()
    assert first.startswith(MINE)
    assert read(path).hosts["vagrant-debian"].port == 2200
    assert capsys.readouterr().out.splitlines() == [
        "added     vagrant-ubuntu",
        "added     vagrant-debian",
        "added     far",
        "inventory/fleet.yml: written",
    ]
    (project / "saved").write_text(data("vagrant.txt").replace("2200", "2201"))
    assert main(["inventory", "import", "vagrant", "saved"]) == 0
    assert path.read_text() == first.replace("2200", "2201")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(path.parent) == ["fleet.yml"]


def test_vagrant_that_fails(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own first sentence, however it is broken into lines, and what to do."""
    words = "The provider for this machine is\nnot ready for SSH. More\nof this"
    _program(project, "vagrant", f"echo '{words}' >&2; exit 1")
    assert main(["inventory", "import", "vagrant"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "`vagrant ssh-config` failed: The provider for this machine is not ready for SSH. hint:" in said
    assert "hint: start the machines with `vagrant up`" in said


@pytest.mark.parametrize("source", ["vagrant", "mdns"])
def test_a_program_that_is_missing(project: Path, capsys: pytest.CaptureFixture[str], source: str) -> None:
    """How to get it, and what to do without; the inventory is as it was."""
    assert main(["inventory", "import", source]) == 2
    said = capsys.readouterr().err
    assert "is not installed on this machine" in said
    assert "hint: " in said
    assert (project / "inventory" / "fleet.yml").read_text() == MINE


def test_ssh_config_of_this_home(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With an Include that is a pattern; a host that is there already is left alone."""
    (project / ".ssh" / "d").mkdir(parents=True)
    (project / ".ssh" / "config").write_text("Include d/*\nHost pi\n User x\n")
    (project / ".ssh" / "d" / "a").write_text("Host desk\n User y\n")
    assert main(["inventory", "import", "ssh-config", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["hosts"] == [{"name": "desk", "deed": "added"}, {"name": "pi", "deed": "unchanged"}]
    assert (said["version"], said["written"], said["diff"], said["notes"]) == (1, True, None, [])
    assert (project / "inventory" / "fleet.yml").read_text() == MINE + "  desk:  # imported from ssh-config\n"


def test_dry_run_shows_and_leaves(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A difference that `patch` understands; nothing is written."""
    assert main(["inventory", "import", "ansible", str(DATA / "hosts.ini"), "--only", "lonely", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "--- inventory/fleet.yml",
        "+++ inventory/fleet.yml",
        "@@ -1,3 +1,6 @@",
        " # Mine.",
        " hosts:",
        "   pi:   # the first",
        "+  lonely:  # imported from ansible",
        "+    address: 192.0.2.1",
        "+    user: everybody",
    ]
    assert (project / "inventory" / "fleet.yml").read_text() == MINE


def test_a_new_inventory(project: Path) -> None:
    """It is made where it is wanted, with the folder, and can be used at once; a second time nothing is written."""
    words = ["inventory", "import", "ansible", str(DATA / "hosts.yaml"), "-i", "new/fleet.yml"]
    assert main(words) == 0
    path = project / "new" / "fleet.yml"
    assert len(read(path)) == 8
    before = path.stat().st_mtime_ns
    assert main(words) == 0
    assert path.stat().st_mtime_ns == before
    assert main(["validate", "-i", "new/fleet.yml"]) == 0


def test_a_link_stays_a_link(project: Path) -> None:
    """The file that it leads to is the one that is written."""
    (project / "link.yml").symlink_to("inventory/fleet.yml")
    assert main(["inventory", "import", "ansible", str(DATA / "hosts.ini"), "-i", "link.yml"]) == 0
    assert (project / "link.yml").is_symlink()
    assert "lonely" in read(project / "inventory" / "fleet.yml").hosts


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["ansible", "bad.ini"], "bad.ini:2: hosts.b.port: expected a number up to 65535, got 99999"),
        (["ansible", "no.ini"], "no.ini: can't be read: No such file or directory"),
        (["ansible"], "an inventory of Ansible is a file"),
        (["ansible", "one.ini", "--only", "x*"], "--only x*: no host has such a name"),
        (["ansible", "one.ini", "-i", "inventory"], "the inventory inventory is a folder"),
        (["ansible", "one.ini", "-i", "wrong.yml"], "wrong.yml:1: hosts.x: unknown key 'adress'"),
        (["ansible", "one.ini", "-i", "braces.yml"], "braces.yml: the hosts can't be put in here"),
        (["ansible", "one.ini", "-i", "/proc/no/file.yml"], "/proc/no/file.yml can't be written"),
        (["elsewhere"], "'elsewhere' is not one of"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(
    project: Path, capsys: pytest.CaptureFixture[str], words: list[str], error: str
) -> None:
    """Exit code 2, a sentence with the place, and every file as it was."""
    (project / "one.ini").write_text("one\n")
    (project / "bad.ini").write_text("a\nb ansible_port=99999\n")
    (project / "wrong.yml").write_text("hosts: {x: {adress: y}}\n")
    (project / "braces.yml").write_text("hosts: {x: }\n")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert main(["inventory", "import", *words]) == 2
    assert error in capsys.readouterr().err
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_every_source_is_offered(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line takes the names of SOURCES, in their order."""
    assert main(["inventory", "import", "--help"]) == 0
    assert "|".join(source.name for source in SOURCES) in capsys.readouterr().out
