"""`fleet images push IMAGE HOSTS`: an image of this machine, or of an archive, to many hosts without a registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.options import Login, Which, command
from fleet.cli.session import Session
from fleet.errors import UsageError


def push(
    session: Session,
    image: Annotated[str, typer.Argument(metavar="IMAGE", show_default=False, help="Its name, on the hosts too.")],
    which: Which,
    login: Login,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Take it from what `docker save` wrote, or from an OCI layout (folder or tar), not from Docker on this machine.",
        ),
    ] = None,
    relay: Annotated[
        bool,
        typer.Option("--relay", help="Send one copy from here, and let the hosts give it to each other, over their own network."),
    ] = False,
) -> int:
    """Send an image to hosts, without a registry: only the layers that a host lacks, over its SSH connection.

    The image for each host's own platform is taken; where there is none, that host is refused before anything is sent.
    What is there already costs nothing, and what broke off goes on where it was. With --relay a host that can't be reached
    by the others gets its copy from here, as without.
    """
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_end
    from fleet.shipping.cargo import Cargo

    _check(image)
    prepared = prepare(session, which, login)
    with Cargo(image, source) as cargo:
        cargo.check()
        return prepared.finish(stages.push(prepared.run, prepared.hosts, cargo, relay=relay), tell_end)


def _check(image: str) -> None:
    from fleet.formats.references import parse

    try:
        digest = parse(image).digest
    except ValueError as problem:
        raise UsageError(str(problem), "fleet images push NAME[:TAG] HOSTS") from None
    if digest:
        raise UsageError(f"{image} is named by a digest, which no image can be given", "name it by a tag: NAME:TAG")


app = command(push)
