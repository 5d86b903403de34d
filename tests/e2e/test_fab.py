"""The tasks as a fabfile of the user's own imports them: `fab -H HOST fleet.provision`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import laptop
from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.support.ask import one_line
from tests.support.project import Project
from tests.support.untouched import untouched

pytestmark = [pytest.mark.lab, pytest.mark.slow]

FABFILE = '''\
"""What this household does with its machines."""

from fabric import task
from invoke import Collection

from fleet.tasks import TASKS


@task
def greet(c):
    """A task of our own, beside those of fleet."""
    c.run("echo hello from $(hostname)")


ns = Collection(greet, fleet=TASKS)
'''


def fab(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `fab` in the project's folder, which has the fabfile."""
    (project.folder / "fabfile.py").write_text(FABFILE)
    return laptop.run(
        [str(Path(sys.executable).with_name("fab")), *words],
        box=project.lab.box,
        env=project.environment(),
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_bare_host_and_again(fresh_host: MakeHost, project: Project) -> None:
    """By the name that it has in the inventory a bare host is provisioned; the second time nothing is changed."""
    host = fresh_host("ubuntu-noble")
    project.inventory([host])
    listed = fab(project, "--list")
    assert {"greet", "fleet.provision", "fleet.plan", "fleet.verify", "fleet.facts"} <= set(listed.stdout.split()), listed

    done = fab(project, "-H", host.name, "fleet.provision")
    assert done.returncode == 0, done
    assert "5 steps changed" in done.stdout, done
    assert host.ssh("docker run --rm hello-world").returncode == 0
    again = fab(project, "-H", host.name, "fleet.provision")
    assert again.returncode == 0, again
    assert "0 steps changed" in again.stdout, again


def test_a_host_that_no_inventory_has(converged: Callable[..., Host], project: Project) -> None:
    """Address, user and key as `fab` takes them; other tasks of the fabfile share the connection."""
    host = converged()
    project.write_inventory({"another": {"address": "192.0.2.1"}})
    project.recipe("lab", keyring={"fingerprint": project.lab.box.key_fingerprint}, group={"users": ["dashy"]})
    words = ("-H", f"pi@{host.address}", "-i", str(project.lab.key))
    done = fab(project, *words, "fleet.provision", "--recipe", "lab", "greet")
    assert done.returncode == 0, done
    assert "1 step changed" in done.stdout, done
    assert f"hello from {host.name}" in done.stdout
    assert "docker" in host.exec("id -nG dashy").stdout.split()


def test_when_it_does_not_go_well(fresh_host: MakeHost, project: Project) -> None:
    """A refusal, an unknown recipe, a changed host key, no host: the code of the command line, a sentence, no traceback."""
    host = fresh_host("unsupported")
    project.inventory([host])
    with untouched(host):
        refused = fab(project, "-H", host.name, "fleet.provision")
    check(refused, 1, "neither Debian, Ubuntu")

    check(fab(project, "-H", host.name, "fleet.provision", "--recipe", "kichen"), 2, "kichen")
    check(fab(project, "fleet.provision"), 2, "need a host")

    host.faults.change_host_key()
    for name in (host.name, f"pi@{host.address}"):
        changed = fab(project, "-H", name, "-i", str(project.lab.key), "fleet.facts")
        check(changed, 1, "SHA256:")
    host.faults.stop_sshd()
    check(fab(project, "-H", host.name, "fleet.facts"), 4, "refused")


def check(done: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    """Exit code, reason and way out."""
    text = one_line(done.stdout + done.stderr)
    assert done.returncode == code, done
    assert words in text, done
    assert "hint: " in text, done
    assert "Traceback" not in text, done
