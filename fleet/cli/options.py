"""The options that verbs share, in groups. A verb names the groups that it wants as parameters; `command` spells them out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from fleet.cli import complete
from fleet.cli.session import Session

Verbose = Annotated[
    int,
    typer.Option("--verbose", "-v", count=True, show_default=False, help="Show actions; -vv: output of commands too."),
]
"""Before the verb, after it, or both."""


LockOption = Annotated[
    Path | None, typer.Option("--lock", metavar="FILE", help="The lock of the images. Default: fleet.lock.yml here.")
]


@dataclass(frozen=True)
class Which:
    """Which hosts."""

    hosts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="HOSTS...",
            show_default=False,
            help="Names, patterns ('pi-*'), groups, or facts (fact:architecture=arm64).",
            autocompletion=complete.hosts,
        ),
    ] = None
    all: Annotated[bool, typer.Option("--all", help="Every host of the inventory.")] = False
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", "-x", metavar="HOSTS", help="But not these. Repeatable.", autocompletion=complete.hosts),
    ] = None
    inventory: Annotated[
        str | None,
        typer.Option(
            "--inventory", "-i", metavar="PATH", help="File or folder. Default: $FLEET_INVENTORY, else inventory/fleet.yml."
        ),
    ] = None


@dataclass(frozen=True)
class What:
    """What is to be true of them."""

    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", "-r", metavar="NAME", help="Name or path; stronger than the inventory.", autocompletion=complete.recipes
        ),
    ] = None
    extra: Annotated[
        list[str] | None, typer.Option("--extra", "-e", metavar="NAME=VALUE", help="Set a var, over all files. Repeatable.")
    ] = None
    step: Annotated[
        list[str] | None,
        typer.Option(
            "--step", metavar="STEP", help="Only this step and what it requires. Repeatable.", autocompletion=complete.steps
        ),
    ] = None
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="STEP", help="Leave this step as it is. Repeatable.", autocompletion=complete.steps),
    ] = None
    lock: LockOption = None


@dataclass(frozen=True)
class Login:
    """How to get in."""

    user: Annotated[str | None, typer.Option("--user", "-u", metavar="NAME", help="Log in as this user.")] = None
    identity: Annotated[
        str | None, typer.Option("--identity", metavar="FILE", help="Log in with this private key (FLEET_PASSPHRASE opens it).")
    ] = None
    ask_password: Annotated[
        bool, typer.Option("--ask-password", "-k", help="Ask for the login password (or set FLEET_PASSWORD).")
    ] = False
    ask_sudo_password: Annotated[
        bool,
        typer.Option(
            "--ask-sudo-password",
            "-K",
            help="Ask for the sudo password first (or set FLEET_SUDO_PASSWORD or FLEET_SUDO_PASSWORD_COMMAND).",
        ),
    ] = False
    strict_host_keys: Annotated[bool, typer.Option("--strict-host-keys", help="Refuse hosts whose key is not known yet.")] = False
    ssh_config: Annotated[Path | None, typer.Option("--ssh-config", "-F", metavar="FILE", help="In place of ~/.ssh/config.")] = (
        None
    )
    connect_timeout: Annotated[
        float, typer.Option("--connect-timeout", metavar="SECONDS", min=0.1, max=3600, help="For one attempt to connect.")
    ] = 10.0
    parallel: Annotated[int, typer.Option("--parallel", "-p", min=1, max=512, help="Hosts at a time.")] = 32


@dataclass(frozen=True)
class Show:
    """What to show."""

    json: Annotated[bool, typer.Option("--json", help="The result as JSON, on stdout.")] = False
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours (as does NO_COLOR).")] = False
    verbose: Verbose = 0


def command(function: Callable[..., int], app: typer.Typer | None = None, **settings: Any) -> typer.Typer:
    """A typer app of one command, or the given one with one command more.

    The function's first parameter is the session; those of a group of options become options.

    Only `Show` is used up here: it makes the session's screen.
    """
    app = app or typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    hints = get_type_hints(function, include_extras=True)
    names = [name for name in inspect.signature(function).parameters if name != "session"]

    def call(ctx: typer.Context, **values: Any) -> int:
        session: Session = ctx.obj
        show = _take(Show, values)
        session.show(verbose=show.verbose, json=show.json, color=not show.no_color)
        given = {name: _take(hints[name], values) if is_dataclass(hints[name]) else values[name] for name in names}
        return function(session, **given)

    own = inspect.signature(function).parameters
    spelled = [_parameter("ctx", typer.Context, inspect.Parameter.empty)]
    for name in names:
        spelled += _spell(hints[name]) if is_dataclass(hints[name]) else [_parameter(name, hints[name], own[name].default)]
    call.__signature__ = inspect.Signature([*spelled, *_spell(Show)])  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in [*spelled, *_spell(Show)]}
    call.__doc__ = function.__doc__
    app.command(context_settings={"help_option_names": ["-h", "--help"]}, **settings)(call)
    return app


def _spell(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [_parameter(field.name, hints[field.name], field.default) for field in fields(group)]


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _take(group: Any, values: dict[str, Any]) -> Any:
    return group(**{field.name: values[field.name] for field in fields(group)})
