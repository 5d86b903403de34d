"""Root is logged in at the named registries, so that the host can pull what is private.

The laptop has the passwords (docs.docker.com/reference/cli/docker/login, --password-stdin), and a plan has none: it knows a
login by a mark. Docker keeps a login on the host as base64 in /root/.docker/config.json, which only root can read.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from fleet.facts.logins import LOGINS
from fleet.files.fields import refuse
from fleet.files.problems import show
from fleet.formats.references import HUB
from fleet.model import Blocked, Change, Facts, Login, Options, Query, Satisfied, Situation, Step, Unavailable, Verdict
from fleet.queries import LoginMark, LoginQuery

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:(?P<port>[0-9]{1,5}))?")


def _registry(text: str) -> str:
    found = _NAME.fullmatch(text)
    if not found or int(found["port"] or 1) not in range(1, 1 << 16):
        refuse(f"{show(text)} is no registry", f"write its host as in image names, such as ghcr.io, registry.lan:5000 or {HUB}")
    return HUB if text in ("index.docker.io", "registry-1.docker.io", "hub.docker.com") else text


class RegistryLogin(Options):
    """One registry, and who logs in there."""

    registry: Annotated[str, AfterValidator(_registry), WithJsonSchema({"type": "string"})] = Field(
        description="The registry's host as in image names: ghcr.io, registry.lan:5000, docker.io."
    )
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_$+@][A-Za-z0-9_.$+@-]{0,127}$")] | None = Field(
        None, description="The user there; left out: the one of this machine's own docker login."
    )
    password_from: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$")] | None = Field(
        None,
        description="The environment variable with the password (or with _COMMAND behind it, the command that prints it); left"
        " out: this machine's own docker login.",
    )

    @model_validator(mode="after")
    def _complete(self) -> RegistryLogin:
        if self.password_from and not self.user:
            refuse("password_from without user", "add user: NAME beside it")
        return self

    @property
    def query(self) -> LoginQuery:
        """What the laptop is asked for."""
        return LoginQuery(self.registry, self.user or "", self.password_from or "")


def _once(logins: tuple[RegistryLogin, ...]) -> tuple[RegistryLogin, ...]:
    """Docker keeps one login for each registry: of two, each run would undo the one before."""
    named = [login.registry for login in logins]
    for registry in named:
        if named.count(registry) > 1:
            refuse(f"{show(registry)} stands here twice, and Docker keeps one login for each registry", "keep one of them")
    return logins


class LoginOptions(Options):
    """Where root logs in."""

    registries: Annotated[tuple[RegistryLogin, ...], AfterValidator(_once)] = Field((), description="Registries to log in at.")


class LoginStep(Step[LoginOptions]):
    """Logs in where the login is missing, is another user's, or was made with another password."""

    name = "login"
    title = "logins at registries"
    requires = ("service",)
    probes = (LOGINS,)
    options = LoginOptions

    def queries(self, facts: Facts, options: LoginOptions) -> tuple[Query[Any], ...]:
        """The laptop's own logins: no network is needed for these, also where the host is as wanted."""
        return tuple(wanted.query for wanted in options.registries)

    def verdict(self, situation: Situation[LoginOptions]) -> Verdict:
        """Compare marks; Blocked when the laptop has no password."""
        found, due = situation.facts[LOGINS], []
        for wanted in situation.options.registries:
            login = situation.catalog[wanted.query]
            if isinstance(login, Unavailable):
                return Blocked(login.why, login.hint)
            if not found.has(wanted.registry, login.user, login.mark):
                due.append((wanted, login))
        return _change(due) if due else Satisfied(_words(situation.options.registries))


def _words(registries: tuple[RegistryLogin, ...]) -> str:
    return f"logged in at {', '.join(r.registry for r in registries)}" if registries else "none asked for"


def _change(due: list[tuple[RegistryLogin, LoginMark]]) -> Change:
    actions = tuple(Login(w.registry, login.user, login.mark, w.password_from or "") for w, login in due)

    def after(facts: Facts) -> Facts:
        logins = facts[LOGINS]
        for action in actions:
            logins = logins.plus(action.registry, action.user, action.mark)
        return facts.but(LOGINS, logins)

    return Change(f"log in at {', '.join(f'{a.registry} as {a.user}' for a in actions)}", actions, after=after)
