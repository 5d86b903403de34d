"""``python -m tests.lab``: real hosts for people."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import needs, users
from .box import Box, LabError
from .host import Spec
from .identities import IDENTITIES
from .lab import Lab, names, reap
from .roots import root
from .vm.models import KINDS, kind


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = _parser().parse_args(argv)
    reasons = needs.impossible() if arguments.command is _setup else needs.missing()
    if reasons:
        print("\n".join(f"lab: {reason}" for reason in reasons), file=sys.stderr)
        return 2
    try:
        result: int = arguments.command(arguments)
    except (OSError, ValueError, RuntimeError, LabError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Real hosts on this machine.")
    parser.add_argument("--lab", default="main", metavar="NAME", help="which lab (default: main)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: object, text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=call)
        return one

    command("setup", _setup, "install the packages that the lab needs, and make what is kept: some minutes the first time")
    up = command("up", _up, "make hosts and boot them; makes the lab first if need be")
    up.add_argument("names", nargs="+", metavar="NAME")
    identities = "\n".join(f"{one.name}: {one.why}" for one in IDENTITIES)
    up.add_argument("--as", dest="identity", metavar="IDENTITY", help=f"default: debian-trixie or the machine's; {identities}")
    kinds = "\n".join(f"{one.name}: {one.why}" for one in KINDS)
    up.add_argument("--machine", metavar="KIND", help=f"emulate a machine with a kernel of its own: {kinds}")
    up.add_argument("--user", default="pi", choices=[one.name for one in users.USERS], help="for the inventory")
    up.add_argument("--sudo", choices=["classic", "rs"], help="default: what the identity has")
    down = command("down", _down, "throw hosts away; with --all the whole lab")
    down.add_argument("names", nargs="*", metavar="NAME")
    down.add_argument("--all", action="store_true")
    command("list", _list, "show the labs and their hosts")
    inventory = command("inventory", _inventory, "write an inventory of the hosts that are up")
    inventory.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: print it")
    shell = command("shell", _shell, "a shell in which production names lead to the Internet in a box")
    shell.add_argument("-c", dest="text", metavar="COMMAND", help="run this instead")
    ssh = command("ssh", _ssh, "log in on a host, or run a command there")
    ssh.add_argument("--user", help="default: the host's own choice")
    ssh.add_argument("name", metavar="NAME")
    ssh.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    return parser


def _setup(_: argparse.Namespace) -> int:
    needs.install()
    needs.install_tools()
    Box.prepare()
    for suite in sorted({identity.suite for identity in IDENTITIES}):
        root(suite)
    return 0


def _up(arguments: argparse.Namespace) -> int:
    reap()
    lab = Lab(arguments.lab)
    if not lab.exists():
        Lab.create(arguments.lab)
    usual = kind(arguments.machine).identity if arguments.machine else Spec.identity
    spec = Spec(arguments.identity or usual, user=arguments.user, sudo=arguments.sudo, machine=arguments.machine)
    for host in lab.up_many(dict.fromkeys(arguments.names, spec)).values():
        print(f"{host.name}  {host.address}  {host.identity.name}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    lab = Lab(arguments.lab)
    if bool(arguments.names) == arguments.all:
        raise ValueError("Say which hosts to throw away, or --all for the whole lab.")
    if arguments.all:
        lab.destroy()
    for name in arguments.names:
        lab.host(name).destroy()
    return 0


def _list(_: argparse.Namespace) -> int:
    for name in names():
        for host in Lab(name).hosts():
            state = "up" if host.machine.alive() else "off"
            print(f"{name}  {host.name}  {host.address}  {host.identity.name}  {host.user}  {state}")
    return 0


def _inventory(arguments: argparse.Namespace) -> int:
    text = Lab.open(arguments.lab).inventory()
    if arguments.output:
        arguments.output.write_text(text)
    else:
        print(text, end="")
    return 0


def _shell(arguments: argparse.Namespace) -> int:
    shell = os.environ.get("SHELL", "/bin/sh")
    words = ["/bin/sh", "-c", arguments.text] if arguments.text else [shell]
    return Lab.open(arguments.lab).run(words, check=False).returncode


def _ssh(arguments: argparse.Namespace) -> int:
    host = Lab.open(arguments.lab).host(arguments.name)
    words = [*host.ssh_words(arguments.user), *arguments.words]
    sys.stdout.flush()
    os.execvp(words[0], words)


if __name__ == "__main__":
    sys.exit(main())
