"""Bring an image from one host straight to another, over connections that the laptop has to both.

How, and why so, stands in `fleet.shipping.relay`. Both ends are one exec each, which clean up by themselves when they
end; the laptop passes on what the two have to know of each other, and no byte of the image goes through it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from fleet.errors import RemoteError
from fleet.job import Job
from fleet.model import Done, Host
from fleet.remote import connect, execute
from fleet.shipping import relay
from fleet.shipping.relay import Offer

SECONDS = 4 * 3600
"""For one image, from a slow card to a slow card."""
_READY = 60.0
"""For a host to make a key, and to start its sshd."""
_TICK = 0.3


@dataclass(frozen=True, slots=True)
class Carried:
    """What came: how many bytes went from host to host, and the ID that the image has now where it was brought to."""

    size: int
    id: str


def take(c: Any, job: Job, giver: Host, image: str, spare: Collection[str] = ()) -> Carried:
    """Bring an image to the host of ``c`` and ``job`` from another host of the inventory, to which a connection is made.

    ``spare`` are the digests of layers that need not come. Raises what `connect` raises, and what `carry` raises.
    """
    with connect(giver, job.run.settings, gateways=job.run.inventory) as source:
        return carry(source, c, job, image, spare)


def carry(source: Any, target: Any, job: Job, image: str, spare: Collection[str] = ()) -> Carried:
    """Bring an image over two connections that are open; ``job`` is that of the host that it is brought to.

    Raises RemoteError when one can't reach the other, when either lacks what it takes, or when Docker refuses; SudoError;
    Interrupted. Whether it is the image that was meant, the ID tells.
    """
    giver = _Giver(source, job, image)
    key: Future[str] = Future()

    def answer() -> Iterator[bytes]:
        offer = giver.give(key.result(_READY))
        yield offer.document(spare)

    def hear(line: str) -> None:
        if line.startswith("key ") and not key.done():
            key.set_result(line.removeprefix("key "))

    try:
        done = execute(
            target,
            relay.fetching(image),
            root=True,
            sudo_password=job.run.sudo.known,
            timeout=SECONDS,
            idle=SECONDS,
            stdin=answer(),
            on_line=hear,
        )
    finally:
        key.cancel()
        giver.end()
    job.run.stop.check()
    return _carried(done, job, giver)


def _carried(done: Done, job: Job, giver: _Giver) -> Carried:
    """What came of it. Raises RemoteError, in the words of whoever failed."""
    said = dict(line.partition(" ")[::2] for line in done.out.splitlines())
    if done.code == relay.NOT_REACHED:
        why = f"{job.host.name} can't reach {giver.name}: {job.masked(_last(done.err)) or 'no address answers'}"
        ports = f"{relay.PORTS[0]} to {relay.PORTS[-1]}"
        raise RemoteError(why, f"Let hosts reach each other on ports {ports} (tcp), or push without --relay.")
    if giver.said:
        raise RemoteError(f"{giver.name} can't give it: {job.masked(_last(giver.said))}", f"See: fleet doctor {giver.name}")
    if done.code or not said.get("id"):
        why = job.masked(_last(done.err)) or f"exit code {done.code}"
        raise RemoteError(f"it could not be taken from {giver.name}: {why}", f"See: fleet doctor {job.host.name}")
    return Carried(int(said.get("took") or 0), said["id"])


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


class _Giver:
    """The end that has the image, in a thread of its own: it gives until it is told to end."""

    def __init__(self, c: Any, job: Job, image: str) -> None:
        self.name = str(c.host_name)
        self.said = ""
        self._c, self._job, self._image = c, job, image
        self._offer: Future[Offer] = Future()
        self._ended = threading.Event()
        self._lines: list[str] = []
        self._thread: threading.Thread | None = None

    def give(self, key: str) -> Offer:
        """Begin, for whoever has this public key. Raises RemoteError or SudoError when it can't."""
        script = relay.serving(self._image, relay.read_key(key))
        self._thread = threading.Thread(target=self._serve, args=(script,), daemon=True, name=f"fleet-giver-{self.name}")
        self._thread.start()
        try:
            return self._offer.result(_READY)
        except TimeoutError:
            raise RemoteError(f"{self.name} does not get ready to give it within {_READY:.0f} s", "Is it overloaded?") from None

    def end(self) -> None:
        """Let the host clean up, and wait for that."""
        self._ended.set()
        if self._thread:
            self._thread.join(_READY)

    def _serve(self, script: str) -> None:
        try:
            done = execute(
                self._c,
                script,
                root=True,
                sudo_password=self._job.run.sudo.known,
                timeout=SECONDS,
                idle=SECONDS,
                stdin=self._until_ended(),
                on_line=self._hear,
            )
            self.said = done.err
            why = f"{self.name} can't give it: {self._job.masked(_last(done.err))}"
            self._fail(RemoteError(why, f"See: fleet doctor {self.name}"))
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._offer.done():
            self._offer.set_exception(error)

    def _until_ended(self) -> Iterator[bytes]:
        """A stdin that is open until then: its end is the host's sign to end everything, also when the laptop is gone."""
        while not self._ended.wait(_TICK):
            if self._job.run.stop.is_wanted:
                return
        yield from ()

    def _hear(self, line: str) -> None:
        self._lines.append(line)
        if line == "ready":
            seen = getattr(getattr(self._c, "target", None), "hostname", "")
            try:
                self._offer.set_result(relay.read_offer(self._lines, seen))
            except RemoteError as error:
                self._fail(error)
