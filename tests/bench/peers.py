"""pyinfra and ansible-core, each in a virtual environment of its own, with the same twelve checks in their own words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lab.cache import cached

from .contestants import AT_ONCE, Contestant, ssh_options
from .world import World

KEYRING = "/etc/apt/keyrings/docker.asc"
SOURCE = "/etc/apt/sources.list.d/docker.sources"
PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin")

_DEPLOY = f"""\
from pyinfra import config, host
from pyinfra.facts.server import Command
from pyinfra.operations import apt, files, server, systemd

config.SUDO = True
here = host.data.files
files.directory("/etc/apt/keyrings", mode="755")
files.put(f"{{here}}/docker.asc", "{KEYRING}", mode="644")
files.put(f"{{here}}/docker.sources", "{SOURCE}", mode="644")
apt.packages({list(PACKAGES)!r})
systemd.service("docker", running=True, enabled=True)
systemd.service("containerd", running=True, enabled=True)
server.group("docker")
server.user("pi", groups=["docker"], append=True, ensure_home=False)
assert host.get_fact(Command, "stat -c %F /usr/libexec/docker/cli-plugins/docker-compose") == "regular file"
assert "." in host.get_fact(Command, "docker version --format '{{{{.Server.Version}}}}'")
assert host.get_fact(Command, "dpkg --audit") in (None, "")
assert host.get_fact(Command, "test -d /run/systemd/system && echo yes") == "yes"
"""

_PLAYBOOK = f"""\
- hosts: all
  become: true
  tasks:
    - ansible.builtin.file: {{path: /etc/apt/keyrings, state: directory, mode: "0755"}}
    - ansible.builtin.copy: {{src: "{{{{ files }}}}/docker.asc", dest: {KEYRING}, mode: "0644"}}
    - ansible.builtin.copy: {{src: "{{{{ files }}}}/docker.sources", dest: {SOURCE}, mode: "0644"}}
    - ansible.builtin.apt: {{name: [{", ".join(PACKAGES)}], state: present}}
    - ansible.builtin.systemd_service: {{name: docker, state: started, enabled: true}}
    - ansible.builtin.systemd_service: {{name: containerd, state: started, enabled: true}}
    - ansible.builtin.group: {{name: docker}}
    - ansible.builtin.user: {{name: pi, groups: [docker], append: true}}
    - ansible.builtin.stat: {{path: /usr/libexec/docker/cli-plugins/docker-compose}}
    - ansible.builtin.command: docker version --format {{% raw %}}{{{{.Server.Version}}}}{{% endraw %}}
      changed_when: false
    - ansible.builtin.command: dpkg --audit
      changed_when: false
    - ansible.builtin.command: test -d /run/systemd/system
      changed_when: false
"""


def environment_of(requirement: str) -> Path:
    """The Python of a virtual environment with this package, made once in the lab's cache from the user's own index."""

    def build(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, requirement], check=True)

    recipe = f"{requirement} {sys.version}"
    return cached(f"bench-{requirement.split('>')[0]}", recipe, build) / "venv" / "bin" / "python"


def pyinfra(world: World, count: int) -> Contestant:
    """pyinfra: agentless and one process, as `fleet` is; a round trip for each fact."""
    login = {"ssh_user": "pi", "ssh_key": str(world.lab.key), "ssh_known_hosts_file": str(world.known_hosts)}
    rows = [
        (name, {"ssh_hostname": host.address, "files": str(_files_of(world, number)), **login})
        for number, (name, host) in enumerate(world.names(count))
    ]
    inventory = world.file("pyinfra_inventory.py", f"everyone = {rows!r}\n")
    deploy = world.file("pyinfra_deploy.py", _DEPLOY)
    python = environment_of("pyinfra>=3.2")
    words = (str(python), "-m", "pyinfra", "-y", "--parallel", str(AT_ONCE), str(inventory), str(deploy))
    unchanged = rf"^\s*Grand total\s+{8 * count}\s+-\s+-\s+{8 * count}\s*$"
    return Contestant("pyinfra", words, _environment(world), world.folder, unchanged)


def ansible(world: World, count: int) -> Contestant:
    """ansible-core as its users tune it: pipelining, a fork per host, connections kept open."""
    rows = [
        f"{name} ansible_host={host.address} files={_files_of(world, number)}"
        for number, (name, host) in enumerate(world.names(count))
    ]
    login = f"ansible_user=pi ansible_ssh_private_key_file={world.lab.key} ansible_python_interpreter=/usr/bin/python3"
    inventory = world.file("ansible.ini", "\n".join([*rows, "[all:vars]", *login.split(), ""]))
    playbook = world.file("playbook.yml", _PLAYBOOK)
    python = environment_of("ansible-core>=2.17")
    words = (str(python), "-m", "ansible", "playbook", "-i", str(inventory), "-f", str(AT_ONCE), str(playbook))
    env = {
        **_environment(world),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_SSH_COMMON_ARGS": " ".join(ssh_options(world)),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(world.folder / "control"),
        "ANSIBLE_NOCOLOR": "1",
    }
    proof = r"^pi-\d+ +: ok=13 +changed=0 +unreachable=0 +failed=0"
    return Contestant("ansible", words, env, world.folder, proof, count)


def _environment(world: World) -> dict[str, str]:
    return {**world.project.environment(), "PYTHONPATH": "", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}


def _files_of(world: World, number: int) -> Path:
    """What the files of a host are to be: what they are."""
    host = world.hosts[number % len(world.hosts)]
    folder = world.folder / "files" / host.name
    if not folder.exists():
        folder.mkdir(parents=True)
        for path in (KEYRING, SOURCE):
            shutil.copyfile(host.root / path.lstrip("/"), folder / Path(path).name)
    return folder
