"""The Vagrantfile of this clone, read by Vagrant itself; no machine is started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.lab.vagrant.world import world
from tests.support.project import CLONE, Project


@pytest.mark.slow
def test_vagrant_takes_the_vagrantfile(lab: Lab, tmp_path: Path) -> None:
    """It is valid and has both machines; a size that is no number is told with its line; an import says that none runs."""
    shutil.copy(CLONE / "Vagrantfile", tmp_path)
    with world(lab, [tmp_path]) as laptop:
        valid = laptop.vagrant("validate", cwd=tmp_path)
        assert "validated successfully" in valid.stdout
        rows = [row.split(",") for row in laptop.vagrant("status", "--machine-readable", cwd=tmp_path).stdout.splitlines()]
        states = {row[1]: row[3] for row in rows if row[2] == "state"}
        assert states == {"vagrant-ubuntu": "not_created", "vagrant-debian": "not_created"}

        project = Project(lab, tmp_path, env={"PATH": f"{laptop.bin}:{os.environ['PATH']}"}, way=laptop.way)
        said = project.fleet("inventory", "import", "vagrant", "-i", "vagrant.yml")
        assert said.code == 2
        assert "is reporting that it is not yet ready for SSH." in " ".join(said.err.split())
        assert "hint: start the machines with `vagrant up`" in said.err
        assert not (tmp_path / "vagrant.yml").exists()

        (tmp_path / "Vagrantfile").write_text((CLONE / "Vagrantfile").read_text().replace('"1024"', '"1 GiB"'))
        wrong = laptop.vagrant("validate", cwd=tmp_path, check=False)
        assert wrong.returncode == 1
        assert 'invalid value for Integer(): "1 GiB"' in wrong.stderr
