"""The program around the verbs: finds the verb, and turns whatever ends it into a sentence and an exit code."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import typer
from typer.exceptions import TyperException

from fleet import __version__
from fleet.cli.lazy import LazyGroup
from fleet.cli.options import Verbose
from fleet.cli.session import Session
from fleet.console import tell_data, tell_error
from fleet.errors import FileError, FleetError, Interrupted, UsageError

VERBS = (
    *("init", "inventory", "hosts", "facts", "doctor", "plan", "provision", "verify", "validate"),
    *("images", "stacks", "swarm", "run", "ps", "logs", "exec", "top", "docker", "context", "recipes", "schema"),
)
"""In the order of `fleet --help`; each is a module of this folder that has a typer app of one command.

A new verb is a file here, a word in this tuple, and its tests.
"""

_ALLOCATIONS = 50_000
"""Between two looks for garbage: at Python's own 700, looking takes a seventh of the time that importing takes."""


class Verbs(LazyGroup):
    """The verbs."""

    what = "verb"
    modules: ClassVar[Mapping[str, str]] = {verb: f"fleet.cli.{verb}" for verb in VERBS}


app = typer.Typer(
    name="fleet",
    cls=Verbs,
    help="From a bare OS to the same running Docker environment on all your Raspberry Pis and Debian or Ubuntu machines.",
    epilog="Begin with `fleet init`. `fleet VERB --help` explains a verb.",
    no_args_is_help=True,
    subcommand_metavar="VERB ...",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print_version()
        raise typer.Exit


def print_version() -> None:
    """The version, for people and bug reports."""
    tell_data(Session().screen, f"fleet {__version__}")


@app.callback()
def fleet(
    ctx: typer.Context,
    verbose: Verbose = 0,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Options before the verb."""
    ctx.obj.verbose = verbose


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    gc.set_threshold(_ALLOCATIONS)
    session = Session()
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments), session)
        session.flush()
        return code
    except Exception as error:
        return _unexpected(session, error)
    finally:
        session.close()


def _run(arguments: list[str], session: Session) -> int:
    command = typer.main.get_command(app)
    try:
        return command.main(arguments, prog_name="fleet", standalone_mode=False, obj=session) or 0
    except TyperException as error:
        return _misused(session, error)
    except FleetError as error:
        tell_error(session.screen, str(error), error.hint)
        return 2 if isinstance(error, (UsageError, FileError)) else 130 if isinstance(error, Interrupted) else 1
    except (KeyboardInterrupt, typer.Abort):
        tell_error(session.screen, "interrupted")
        return 130


def _misused(session: Session, error: TyperException) -> int:
    """What typer refuses: unknown options, values that can't be, missing words."""
    ctx: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        tell_data(session.screen, error.format_message())
        return 2
    hint = f"see `{ctx.command_path if ctx else 'fleet'} --help`"
    tell_error(session.screen, _as_sentence(error.format_message()), hint)
    return 2


def _as_sentence(text: str) -> str:
    """typer's message in the manner of ours: no capital, no full stop."""
    text = text.rstrip(".")
    return text[:1].lower() + text[1:]


def _unexpected(session: Session, error: Exception) -> int:
    """A bug, or a system that refuses: one line, and the traceback where it can be found."""
    if isinstance(error, OSError) and error.strerror:
        tell_error(session.screen, f"{error.strerror}{f': {error.filename}' if error.filename else ''}")
        return 1
    import traceback

    from fleet.logs import keep_traceback

    text = "".join(traceback.format_exception(error))
    path = keep_traceback(text)
    hint = f"please report this, with {path or 'what -vv shows'}"
    tell_error(session.screen, f"unexpected {type(error).__name__}: {error}", hint)
    if session.screen.verbose >= 2:
        session.screen.err.line(text)
    return 1
