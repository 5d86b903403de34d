"""Who can log in on a lab host. Every host has all of them, so that a test only names one.

All of them accept the lab's keys (plain and encrypted); those with a password accept that too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sudo = Literal["passwordless", "password", "none", "root"]
PASSPHRASE = "lab passphrase"
"""Opens the lab's encrypted key."""


@dataclass(frozen=True)
class User:
    """One login user: its shell, what sudo asks of it, its password if it has one."""

    name: str
    why: str
    sudo: Sudo = "passwordless"
    shell: str = "/bin/bash"
    password: str | None = None


USERS = (
    User("root", "the superuser, by key only (sshd's own default)", sudo="root"),
    User("pi", "what most people have: a key and passwordless sudo"),
    User("carol", "sudo asks for a password full of shell characters", "password", password="it's $HOME \"+` :-)"),
    User("rusty", "like carol; meant for hosts whose sudo is sudo-rs", "password", password="oxide 2 oxide"),
    User("nosudo", "may log in and nothing else", "none", password="no rights"),
    User("dashy", "login shell is dash", shell="/bin/dash"),
    User("fishy", "login shell is fish, which is no POSIX shell", shell="/usr/bin/fish"),
    User("noisy", "~/.bashrc prints to both streams, always, and sshd shows a banner"),
)

NOISY_BASHRC = """\
echo "bashrc: welcome to this host"
echo "bashrc: something is deprecated" >&2
"""
BANNER = "*** Authorised use only. ***\n"
SSHD = """\
# The rest of sshd's configuration is as Debian ships it.
Match User noisy
    Banner /etc/ssh/banner
"""


def user(name: str) -> User:
    """Return the user called `name`; ValueError names those that exist."""
    for one in USERS:
        if one.name == name:
            return one
    raise ValueError(f"no lab user is called {name!r}; there are {', '.join(one.name for one in USERS)}")


def home(name: str) -> str:
    """Return the home folder of a user, without the leading slash."""
    return "root" if name == "root" else f"home/{name}"


def creation_script() -> str:
    """Return the sh script that makes the users in a root file system, run inside it."""
    lines = ["set -eu"]
    for number, one in enumerate(each for each in USERS if each.name != "root"):
        lines += _creation(one, 1000 + number)
    noisy = "/home/noisy/.bashrc"
    lines.append(f"cat > {noisy}.new <<'END'\n{NOISY_BASHRC}END\ncat {noisy} >> {noisy}.new; mv {noisy}.new {noisy}")
    lines.append(f"chown noisy:noisy {noisy}")
    lines.append(f"cat > /etc/ssh/banner <<'END'\n{BANNER}END")
    lines.append(f"cat > /etc/ssh/sshd_config.d/lab-banner.conf <<'END'\n{SSHD}END")
    return "\n".join(lines) + "\n"


def _creation(one: User, uid: int) -> list[str]:
    lines = [f"useradd --uid {uid} --create-home --shell {one.shell} {one.name}"]
    if one.password:
        lines.append(f"chpasswd <<'END'\n{one.name}:{one.password}\nEND")
    if one.sudo in ("password", "passwordless"):
        lines.append(f"usermod --append --groups sudo {one.name}")
    if one.sudo == "passwordless":  # the file's name is what Raspberry Pi OS calls it
        file = f"/etc/sudoers.d/010_{one.name}-nopasswd"
        lines.append(f"echo '{one.name} ALL=(ALL) NOPASSWD: ALL' > {file}; chmod 440 {file}")
    return lines
