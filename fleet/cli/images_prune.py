"""`fleet images prune HOSTS`: room for new images, by a policy; nothing that a container uses is removed."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.errors import UsageError
from fleet.formats.ages import AgeError, seconds


def prune(
    session: Session,
    which: Which,
    login: Login,
    unused: Annotated[
        bool, typer.Option("--unused", help="Also images with a name that no container uses, running or not.")
    ] = False,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Only images made longer ago, such as 24h or 30d.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="On each host.")] = 1800.0,
) -> int:
    """Remove images that nothing needs: those without a name, which updates and builds leave behind.

    Docker itself keeps each image that a container uses, also one that is stopped. After this, `fleet images rollback`
    and provision may have to pull what was removed.
    """
    words = [*_words(unused, older_than)]
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import Ended, tell_run_report

    prepared = prepare(session, which, login, reporter=Ended(session.screen))
    report = stages.docker(prepared.run, prepared.hosts, words, timeout=timeout)
    return prepared.finish(report, tell_run_report)


def _words(unused: bool, older_than: str | None) -> list[str]:
    """`docker image prune` with its filter (docs.docker.com/reference/cli/docker/image/prune)."""
    words = ["image", "prune", "--force", *(["--all"] if unused else [])]
    if older_than is None:
        return words
    try:
        return [*words, "--filter", f"until={seconds(older_than) // 3600}h"]
    except AgeError as problem:
        raise UsageError(f"--older-than {problem}", "write a number of hours or days, such as 24h or 30d") from None


app = command(prune)
