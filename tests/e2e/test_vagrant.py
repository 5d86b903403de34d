"""A machine that Vagrant made with libvirt: from `vagrant up` to a proven Docker, and gone again.

It is emulated, so this takes minutes: ``make test-vagrant`` runs it, other runs leave it out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.lab.vagrant import image
from tests.lab.vagrant.world import World, world
from tests.support.project import CLONE, Project, Said

pytestmark = [pytest.mark.vagrant, pytest.mark.slow, pytest.mark.timeout(3600)]

NAME = "vagrant-debian"
BARE = ["keyring", "source", "engine", "group", "compose"]
"""What the recipe `docker` changes on a bare host."""
PATIENT = 1800
"""Seconds for a run; some 120 on a quiet machine."""
MINE = """\
# My machines.
defaults:
  vars:
    docker_key_fingerprint: "{fingerprint}"  # of the lab's repository
hosts:
  other: {{address: 192.0.2.1}}  # not mine to touch
"""

KEYS = 'Vagrant.configure("2") {{ |config| config.ssh.private_key_path = {keys!r} }}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the Vagrantfile of this clone and an inventory; its name has a space, so Vagrant quotes its key."""
    made = tmp_path / "my machines"
    made.mkdir()
    shutil.copy(CLONE / "Vagrantfile", made)
    return made


@pytest.fixture
def laptop(lab: Lab, folder: Path) -> Iterator[World]:
    """A laptop with Vagrant, libvirt and the lab's box, where one machine of the Vagrantfile runs and the other doesn't."""
    if (machine := subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()) != "x86_64":
        refuse = pytest.fail if os.environ.get("FLEET_LAB_REQUIRED") == "1" else pytest.skip
        refuse(f"the box of this test is made for x86_64, and this is {machine}")
    box = image.box()
    sizes = {"FLEET_VAGRANT_MEMORY": "1024", "FLEET_VAGRANT_CPUS": "1"}
    with world(lab, [folder, box.parent], FLEET_VAGRANT_DEBIAN="lab/debian", **sizes) as made:
        made.vagrant("box", "add", "--name", "lab/debian", str(box), cwd=folder)
        made.vagrant("up", NAME, cwd=folder, timeout=PATIENT)
        yield made


def test_from_vagrant_up_to_destroy(laptop: World, lab: Lab, folder: Path) -> None:
    """The lines of the README, as typed: the machine that runs is imported, provisioned, proven, and left as it is again."""
    inventory = folder / "vagrant.yml"
    inventory.write_text(MINE.format(fingerprint=lab.box.key_fingerprint))
    project = Project(lab, folder, env={"PATH": f"{laptop.bin}:{os.environ['PATH']}"}, way=laptop.way)

    def fleet(*words: str) -> Said:
        return project.fleet(*words, "-i", "vagrant.yml", timeout=PATIENT)

    imported = fleet("inventory", "import", "vagrant")
    assert imported.code == 0, imported
    assert imported.out.splitlines() == [f"added     {NAME}", "vagrant.yml: written"]
    assert "vagrant-ubuntu is left out: Vagrant calls it not_created" in " ".join(imported.err.split())
    key = folder / ".vagrant/machines" / NAME / "libvirt/private_key"
    first = inventory.read_text()
    assert first.startswith(MINE.format(fingerprint=lab.box.key_fingerprint))
    assert f"  {NAME}:  # imported from vagrant\n" in first
    assert str(key) in first

    inventory.write_text(first.replace("port: 22", "port: 2222"))
    again = fleet("inventory", "import", "vagrant")
    assert again.out.splitlines() == [f"updated   {NAME}", "vagrant.yml: written"]
    assert inventory.read_text() == first
    assert fleet("inventory", "import", "vagrant").out.splitlines() == [f"unchanged {NAME}", "vagrant.yml: as it was"]

    settings = laptop.home / ".vagrant.d" / "Vagrantfile"
    settings.write_text(KEYS.format(keys=[str(folder / "no such key"), str(key)]))
    several = fleet("inventory", "import", "vagrant")
    assert f"a host has one key in an inventory: {key} is taken" in " ".join(several.err.split())
    assert inventory.read_text() == first
    settings.unlink()

    done = fleet("provision", NAME, "--json")
    assert done.code == 0, done
    assert done.changed(NAME) == BARE, done
    assert done.hosts()[NAME]["proven"], done
    twice = fleet("provision", NAME, "--json")
    assert (twice.code, twice.changed(NAME)) == (0, []), twice
    verified = fleet("verify", NAME, "--json")
    assert verified.code == 0, verified
    hello = laptop.vagrant("ssh", NAME, "--command", "docker run --rm hello-world", cwd=folder, timeout=PATIENT)
    assert hello.stdout.count("Hello from Docker!") == 1

    laptop.vagrant("destroy", "--force", NAME, cwd=folder, timeout=PATIENT)
    gone = fleet("inventory", "import", "vagrant")
    assert gone.code == 2, gone
    assert inventory.read_text() == first
