"""Logging in: which keys to offer, in which order, and what to say when none is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from paramiko import AuthenticationException, BadAuthenticationType, PKey, SSHException

from fleet.errors import AuthenticationError
from fleet.remote.hostkeys import Seen
from fleet.remote.keys import Agent, LockedKeyError, load_key, public_part
from fleet.remote.settings import Settings
from fleet.remote.target import DEFAULT_KEYS, SshTarget
from fleet.remote.translate import Transient
from fleet.remote.wire import FleetTransport

_MOST_KEYS = 5
"""sshd ends a login at the sixth failure (sshd_config(5), MaxAuthTries), so that the last one is kept for the password."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One key and how to speak of it."""

    label: str
    key: PKey


@dataclass(slots=True)
class _Login:
    transport: FleetTransport
    target: SshTarget
    settings: Settings
    pkey: PKey | None = None
    tried: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def run(self) -> None:
        with closing(Agent(self.target.agent) if self._wants_agent() else Agent("")) as agent:
            wanted = self._by_key(agent)
        if wanted is None:
            return
        if self.settings.password and self._by_password(wanted):
            return
        if not self.tried and self._by_nothing():
            return
        raise self._refused()

    def _wants_agent(self) -> bool:
        """A key that was named and can be read needs no agent."""
        if not self.target.keys or self.pkey:
            return self.pkey is None
        return not (self.target.keys_only and all(self._is_readable(path) for path in self.target.keys))

    def _is_readable(self, path: str) -> bool:
        try:
            return load_key(self.target.expand(path), self.settings.passphrase) is not None
        except AuthenticationError:
            return False

    def _by_key(self, agent: Agent) -> list[str] | None:
        """Offer keys until one is taken (None), or it is clear what is wanted besides or instead."""
        for offer in self._offers(agent):
            if len(self.tried) >= _MOST_KEYS and self.settings.password:
                break
            self.tried.append(offer.label)
            try:
                return self.transport.auth_publickey(self.target.user, offer.key) or None
            except BadAuthenticationType as error:
                self.allowed = list(error.allowed_types)
                break
            except SSHException as error:
                self._go_on_after(error)
        return []

    def _go_on_after(self, error: SSHException) -> None:
        if self.transport.is_active() and "timeout" not in str(error).lower():
            return
        if len(self.tried) > 1:
            raise AuthenticationError(
                f"{self.target.label} ended the login after {len(self.tried)} keys: {', '.join(self.tried)}.",
                "Name the right one: `key:` in the inventory, or IdentityFile with IdentitiesOnly yes in ~/.ssh/config.",
            ) from error
        raise Transient(
            f"{self.target.label} broke off during the login: {error}", "Look at its log: journalctl -u ssh"
        ) from error

    def _offers(self, agent: Agent) -> Iterator[Offer]:
        if self.pkey:
            yield Offer("the key that was given", self.pkey)
            return
        named = {k: o for k in self.target.keys if (o := self._offer(k, agent))}
        yield from named.values()
        if self.target.keys_only and self.target.keys:
            return
        sent = {o.key.asbytes() for o in named.values()}
        for key in agent.get_keys():
            if key.asbytes() not in sent and not self.target.keys_only:
                yield Offer(f"agent key {Seen.of(key).fingerprint}", key)
        if not self.target.keys:
            yield from (o for k in DEFAULT_KEYS if Path(k).expanduser().exists() and (o := self._offer(k, agent)))

    def _offer(self, path: str, agent: Agent) -> Offer | None:
        full = self.target.expand(path)
        try:
            return Offer(f"key {path}", load_key(full, self.settings.passphrase))
        except AuthenticationError as error:
            from_agent = agent.find(public_part(full))
            if from_agent:
                return Offer(f"key {path} of the agent", from_agent)
            if self.target.key_required or (isinstance(error, LockedKeyError) and path in self.target.keys):
                raise
            return None

    def _by_password(self, wanted: list[str]) -> bool:
        assert self.settings.password is not None
        self.tried.append("the password")
        try:
            return not self.transport.auth_password(self.target.user, self.settings.password.reveal())
        except BadAuthenticationType as error:
            self.allowed = list(error.allowed_types)
        except AuthenticationException as error:
            if not self.transport.is_active() and len(self.tried) == 1:
                raise Transient(f"{self.target.label} broke off during the login.", "Try again.") from error
        return False

    def _by_nothing(self) -> bool:
        try:
            return not self.transport.auth_none(self.target.user)
        except BadAuthenticationType as error:
            self.allowed = list(error.allowed_types)
        except AuthenticationException:
            pass
        return False

    def _refused(self) -> AuthenticationError:
        user = self.target.user
        what = f"tried {', '.join(self.tried)}" if self.tried else "there was no key and no password to try"
        only = f"; it allows {', '.join(self.allowed)}" if self.allowed else ""
        port = "" if self.target.port == 22 else f" -p {self.target.port}"
        key = f" -i {self.target.keys[0]}" if self.target.keys else ""
        return AuthenticationError(
            f"{self.target.label} does not let {user} in: {what}{only}.",
            f"Check `user:` and `key:`, or take your key there: ssh-copy-id{key}{port} {user}@{self.target.hostname}",
        )


def log_in(transport: FleetTransport, target: SshTarget, settings: Settings, pkey: PKey | None = None) -> None:
    """Log in, or raise AuthenticationError with all that was tried. ``pkey`` is a loaded key that replaces all others."""
    _Login(transport, target, settings, pkey).run()
