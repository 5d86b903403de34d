"""A host of the inventory, and all that ssh_config adds to it: where to connect to, as whom, with what."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import InventoryError
from fleet.model import Host
from fleet.remote.settings import Settings
from fleet.remote.sshconfig import Options, ssh_options

DEFAULT_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")
_DEFAULTS_OF_SSH = frozenset((*DEFAULT_KEYS, "~/.ssh/id_dsa", "~/.ssh/id_xmss", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519_sk"))
DEFAULT_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_JUMP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:/]+|[^:]*:[^:]*:.*?))(?::(?P<port>\d+))?/?"
)


@dataclass(frozen=True, slots=True)
class SshTarget:
    """Where a connection goes.

    ``keys`` were named for this host (by the inventory, or else ssh_config); ``key_required`` says that the inventory did,
    so that nothing else is tried. ``jumps`` and ``command`` are ssh_config's ProxyJump and ProxyCommand. ``agent`` is the
    socket of the agent, empty for none.
    """

    name: str
    address: str
    hostname: str
    port: int
    user: str
    known_as: str
    known_hosts: tuple[Path, ...]
    keys: tuple[str, ...] = ()
    key_required: bool = False
    keys_only: bool = False
    agent: str = ""
    jumps: tuple[str, ...] = ()
    command: str = ""
    strict: bool = False
    forget: bool = False

    @property
    def label(self) -> str:
        """The host as a person knows it, and where that is."""
        where = self.hostname if self.port == 22 else f"{self.hostname} port {self.port}"
        return self.name if where == self.name else f"{self.name} ({where})"

    def expand(self, text: str) -> str:
        """Replace ssh_config's tokens, `~` and `${ENV}` (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES)."""
        text = self.expand_command(text)
        return os.path.expanduser(re.sub(r"\$\{(\w+)\}", lambda m: os.environ.get(m[1], m[0]), text))

    def expand_command(self, text: str) -> str:
        """Replace the tokens alone: the rest is the shell's business."""
        if "%" not in text:
            return text
        tokens = self._tokens()
        return re.sub(r"%(.)", lambda m: tokens.get(m[1], m[0]), text)

    def _tokens(self) -> dict[str, str]:
        here = socket.gethostname()
        return {
            "%": "%",
            "d": os.path.expanduser("~"),
            "h": self.hostname,
            "i": str(os.getuid()),
            "k": self.known_as,
            "L": here.split(".")[0],
            "l": here,
            "n": self.address,
            "p": str(self.port),
            "r": self.user,
            "u": getpass.getuser(),
        }


def resolve_ssh(host: Host, settings: Settings) -> SshTarget:
    """The target of a host: the inventory's word wins over ssh_config's, and that over the defaults."""
    options = ssh_options(host.address, host.user, host.port, settings)
    hostname = _last(options, "hostname") or host.address
    files = _known_hosts(options)
    checking = _last(options, "stricthostkeychecking").lower()
    user_files = _last(options, "userknownhostsfile").split()
    return SshTarget(
        name=host.name,
        address=host.address,
        hostname=hostname,
        port=host.port or int(_last(options, "port") or 22),
        user=host.user or _last(options, "user") or getpass.getuser(),
        known_as=_not_none(_last(options, "hostkeyalias")) or hostname,
        known_hosts=files,
        keys=(host.key,) if host.key else _keys(options),
        key_required=host.key is not None,
        keys_only=host.key is not None or _last(options, "identitiesonly") == "yes",
        agent=_agent(options),
        jumps=_jumps(options),
        command=_not_none(_last(options, "proxycommand")),
        strict=settings.strict_host_keys or checking in ("yes", "true"),
        forget=checking in ("no", "off", "false") and user_files in (["/dev/null"], ["none"]),
    )


def gateway_host(text: str, known: Mapping[str, Host]) -> Host:
    """A gateway as the inventory or ProxyJump writes it: the name of a host, or [user@]host[:port].

    Raises InventoryError when it is neither.
    """
    if text in known:
        return known[text]
    match = _JUMP.fullmatch(text)
    if not match:
        raise InventoryError(f"The gateway {text!r} is no host.", "Write the name of a host, or [user@]host[:port].")
    address = match["six"] or match["host"]
    return Host(name=address, address=address, user=match["user"], port=int(match["port"]) if match["port"] else None)


def _keys(options: Options) -> tuple[str, ...]:
    """The keys that ssh_config names; the built-in list of OpenSSH counts as none."""
    named = tuple(k for k in options.get("identityfile", ()) if _not_none(k))
    return () if set(named) <= _DEFAULTS_OF_SSH else named


def _agent(options: Options) -> str:
    said = _last(options, "identityagent")
    if said.lower() == "none":
        return ""
    if said and said != "SSH_AUTH_SOCK":
        return os.path.expanduser(os.environ.get(said[1:], "") if said.startswith("$") else said)
    return os.environ.get("SSH_AUTH_SOCK", "")


def _jumps(options: Options) -> tuple[str, ...]:
    return tuple(hop.strip() for hop in _not_none(_last(options, "proxyjump")).split(",") if hop.strip())


def _known_hosts(options: Options) -> tuple[Path, ...]:
    said = [p for k in ("userknownhostsfile", "globalknownhostsfile") for p in _last(options, k).split()]
    return tuple(Path(p).expanduser() for p in said or DEFAULT_KNOWN_HOSTS if p.lower() != "none")


def _last(options: Options, keyword: str) -> str:
    values = options.get(keyword, ())
    return values[-1] if values else ""


def _not_none(value: str) -> str:
    return "" if value.lower() == "none" else value
