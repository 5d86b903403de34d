"""Images that are built once for several hosts: on the best of them, or on the laptop; and those that go to a registry.

From the host that builds it an image goes to the others by way of the laptop, which keeps it as a file until the run ends, so
that it is fetched once: each host gets the layers that it lacks, over its own connection.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet.distros.base import IMAGE_PLATFORMS
from fleet.errors import FleetError, RemoteError
from fleet.facts import MACHINE
from fleet.facts.daemon import BUILT, DAEMON
from fleet.job import Job
from fleet.model import Action, BuildAndSend, BuildOrTake, Change, Facts, Plan, PushImage
from fleet.remote import connect, execute
from fleet.shell import words
from fleet.shipping import buildx
from fleet.shipping.archive import Packed
from fleet.shipping.foundry import Make, Nobody, Take, Ware
from fleet.steps.pulling import DOCKER
from fleet.tasks.contexts import write_context

_FETCH_SECONDS = 4 * 3600
_BESIDE = 1800.0
"""Seconds that a host is waited for beside those that its build may take: to send the context, to save what was built."""
_ANEW = "Run again: the plan is made anew."

# gzip for the way, since layers come plain out of `docker save`; the exit code is that of `docker save` (sh has no pipefail).
_SAVE = """exec 3>&1
code=$({ { SAVE; echo "$?" >&4; } | gzip -1 >&3; } 4>&1)
exit "$code"
"""


def announce(job: Job, plan: Plan, facts: Facts) -> None:
    """Tell the run what this host will build for others, and what it has already."""
    here = IMAGE_PLATFORMS.get(facts[MACHINE].architecture, "")
    verdicts = (planned.verdict for planned in plan.steps)
    mine = [a for v in verdicts if isinstance(v, Change) for a in v.actions if isinstance(a, BuildOrTake)]
    has = frozenset(Ware(tag, image.built, here) for image in facts[DAEMON].images if image.built for tag in image.tags)
    rank = mine[0].rank if mine else ()
    job.run.foundry.plans(job.host.name, rank, frozenset(_ware(a) for a in mine if not a.unable), has)


def _ware(action: BuildOrTake | BuildAndSend | PushImage) -> Ware:
    return Ware(action.tag, action.built, action.platform)


# ── built on one host for all ────────────────────────────────────────────────────────────────────────────────────────


def build_or_take(c: Any, job: Job, action: BuildOrTake, perform: Callable[[Action], None]) -> None:
    """Build here, if this host is the best one that is at hand; else take the image from the one that has built it."""
    ware = _ware(action)
    while True:
        todo = job.run.foundry.assign(
            job.host.name,
            ware,
            able=not action.unable,
            seconds=action.run.timeout + _BESIDE,
            check=job.run.stop.check,
            tell=lambda hosts: _tell_waiting(job, action.tag, hosts),
        )
        match todo:
            case Make():
                _make(job, action, perform)
                return
            case Take(source):
                if _take(c, job, ware, source):
                    return
            case Nobody(why):
                raise _nobody(action, why)


def _tell_waiting(job: Job, tag: str, hosts: tuple[str, ...]) -> None:
    best = hosts[0]
    job.run.reporter.stage(job.host.name, f"waiting for {best}")
    job.say(f"waiting for {best}, which may build {tag}{f' (or {len(hosts) - 1} others)' if hosts[1:] else ''}")


def _make(job: Job, action: BuildOrTake, perform: Callable[[Action], None]) -> None:
    job.run.reporter.note(job.host.name, f"builds {action.tag} for {action.platform}")
    try:
        perform(action.send)
        perform(action.run)
    except FleetError as error:
        job.run.foundry.failed(job.host.name, _ware(action), error.message)
        raise
    job.run.foundry.made(job.host.name, _ware(action))


def _take(c: Any, job: Job, ware: Ware, source: str) -> bool:
    """False when the source does not give it, so that another has to be found."""
    foundry = job.run.foundry
    try:
        archive = foundry.once(("archive", source, ware), lambda: _fetch(job, source, ware), job.run.stop.check)
    except FleetError as error:
        job.run.stop.check()
        job.run.reporter.note(job.host.name, f"{source} does not give {ware.tag}: {error.message}")
        foundry.failed(source, ware, error.message)
        return False
    said = _send(c, job, ware, archive)
    foundry.made(job.host.name, ware)
    job.run.reporter.note(job.host.name, f"took {ware.tag} from {source}: {said}")
    return True


def _fetch(job: Job, source: str, ware: Ware) -> Path:
    """Save the image of another host on the laptop."""
    job.run.reporter.stage(job.host.name, f"fetching from {source}")
    place, unpacker = job.run.foundry.place(), zlib.decompressobj(wbits=31)
    script = _SAVE.replace("SAVE", words(*DOCKER, "save", ware.tag))
    with (
        connect(job.run.inventory[source], job.run.settings, gateways=job.run.inventory) as other,
        place.open("wb") as file,
    ):
        done = execute(
            other,
            script,
            root=True,
            sudo_password=job.run.sudo.known,
            timeout=_FETCH_SECONDS,
            idle=_FETCH_SECONDS,
            into=lambda data: file.write(unpacker.decompress(data)),
        )
    if done.code or not unpacker.eof:
        said = job.masked(done.err).strip().splitlines()[-1:] or [f"exit code {done.code}"]
        raise RemoteError(f"`docker save` failed there: {said[0]}", f"See: fleet doctor {source}")
    return place


def _send(c: Any, job: Job, ware: Ware, archive: Path) -> str:
    from fleet.tasks import pushing  # rare, and it needs tarfile and more

    cargo = job.run.cargoes.get(ware.tag, str(archive))
    return pushing.send(c, job, cargo, lambda image: _label(image) == ware.built)


def _label(image: Packed) -> str:
    labels = (json.loads(image.config).get("config") or {}).get("Labels") or {}
    return str(labels.get(BUILT, ""))


def _nobody(action: BuildOrTake, failures: str) -> RemoteError:
    if failures:
        return RemoteError(f"{action.tag} could not be built for {action.platform}: {failures}", "Mend that, and run again.")
    return RemoteError(
        f"no host of this run builds {action.tag} for {action.platform}, and this one must not: {action.unable}",
        "Run a larger host of the platform along with it, give this one swap, or build on this machine: where: laptop.",
    )


# ── built on the laptop ──────────────────────────────────────────────────────────────────────────────────────────────


def build_and_send(c: Any, job: Job, action: BuildAndSend) -> None:
    """Have the laptop build it, once for all hosts of the platform, and send what is lacking here."""
    job.run.reporter.stage(job.host.name, f"building {action.tag} on this machine")
    archive = job.run.foundry.once(("laptop", _ware(action)), lambda: _build(job, action), job.run.stop.check)
    said = _send(c, job, _ware(action), archive)
    job.say(f"{action.tag}: {said}")


def _build(job: Job, action: BuildAndSend) -> Path:
    context, archive = job.run.foundry.place(), job.run.foundry.place()
    write_context(action.context, context)
    job.run.reporter.note(job.host.name, f"builds {action.tag} for {action.platform} on this machine")
    buildx.build(
        action.tag,
        action.platform,
        action.words,
        context,
        archive,
        exports=action.exports,
        say=job.say,
        timeout=action.timeout,
    )
    return archive


# ── pushed ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def push(job: Job, action: PushImage, perform: Callable[[Action], None]) -> None:
    """Push, unless another host of the platform has done it in this run; and join, one at a time."""
    with job.run.foundry.turn(("push", _ware(action)), job.run.stop.check) as pushed:
        if pushed.by:
            job.say(f"{action.tag} for {action.platform} was pushed by {pushed.by}")
            return
        perform(action.push)
        with job.run.foundry.turn(("join", action.tag), job.run.stop.check):
            perform(action.join)
        pushed.by = job.host.name
