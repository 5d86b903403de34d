"""The hosts of a benchmark, and the names that an inventory has for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from tests.lab.host import Host
from tests.lab.lab import Lab, Spec, reap
from tests.support.project import Project

IDENTITIES = ("debian-trixie", "ubuntu-noble", "debian-bookworm", "raspios-bookworm")
SSHD = "MaxStartups 200:30:400"
_SSH_CONFIG = """\
Host *.example bastion-*
    User admin
    Port 2222
Host nas desk
    ForwardAgent no
    IdentityFile ~/.ssh/id_of_nas
Host *
    ServerAliveInterval 30
    HashKnownHosts yes
    UserKnownHostsFile {known_hosts}
"""
"""Like many a person's: blocks for others, and something for all."""


@dataclass
class World:
    """A project folder over a few converged hosts."""

    project: Project
    hosts: list[Host]
    known_hosts: Path = field(init=False)
    ssh_config: Path = field(init=False)

    def __post_init__(self) -> None:
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.write_text(self.lab.write_known_hosts().read_text())
        own = self.folder / "state" / "fleet"
        own.mkdir(parents=True, exist_ok=True)
        (own / "known_hosts").write_text(self.known_hosts.read_text())
        self.ssh_config = self.folder / "ssh_config"
        self.ssh_config.write_text(_SSH_CONFIG.format(known_hosts=self.known_hosts))

    @property
    def lab(self) -> Lab:
        """The lab that the hosts are in."""
        return self.project.lab

    @property
    def folder(self) -> Path:
        """Where all files of the benchmark are."""
        return self.project.folder

    def names(self, count: int) -> list[tuple[str, Host]]:
        """So many names, which take turns on the hosts."""
        return [(f"pi-{number:03}", self.hosts[number % len(self.hosts)]) for number in range(count)]

    def file(self, name: str, text: str) -> Path:
        """Write a file of the benchmark's own."""
        path = self.folder / name
        path.write_text(text)
        return path


@contextmanager
def world(folder: Path, lab_name: str | None, count: int = len(IDENTITIES)) -> Iterator[World]:
    """Boot so many hosts and converge them by `fleet` itself; or take those of a lab that is up, converged or not."""
    if lab_name:
        yield _converged(Lab.open(lab_name), folder)
        return
    reap()
    lab = Lab.create(f"bench-{os.getpid()}", owner=os.getpid())
    try:
        names = islice(cycle(IDENTITIES), count)
        lab.up_many({f"bench-{number}": Spec(name, sshd=SSHD) for number, name in enumerate(names)})
        yield _converged(lab, folder)
    finally:
        lab.destroy()


def _converged(lab: Lab, folder: Path) -> World:
    project = Project(lab, folder)
    hosts = [host for host in lab.hosts() if host.machine.leader()]
    project.inventory(hosts)
    said = project.fleet("provision", "--all")
    if said.code:
        raise RuntimeError(f"The hosts of the benchmark could not be provisioned.\n{said}")
    return World(project, hosts)


def give_python(made: World) -> None:
    """What Ansible's modules need on the hosts; `fleet` and pyinfra need nothing."""
    for host in made.hosts:
        host.exec("command -v python3 && python3 -c 'import apt' || apt-get install -qy python3 python3-apt", timeout=600)
