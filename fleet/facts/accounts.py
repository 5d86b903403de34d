"""Who we are on the host, and who else is there: as the database says it and as this session has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fleet.model import Probe

ROOT_WAYS = ("root", "passwordless", "password")
"""The ways to root that work; the others name what is missing."""

NEEDS_PASSWORD = "needs-password"  # noqa: S105
NEEDS_TERMINAL = "needs-terminal"

_NO_ROOT: Mapping[str, tuple[str, str]] = {
    NEEDS_PASSWORD: (
        "sudo wants a password on this host, and none was given",
        "Type it once for the fleet with -K, or put it into FLEET_SUDO_PASSWORD; or allow sudo without one:"
        " echo '{user} ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/010_{file}-nopasswd",
    ),
    "wrong-password": (
        "sudo refused the password",
        "Type it again (-K); nothing was changed on this host. One password is used for the whole fleet.",
    ),
    NEEDS_TERMINAL: (
        "sudo on this host runs for {user} only at a terminal (requiretty), and fleet has none there",
        "On the host, at a terminal: sudo visudo -f /etc/sudoers.d/zz-fleet, and write this line: Defaults:{user} !requiretty",
    ),
    "none": (
        "user {user} has no root rights here: no sudo, or not allowed to use it",
        "On the host, as root: usermod -aG sudo {user}; or log in as root with user: root in the inventory.",
    ),
}


def no_root(way: str, user: str) -> tuple[str, str]:
    """Why this user does not become root, by the way that the connection found, and the remedy.

    The last word of sudoers counts, and its files are read by their names (sudoers(5), "Defaults" and "Including other
    files"): hence zz. A file with a dot in its name is not read at all.
    """
    why, hint = _NO_ROOT.get(way, _NO_ROOT["none"])
    name = user or "the login user"
    return why.format(user=name), hint.format(user=name, file=name.replace(".", "_"))


@dataclass(frozen=True, slots=True)
class Session:
    """The login user of this connection; ``groups`` are those of the running process, fixed at login."""

    user: str = ""
    uid: int = -1
    groups: tuple[str, ...] = ()
    docker_socket_writable: bool = False


def read_session(text: str) -> Session:
    """Read the output of `id` and the test of Docker's socket."""
    id_line = next((line for line in text.splitlines() if line.startswith("uid=")), "")
    named = re.findall(r"(\d+)\(([^)]*)\)", id_line)
    groups = re.findall(r"\d+\(([^)]*)\)", id_line.partition("groups=")[2])
    return Session(
        user=named[0][1] if named else "",
        uid=int(named[0][0]) if named else -1,
        groups=tuple(groups),
        docker_socket_writable="docker_socket=writable" in text,
    )


SESSION = Probe(
    name="session",
    script="""
id
[ -w /var/run/docker.sock ] && echo docker_socket=writable
""",
    parse=read_session,
    unknown=Session(),
)


@dataclass(frozen=True, slots=True)
class Account:
    """One line of passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """The user database, and the group ``docker`` in it (``docker_gid`` is None where there is none)."""

    users: tuple[Account, ...] = ()
    docker_gid: int | None = None
    docker_members: tuple[str, ...] = ()

    def find(self, name: str) -> Account | None:
        """The account of that name."""
        return next((u for u in self.users if u.name == name), None)

    def in_docker_group(self, name: str) -> bool:
        """True when the database has the user in the group, be it as primary group."""
        account = self.find(name)
        primary = account is not None and account.gid == self.docker_gid and self.docker_gid is not None
        return primary or name in self.docker_members


def read_accounts(text: str) -> Accounts:
    """Read `getent group docker` and `getent passwd`; lines without numbers (NIS has such) are passed over."""
    users: list[Account] = []
    gid: int | None = None
    members: tuple[str, ...] = ()
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 4 and fields[0] == "docker" and fields[2].isdecimal():
            gid, members = int(fields[2]), tuple(m for m in fields[3].split(",") if m)
        elif len(fields) == 7 and fields[2].isdecimal() and fields[3].isdecimal():
            users.append(Account(fields[0], int(fields[2]), int(fields[3]), fields[5], fields[6]))
    return Accounts(tuple(users), gid, members)


# A directory (LDAP, sssd) may know the login user and yet list nobody: hence the question after this one user.
ACCOUNTS = Probe(
    name="accounts",
    script="""
getent group docker
getent passwd
getent passwd "${LOGNAME:-root}"
""",
    parse=read_accounts,
    unknown=Accounts(),
)


def read_sudo(text: str) -> str:
    """The way to root that the connection found: root, passwordless, password, needs-password,
    needs-terminal, wrong-password, none."""
    return text.strip()


SUDO = Probe(name="sudo", script="", parse=read_sudo, unknown="")
"""Answered by the connection, not by a script of its own."""
