"""Send an image to one host: what it lacks, in parcels, and on from there when the connection breaks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fleet.distros.base import IMAGE_PLATFORMS, refuse_processor
from fleet.errors import ConnectionLost, RemoteError
from fleet.facts import BASE, MACHINE, SESSION
from fleet.facts.board import BOARD
from fleet.facts.content import CONTENT
from fleet.facts.daemon import DAEMON
from fleet.facts.system import DISK, OS
from fleet.job import Job
from fleet.model import Blocked, Facts, HostReport, Outcome, Probe, SendImage, StepOutcome
from fleet.remote import execute
from fleet.shell import words
from fleet.shipping.archive import Packed
from fleet.shipping.cargo import Cargo
from fleet.shipping.parcel import Parcel, checkpoint, parcels
from fleet.shipping.stock import Stock, choose, room, stock
from fleet.steps.pulling import DOCKER
from fleet.tasks import probing
from fleet.tasks.fab import reconnect

PROBES: tuple[Probe[Any], ...] = (SESSION, MACHINE, OS, BOARD, DISK, DAEMON, CONTENT)
"""All that has to be known of a host; of one that its facts select, these too."""
PUSH = "push"
"""The name of the one step in the report."""
ATTEMPTS = 4
"""How often it is gone on with after a connection that broke; the layers that came are not sent again."""
SECONDS = 4 * 3600
"""For one parcel, on a slow link to a slow card."""
_STEP = 10
"""Percent between two words of progress."""
_UNPACKED = 3
"""How much larger a layer is than its compressed form, at a guess."""


def push(c: Any, job: Job, cargo: Cargo) -> HostReport:
    """Ask what is there, refuse what can't run, send the rest, ask again."""
    started = time.monotonic()
    job.run.reporter.stage(job.host.name, "probing")
    facts = probing.ask_meant(c, job, PROBES if job.run.matches is None else (*BASE, DAEMON, CONTENT))
    probing.require_root(facts)
    found = _refused(facts) or _push(c, job, cargo, facts)
    sent = 0
    if isinstance(found, _Push):
        outcome = found.walk(facts)
        sent = found.sent
    elif isinstance(found, Blocked):
        outcome = StepOutcome(PUSH, Outcome.BLOCKED, found.why, found.hint)
    else:
        outcome = found
    outcome = replace(outcome, seconds=time.monotonic() - started)
    job.run.reporter.step_finished(job.host.name, outcome)
    return HostReport(job.host.name, steps=(outcome,), sent=sent)


def bring(c: Any, job: Job, action: SendImage) -> None:
    """The same as an action of a plan. Raises RemoteError when the archive is another than the plan saw, or it fails."""
    cargo = job.run.cargoes.get(action.name, action.archive)
    facts = _ask(c, job)
    image = choose(cargo.name, cargo.images(), IMAGE_PLATFORMS[facts[MACHINE].architecture])
    if isinstance(image, Blocked) or action.id not in image.ids:
        raise RemoteError(f"{action.archive} has changed since the plan was made", "Run again: the plan is made anew.")
    outcome = _Push(c, job, cargo, image).walk(facts)
    if outcome.outcome not in (Outcome.OK, Outcome.CHANGED):
        raise RemoteError(outcome.why, outcome.hint)
    job.say(f"{cargo.name}: {outcome.why}")


def _ask(c: Any, job: Job) -> Facts:
    facts = probing.ask(c, job, PROBES)
    probing.require_root(facts)
    return facts


def _refused(facts: Facts) -> Blocked | None:
    unfit = refuse_processor(facts[OS], facts[MACHINE], facts[BOARD])
    if unfit:
        return Blocked(unfit.why, unfit.hint)
    if not facts[DAEMON].version:
        return Blocked("Docker does not answer on this host", "Provision it first: fleet provision HOST")
    return None


def _push(c: Any, job: Job, cargo: Cargo, facts: Facts) -> _Push | Blocked | StepOutcome:
    """What is to be done on this host; an image that has the ID of the laptop's under the same name is the same."""
    there = facts[DAEMON].has(cargo.name)
    if there and cargo.is_surely(there.id):
        return _THERE
    image = choose(cargo.name, cargo.images(), IMAGE_PLATFORMS[facts[MACHINE].architecture])
    return image if isinstance(image, Blocked) else _Push(c, job, cargo, image)


_THERE = StepOutcome(PUSH, Outcome.OK, "there already")


@dataclass(slots=True)
class _Push:
    """One image on its way to one host; ``sent`` counts bytes, of all attempts."""

    c: Any
    job: Job
    cargo: Cargo
    image: Packed
    sent: int = 0
    layers: set[str] = field(default_factory=set)

    def walk(self, facts: Facts) -> StepOutcome:
        """Send and look, until all is there."""
        for attempt in range(ATTEMPTS + 1):
            found = stock(self.cargo.name, self.image, facts[DAEMON], facts[CONTENT])
            if found.is_whole:
                return self._done() if attempt else _THERE
            full = self._no_room(facts, found)
            if full:
                return StepOutcome(PUSH, Outcome.BLOCKED, full.why, full.hint)
            if attempt < ATTEMPTS:
                facts = self._attempt(facts, found, is_last=attempt == ATTEMPTS - 1)
        why = "all of it was sent and loaded, and yet it is not there as it should be"
        return StepOutcome(PUSH, Outcome.FAILED, why, "Does something remove images on the host? See its log, and push again.")

    def _attempt(self, facts: Facts, found: Stock, *, is_last: bool) -> Facts:
        """Send what is lacking, and ask again; a connection that breaks is made anew, unless this was the last attempt."""
        try:
            self._send(facts, parcels(self.cargo.name, self.image, found.lacking))
            return _ask(self.c, self.job)
        except ConnectionLost as error:
            if is_last:
                raise ConnectionLost(error.message, "Push again: the layers that came are not sent again.") from error
            self.job.run.reporter.note(self.job.host.name, f"{error.message} Going on where it broke off.")
            reconnect(self.c)
            return _ask(self.c, self.job)

    def _done(self) -> StepOutcome:
        if not self.layers:
            return StepOutcome(PUSH, Outcome.CHANGED, "all its layers were there; it has its name now")
        count = f"{len(self.layers)} of {len(self.image.layers)} layers"
        return StepOutcome(PUSH, Outcome.CHANGED, f"sent {count}, {in_words(self.sent)}")

    def _no_room(self, facts: Facts, found: Stock) -> Blocked | None:
        layers = [self.image.layers[number] for number in found.lacking]
        size = sum(layer.stored.size * (_UNPACKED if layer.is_compressed else 1) for layer in layers)
        disk = facts[DISK]
        return room(size // 1024, (disk.free_for("/var/lib/docker"), disk.free_for("/var/lib/containerd")))

    def _send(self, facts: Facts, pile: Sequence[Parcel]) -> None:
        for number, parcel in enumerate(pile, 1):
            self.job.run.stop.check()
            self._load(parcel, f" {number} of {len(pile)}" if len(pile) > 1 else "")
            self.layers.update(layer.digest for layer in parcel.layers)
        self._tidy(facts, [parcel.name for parcel in pile[:-1]])

    def _load(self, parcel: Parcel, which: str) -> None:
        self.job.run.reporter.action(self.job.host.name, PUSH, f"load {parcel.name} with {len(parcel.layers)} layers")
        done = self._execute(words(*DOCKER, "load", "--quiet"), self._counted(parcel, which))
        if done.code:
            said = self.job.masked(done.err).strip().splitlines()[-1:] or [f"exit code {done.code}"]
            raise RemoteError(f"`docker load` failed on the host: {said[0]}", "See: fleet doctor HOST")

    def _counted(self, parcel: Parcel, which: str) -> Iterator[bytes]:
        """The bytes of a parcel, counted as they go, with a word of progress now and then; ends when a stop is wanted."""
        begin, told = self.sent, -_STEP
        for piece in parcel.pieces(self.cargo.press):
            self.job.run.stop.check()
            percent = 100 * (self.sent - begin) // max(1, parcel.size)
            if percent >= told + _STEP:
                told = percent
                self.job.run.reporter.stage(self.job.host.name, f"sending{which}: {in_words(self.sent)}")
            yield piece
            self.sent += len(piece)
        self.job.run.reporter.stage(self.job.host.name, f"loading{which}")

    def _tidy(self, facts: Facts, sent: Sequence[str]) -> None:
        """Take away the images that held layers on the way, of earlier pushes too; their layers are this image's now."""
        there = {tag for image in facts[DAEMON].images for tag in image.tags}.union(sent)
        names = [name for count in range(1, len(self.image.layers)) if (name := checkpoint(self.image, count)) in there]
        if names:
            self._execute(words(*DOCKER, "rmi", *names))

    def _execute(self, script: str, stdin: bytes | Iterator[bytes] = b"") -> Any:
        return execute(
            self.c,
            script,
            root=True,
            sudo_password=self.job.run.sudo.known,
            timeout=SECONDS,
            idle=SECONDS,
            stdin=stdin,
            on_line=self.job.say,
        )


def in_words(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
