"""One image on its way to one host: what it lacks, in parcels, and on from there when the connection breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet.errors import ConnectionLost, RemoteError
from fleet.facts import MACHINE, SESSION
from fleet.facts.board import BOARD
from fleet.facts.content import CONTENT
from fleet.facts.daemon import DAEMON
from fleet.facts.system import DISK, OS
from fleet.job import Job
from fleet.model import Blocked, Facts, Outcome, Probe, StepOutcome
from fleet.remote import execute
from fleet.shell import words
from fleet.shipping.archive import Packed
from fleet.shipping.cargo import Cargo
from fleet.shipping.parcel import Parcel, checkpoint, parcels
from fleet.shipping.stock import Stock, room, stock
from fleet.steps.pulling import DOCKER
from fleet.tasks import probing
from fleet.tasks.fab import reconnect

PROBES: tuple[Probe[Any], ...] = (SESSION, MACHINE, OS, BOARD, DISK, DAEMON, CONTENT)
"""All that has to be known of a host; of one that its facts select, `BASE` too."""
PUSH = "push"
"""The name of the one step in the report."""
THERE = StepOutcome(PUSH, Outcome.OK, "there already")
"""What is said of a host that had it before."""
ATTEMPTS = 4
"""How often it is gone on with after a connection that broke; the layers that came are not sent again."""
SECONDS = 4 * 3600
"""For one parcel, on a slow link to a slow card."""
_STEP = 10
"""Percent between two words of progress."""
_UNPACKED = 3
"""How much larger a layer is than its compressed form, at a guess."""


def ask(c: Any, job: Job) -> Facts:
    """What the host has now. Raises SudoError without a way to root."""
    facts = probing.ask(c, job, PROBES)
    probing.require_root(facts)
    return facts


@dataclass(slots=True)
class Sending:
    """One image on its way to one host.

    ``sent`` counts bytes, of all attempts; ``layers`` are the digests of those that went.
    """

    c: Any
    job: Job
    cargo: Cargo
    image: Packed
    sent: int = 0
    layers: set[str] = field(default_factory=set)

    def found(self, facts: Facts) -> Stock:
        """What of it is there."""
        return stock(self.cargo.name, self.image, facts[DAEMON], facts[CONTENT])

    def walk(self, facts: Facts) -> StepOutcome:
        """Send and look, until all is there."""
        for attempt in range(ATTEMPTS + 1):
            found = self.found(facts)
            if found.is_whole:
                return self._done() if attempt else THERE
            full = self.no_room(facts, found)
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
            return ask(self.c, self.job)
        except ConnectionLost as error:
            if is_last:
                raise ConnectionLost(error.message, "Push again: the layers that came are not sent again.") from error
            self.job.run.reporter.note(self.job.host.name, f"{error.message} Going on where it broke off.")
            reconnect(self.c)
            return ask(self.c, self.job)

    def _done(self) -> StepOutcome:
        if not self.layers:
            return StepOutcome(PUSH, Outcome.CHANGED, "all its layers were there; it has its name now")
        count = f"{len(self.layers)} of {len(self.image.layers)} layers"
        return StepOutcome(PUSH, Outcome.CHANGED, f"sent {count}, {in_words(self.sent)}")

    def no_room(self, facts: Facts, found: Stock) -> Blocked | None:
        """Why what is lacking does not fit on the host, if it does not."""
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
            raise RemoteError(f"`docker load` failed on the host: {said[0]}", f"See: fleet doctor {self.job.host.name}")

    def _counted(self, parcel: Parcel, which: str) -> Iterator[bytes]:
        """The bytes of a parcel, counted as they go, with a word of progress now and then; ends when a stop is wanted."""
        begin, told = self.sent, -_STEP
        for piece in parcel.pieces(self.cargo.press):
            self.job.run.stop.check()
            percent = 100 * (self.sent - begin) // max(1, parcel.size)
            if percent >= told + _STEP:
                told = percent
                self._stage(f"sending{which}: {in_words(self.sent)}")
            yield piece
            self.sent += len(piece)
        self._stage(f"loading{which}")

    def _stage(self, text: str) -> None:
        self.job.run.reporter.stage(self.job.host.name, text)

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
