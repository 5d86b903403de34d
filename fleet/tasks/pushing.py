"""Send an image to one host, from here or from another host that has it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from fleet.distros.base import IMAGE_PLATFORMS, refuse_processor
from fleet.errors import FleetError, RemoteError
from fleet.facts import BASE, MACHINE
from fleet.facts.board import BOARD
from fleet.facts.content import CONTENT
from fleet.facts.daemon import DAEMON
from fleet.facts.system import OS
from fleet.job import Job
from fleet.model import Blocked, Facts, Host, HostReport, Outcome, SendImage, StepOutcome
from fleet.shipping.archive import Packed
from fleet.shipping.cargo import Cargo
from fleet.shipping.exchange import Exchange
from fleet.shipping.stock import choose, spare
from fleet.tasks import probing, relaying
from fleet.tasks.fab import reconnect
from fleet.tasks.sending import PROBES, PUSH, THERE, Sending, ask, in_words


def push(c: Any, job: Job, cargo: Cargo, exchange: Exchange | None = None) -> HostReport:
    """Ask what is there, refuse what can't run, send the rest, ask again; with an exchange, by way of other hosts."""
    started = time.monotonic()
    job.run.reporter.stage(job.host.name, "probing")
    relay = _Relay(c, job, cargo, exchange) if exchange and not job.host.is_local else None
    report = _pushed(c, job, cargo, relay)
    outcome = replace(report.steps[0], seconds=time.monotonic() - started)
    job.run.reporter.step_finished(job.host.name, outcome)
    return report.but(steps=(outcome,))


def bring(c: Any, job: Job, action: SendImage) -> None:
    """The same as an action of a plan. Raises RemoteError when the archive is another than the plan saw, or it fails."""
    cargo = job.run.cargoes.get(action.name, action.archive)
    said = send(c, job, cargo, lambda image: action.id in image.ids)
    job.say(f"{cargo.name}: {said}")


def send(c: Any, job: Job, cargo: Cargo, is_meant: Callable[[Packed], bool]) -> str:
    """Send what is lacking of the image for the host's platform, and say what that was.

    Raises RemoteError when there is none, it is not the one that is meant, or it fails.
    """
    facts = ask(c, job)
    image = choose(cargo.name, cargo.images(), _platform(facts))
    if isinstance(image, Blocked) or not is_meant(image):
        raise RemoteError(f"{cargo.origin} has changed since the plan was made", "Run again: the plan is made anew.")
    outcome = Sending(c, job, cargo, image).walk(facts)
    if outcome.outcome not in (Outcome.OK, Outcome.CHANGED):
        raise RemoteError(outcome.why, outcome.hint)
    return outcome.why


def _pushed(c: Any, job: Job, cargo: Cargo, relay: _Relay | None) -> HostReport:
    found = _looked_at(c, job, cargo, relay)
    report = HostReport(job.host.name)
    if isinstance(found, StepOutcome):
        return report.but(steps=(found,))
    facts, image = found
    if relay:
        outcome = relay.walk(image, facts)
        return report.but(steps=(outcome,), sent=relay.sent, via=relay.via, taken=relay.taken)
    sending = Sending(c, job, cargo, image)
    outcome = sending.walk(facts)
    return report.but(steps=(outcome,), sent=sending.sent)


def _looked_at(c: Any, job: Job, cargo: Cargo, relay: _Relay | None) -> StepOutcome | tuple[Facts, Packed]:
    """The image for this host with its facts; or what there is to say when nothing is to be done, or can be."""
    try:
        facts = probing.ask_meant(c, job, PROBES if job.run.matches is None else (*BASE, DAEMON, CONTENT))
        probing.require_root(facts)
        found = _refused(facts) or _chosen(cargo, facts)
        if relay:
            relay.look(found, facts)
    finally:
        if relay:
            relay.exchange.hear(job.host)
    if isinstance(found, Blocked):
        return StepOutcome(PUSH, Outcome.BLOCKED, found.why, found.hint)
    return THERE if found is None else (facts, found)


def _refused(facts: Facts) -> Blocked | None:
    unfit = refuse_processor(facts[OS], facts[MACHINE], facts[BOARD])
    if unfit:
        return Blocked(unfit.why, unfit.hint)
    if not facts[DAEMON].version:
        return Blocked("Docker does not answer on this host", "Provision it first: fleet provision HOST")
    return None


def _chosen(cargo: Cargo, facts: Facts) -> Packed | Blocked | None:
    """The image for this host. None: it has the ID of the laptop's under the same name, and so is the same."""
    there = facts[DAEMON].has(cargo.name)
    if there and cargo.is_surely(there.id):
        return None
    return choose(cargo.name, cargo.images(), _platform(facts))


def _platform(facts: Facts) -> str:
    return IMAGE_PLATFORMS[facts[MACHINE].architecture]


@dataclass(slots=True)
class _Relay:
    """One host's part in an exchange.

    ``sent`` counts the bytes that went to it from the laptop, ``taken`` those from the host ``via``.
    """

    c: Any
    job: Job
    cargo: Cargo
    exchange: Exchange
    sent: int = 0
    via: str = ""
    taken: int = 0
    offers: bool = False
    tried: set[str] = field(default_factory=set)

    def look(self, image: Packed | Blocked | None, facts: Facts) -> None:
        """Tell the others when the image is there already."""
        if image is None or (isinstance(image, Packed) and self._sending(image).found(facts).is_whole):
            self._offer(facts)

    def walk(self, image: Packed, facts: Facts) -> StepOutcome:
        """Take it from a host that has it, as far as one can be reached; what is lacking then is sent."""
        sending = self._sending(image)
        found = sending.found(facts)
        while not (found.is_whole or self.via or sending.no_room(facts, found)):
            self.job.run.reporter.stage(self.job.host.name, "waiting for a host that can give it")
            with self.exchange.turn(_platform(facts), self.job.host, self.tried, self.job.run.stop.check) as giver:
                if giver is None:
                    return self._sent(sending, facts)
                facts = self._take(giver, facts, spare(image, found, facts[DAEMON]))
            found = sending.found(facts)
        return self._sent(sending, facts)

    def _sending(self, image: Packed) -> Sending:
        return Sending(self.c, self.job, self.cargo, image)

    def _sent(self, sending: Sending, facts: Facts) -> StepOutcome:
        """Send what is lacking still: all, nothing, or after a host with another kind of image store, the documents alone."""
        outcome = sending.walk(facts)
        self.sent = sending.sent
        if outcome.outcome not in (Outcome.OK, Outcome.CHANGED):
            return outcome
        self._offer(facts)
        if not self.via:
            return outcome
        more = f"; {outcome.why}" if sending.layers else ""
        return StepOutcome(PUSH, Outcome.CHANGED, f"took it from {self.via}, {in_words(self.taken)}{more}")

    def _offer(self, facts: Facts) -> None:
        if not self.offers:
            self.offers = True
            self.exchange.offer(_platform(facts), self.job.host)

    def _take(self, giver: Host, facts: Facts, known: frozenset[str]) -> Facts:
        """Try to get it from that host, and ask again what is there."""
        self.tried.add(giver.name)
        self.job.run.reporter.stage(self.job.host.name, f"taking it from {giver.name}")
        try:
            self.taken = relaying.take(self.c, self.job, giver, self.cargo.name, known).size
            self.via = giver.name
        except FleetError as error:
            self.job.run.stop.check()
            why = error.message.rstrip(".")
            self.job.run.reporter.note(self.job.host.name, f"{why}; it gets the image another way. {error.hint}")
            if not self.c.is_connected:
                reconnect(self.c)
        return ask(self.c, self.job)
