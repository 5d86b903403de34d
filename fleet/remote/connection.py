"""Fabric connections that check host keys, keep to their time limits and speak in our errors."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fabric import Config, Connection
from paramiko import SSHClient, SSHConfig

from fleet.errors import FleetError
from fleet.model import Host
from fleet.remote.gateways import Gateway, Hop, dial_command, gateway_of
from fleet.remote.link import Dial, dial_tcp, open_transport
from fleet.remote.local import LocalConnection
from fleet.remote.settings import Settings
from fleet.remote.target import SshTarget, resolve_ssh
from fleet.remote.upload import remove_stage
from fleet.shell import Secret

log = logging.getLogger("fleet.ssh")


class FleetConnection(Connection):  # type: ignore[misc]
    """A Fabric connection made our way; everything of Fabric's works on it. Not to be shared between threads."""

    job: object | None = None
    host_name: str = ""
    sudo_way: str = ""
    stage_folder: str = ""
    target: SshTarget | None = None
    settings: Settings | None = None
    hop: Hop | None = None

    def __init__(self, target: SshTarget, settings: Settings, gateway: Gateway | None = None) -> None:
        super().__init__(
            target.hostname,
            user=target.user,
            port=target.port,
            config=_config(),
            gateway=False,
            forward_agent=False,
            connect_timeout=settings.connect_timeout,
            inline_ssh_env=True,
        )
        self.host_name, self.target, self.settings = target.name, target, settings
        self.hop = Hop(gateway) if gateway else None

    def __setattr__(self, name: str, value: object) -> None:
        """Set it here. Fabric would search all names, and take an unknown one for the configuration's, which is shared."""
        object.__setattr__(self, name, value)

    def open(self, attempts: int | None = None) -> None:
        """Connect and log in, in so many attempts (default: the settings').

        Raises Unreachable, HostKeyError or AuthenticationError.
        """
        if self.is_connected:
            return
        target, settings = self.target, self.settings
        assert target is not None
        assert settings is not None
        transport = open_transport(target, settings, self._dial(target), attempts=attempts)
        self.client._transport = transport
        self.transport = transport

    def reopen(self, attempts: int | None = None) -> None:
        """Log in anew, so that the groups of the user are read again."""
        self.close()
        self.open(attempts)

    def close(self) -> None:
        """Leave the host, and the gateway if nobody else goes through it."""
        try:
            remove_stage(self)
        finally:
            super().close()
            if self.hop:
                self.hop.leave()

    def _dial(self, target: SshTarget) -> Dial:
        if self.hop:
            return self.hop.dial(target)
        return dial_command(target) if target.command else dial_tcp(target)


class HardenedClient(SSHClient):
    """The client of a Connection that someone else made: checks and limits as everywhere, where and as whom it says.

    It keeps the notes on the connection that one of ours would keep itself.
    """

    sudo_way: str = ""
    stage_folder: str = ""

    def __init__(self, host: str, settings: Settings) -> None:
        super().__init__()
        self.host = host
        self.settings = settings

    def connect(self, hostname: str, port: int = 22, username: str | None = None, **words: Any) -> None:  # type: ignore[override]
        """As SSHClient's, for the words that Fabric gives. Raises our errors."""
        target = self._target(hostname, port, username, words)
        settings = _with_secrets(self.settings, words)
        sock = words.get("sock")
        dial = (lambda seconds: sock) if sock is not None else dial_tcp(target)
        attempts = 1 if sock is not None else None
        self._transport = open_transport(target, settings, dial, words.get("pkey"), attempts)

    @property
    def transport(self) -> Any:
        """The transport, as a Connection has it."""
        return self.get_transport()

    @property
    def is_connected(self) -> bool:
        """Whether it is open."""
        return self.transport is not None and self.transport.is_active()

    def close(self) -> None:
        """Remove the stage folder and leave."""
        remove_stage(self)
        super().close()

    def _target(self, hostname: str, port: int, username: str | None, words: Mapping[str, Any]) -> SshTarget:
        from dataclasses import replace

        names = words.get("key_filename") or ()
        keys = (names,) if isinstance(names, str) else tuple(names)
        resolved = resolve_ssh(Host(name=self.host, address=self.host, user=username, port=port), self.settings)
        alias = resolved.known_as if resolved.known_as != resolved.hostname else hostname
        target = replace(resolved, hostname=hostname, port=port, known_as=alias, jumps=(), command="")
        if words.get("allow_agent") is False:
            target = replace(target, agent="")
        return replace(target, keys=keys, key_required=True) if keys else target


def connect(host: Host, settings: Settings, *, gateways: Mapping[str, Host] | None = None) -> FleetConnection | LocalConnection:
    """A connection to a host of the inventory, open. ``gateways`` are the hosts that a gateway's name may mean.

    Raises Unreachable, HostKeyError, AuthenticationError, or FileError when ssh_config is wrong.
    """
    if host.is_local:
        return LocalConnection(host.name)
    target = resolve_ssh(host, settings)
    gateway = gateway_of(host, target, settings, gateways or {})
    connection = FleetConnection(target, settings, gateway)
    try:
        connection.open()
    except BaseException:
        connection.close()
        raise
    return connection


def harden(c: Any, settings: Settings) -> None:
    """Give a Connection that `fab -H` made our checks, limits and errors. To be called before it is open."""
    if isinstance(c, FleetConnection | LocalConnection) or isinstance(c.client, HardenedClient):
        return
    if c.is_connected:
        raise FleetError(f"The connection to {c.host} is open already.", "Call harden() before the first command.")
    c.client = HardenedClient(c.original_host, settings)
    if isinstance(c.gateway, Connection):
        harden(c.gateway, settings)


def _with_secrets(settings: Settings, words: Mapping[str, Any]) -> Settings:
    from dataclasses import replace

    password, passphrase = words.get("password"), words.get("passphrase")
    return replace(
        settings,
        password=Secret(password) if password else settings.password,
        passphrase=Secret(passphrase) if passphrase else settings.passphrase,
    )


@lru_cache(maxsize=1)
def _config() -> Config:
    """One for all connections: no files of Fabric's or of SSH's are read, and making one costs more than a handshake."""
    return Config(lazy=True, ssh_config=SSHConfig())
