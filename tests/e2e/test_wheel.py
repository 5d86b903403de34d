"""The wheel, installed far from the clone: what `pip install` gives is a whole `fleet`."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from tests.lab import laptop
from tests.lab.fixtures import MakeHost
from tests.support.ask import planned
from tests.support.project import CLONE, Project, Said

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(600)]


NO_CLONE = """\
import sys

def hook(event, args):
    if event in ("open", "os.listdir", "os.scandir") and str(args[0]).startswith("{clone}/"):
        raise RuntimeError(f"the clone is read: {{event}} {{args[0]}}")

sys.addaudithook(hook)
"""
"""In the venv, reading anything of the clone is an error (docs.python.org, "Audit events table")."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `fleet` of a fresh venv that has the wheel and what it depends on, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(CLONE)]
    subprocess.run(built, check=True, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", str(wheel)], check=True, cwd=folder)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "sitecustomize.py").write_text(NO_CLONE.format(clone=str(CLONE)))
    return python.with_name("fleet")


def test_from_an_empty_folder(installed: Path, fresh_host: MakeHost, project: Project) -> None:
    """`fleet init`, an edited inventory, `plan`, `provision`; and nothing of the clone is read on the way."""
    host = fresh_host()

    def fleet(*words: str) -> Said:
        environment = project.environment(PYTHONPATH="")
        done = laptop.run(
            [str(installed), *words], box=project.lab.box, env=environment, cwd=project.folder, capture_output=True, text=True
        )
        return Said(words, done.returncode, done.stdout, done.stderr)

    started = fleet("init")
    assert started.code == 0, started
    assert str(CLONE) not in started.out
    shipped = fleet("recipes", "--json")
    assert {"docker", "example"} <= {row["name"] for row in shipped.json["recipes"]}, shipped
    assert str(CLONE) not in shipped.out

    inventory = project.folder / "inventory" / "fleet.yml"
    written = yaml.safe_load(inventory.read_text())
    assert set(written) <= {"defaults", "groups", "hosts"}
    project.write_inventory({host.name: project.entry(host)})
    plan = fleet("plan", "--all", "--json")
    assert plan.code == 0, plan
    done = fleet("provision", "--all", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == planned(plan, host)
    assert fleet("validate").code == 0
