"""Facts: what a host says of itself, asked in one script and read by pure functions.

The base probes are here; each step brings its own. `names()` are the words for `fact:NAME=VALUE` and `${facts.NAME}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.facts.accounts import ACCOUNTS, ROOT_WAYS, SESSION, SUDO
from fleet.facts.board import BOARD
from fleet.facts.framing import ProbeScript, pairs, read, script
from fleet.facts.packages import PACKAGES, upstream
from fleet.facts.plugins import PACKAGE_PATH, PLUGINS
from fleet.facts.system import DISK, MACHINE, OS
from fleet.model import Data, Facts, Probe

BASE: tuple[Probe[Any], ...] = (OS, MACHINE, BOARD, SESSION, ACCOUNTS, DISK, PACKAGES, PLUGINS)
"""What every host is asked, whatever its recipe: all that has a name."""

NAMES: Mapping[str, str] = {
    "architecture": "dpkg's word for the userland: amd64, arm64, armhf",
    "machine": "the kernel's word: x86_64, aarch64, armv7l, armv6l",
    "bits": "64 or 32: the userland's",
    "cpu_level": "v6, v7 or v8 on ARM",
    "kernel": "release of the running kernel",
    "hostname": "what the host calls itself",
    "distro": "ID of os-release: debian, ubuntu, raspbian, linuxmint",
    "codename": "VERSION_CODENAME of os-release",
    "version": "VERSION_ID of os-release",
    "os": "PRETTY_NAME of os-release",
    "raspberry_pi": "true on a Raspberry Pi, whatever runs on it",
    "raspberry_pi_os": "true under Raspberry Pi OS",
    "model": "the board, in the words of its device tree",
    "revision": "a Raspberry Pi's revision code, hexadecimal",
    "soc": "a Raspberry Pi's chip: BCM2711",
    "pi_type": "a Raspberry Pi's type, by its revision code: 4B, Zero 2 W, CM4",
    "pi_board": "the revision of a Raspberry Pi's board: 1.4",
    "pi_memory_mb": "a Raspberry Pi's memory as sold, in MiB",
    "cpu_bits": "64 or 32: what the processor can do, whatever runs on it; 0 where nothing tells",
    "memory_mb": "memory in MiB",
    "swap_mb": "swap in MiB",
    "user": "the login user",
    "uid": "the login user's number",
    "sudo": "the way to root: root, passwordless, password, needs-password, needs-terminal, wrong-password, none",
    "docker": "version of the installed docker-ce, as upstream counts; empty when there is none",
    "compose": "version of the Compose plugin that `docker compose` finds for the login user; empty when there is none",
}
"""Every fact that has a name, with its meaning."""


def named(facts: Facts) -> dict[str, Data]:
    """The facts by name."""
    machine, system, board = facts[MACHINE], facts[OS], facts[BOARD]
    engine = facts[PACKAGES].version("docker-ce")
    return {
        "architecture": machine.architecture,
        "machine": machine.machine,
        "bits": machine.bits,
        "cpu_level": board.cpu_level,
        "kernel": machine.kernel,
        "hostname": machine.hostname,
        "distro": system.id,
        "codename": system.codename,
        "version": system.version_id,
        "os": system.pretty_name,
        "raspberry_pi": board.is_raspberry_pi,
        "raspberry_pi_os": system.raspberry_pi_os or system.id == "raspbian",
        "model": board.model,
        "revision": board.revision,
        "soc": board.pi.soc,
        "pi_type": board.pi.type,
        "pi_board": board.pi.board,
        "pi_memory_mb": board.pi.memory_mb,
        "cpu_bits": board.cpu_bits,
        "memory_mb": board.memory_kib // 1024,
        "swap_mb": board.swap_kib // 1024,
        "user": facts[SESSION].user,
        "uid": facts[SESSION].uid,
        "sudo": facts[SUDO],
        "docker": upstream(engine),
        "compose": _compose(facts),
    }


def _compose(facts: Facts) -> str:
    account = facts[ACCOUNTS].find(facts[SESSION].user)
    plugin = facts[PLUGINS].first(account.home if account else "/root")
    if plugin and plugin.path == PACKAGE_PATH:
        return upstream(facts[PACKAGES].version("docker-compose-plugin"))
    return plugin.version if plugin else ""


KINDS: Mapping[str, type] = {name: type(value) for name, value in named(Facts({})).items()}
"""What a fact's value is: text, a number, or true and false."""

__all__ = [
    "ACCOUNTS",
    "BASE",
    "BOARD",
    "DISK",
    "KINDS",
    "MACHINE",
    "NAMES",
    "OS",
    "ROOT_WAYS",
    "SESSION",
    "SUDO",
    "ProbeScript",
    "named",
    "pairs",
    "read",
    "script",
]
