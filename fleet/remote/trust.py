"""Whether to believe that a host is the one that it says it is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import HostKeyError
from fleet.remote.hostkeys import ALGORITHMS, Entry, Seen, host_name, lookup, record

log = logging.getLogger("fleet.ssh")


@dataclass(frozen=True, slots=True)
class Trust:
    """What is on record of one host, and what to do if nothing is.

    ``label`` names the host for people, ``name`` is its name in known_hosts and ``plain`` that without the port, where
    OpenSSH looks second. ``forget`` is for a host of which ssh_config says to keep no record at all.
    """

    label: str
    name: str
    plain: str
    files: tuple[Path, ...]
    ours: Path
    strict: bool = False
    forget: bool = False

    @classmethod
    def of(cls, label: str, name: str, port: int, files: tuple[Path, ...], ours: Path, strict: bool, forget: bool) -> Trust:
        """For a host of that name at that port."""
        return cls(label, host_name(name, port), name.lower(), files if forget else (ours, *files), ours, strict, forget)

    def known(self) -> tuple[Entry, ...]:
        """The lines that speak of the host."""
        return lookup(self.name, self.files)

    def preferred(self) -> tuple[str, ...]:
        """The signature algorithms by which to ask for a key that is on record."""
        types = dict.fromkeys(e.type for e in (self.known() or self._without_port()) if e.marker != "@revoked")
        return tuple(algorithm for type in types for algorithm in ALGORITHMS[type])

    def check(self, seen: Seen) -> None:
        """Accept the key that the host showed (recording it if the host was unknown), or raise HostKeyError."""
        known = self.known()
        _refuse_revoked(self.label, seen, [*known, *self._without_port()])
        on_record = [e for e in known if e.marker != "@revoked"]
        if any((e.type, e.key) == (seen.type, seen.key) for e in on_record):
            return
        if on_record:
            raise self._changed(seen, on_record)
        if any((e.type, e.key) == (seen.type, seen.key) for e in self._without_port()):
            return
        self._accept(seen)

    def _without_port(self) -> tuple[Entry, ...]:
        return lookup(self.plain, self.files) if self.plain != self.name else ()

    def _accept(self, seen: Seen) -> None:
        if self.forget:
            return
        if self.strict:
            raise HostKeyError(
                f"{self.label} is not a known host; it showed the {seen.type} key {seen.fingerprint}.",
                f"Compare that fingerprint with the host's own, then: ssh-keyscan{self._scan_words()} >> {self.ours}",
            )
        record(self.name, seen, self.ours)
        log.info("accepted the key of %s, seen for the first time: %s %s", self.label, seen.type, seen.fingerprint)

    def _changed(self, seen: Seen, on_record: Sequence[Entry]) -> HostKeyError:
        old = next((e for e in on_record if e.type == seen.type), on_record[0])
        was = Seen(old.type, old.key).fingerprint
        return HostKeyError(
            f"The host key of {self.label} has changed: it showed the {seen.type} key {seen.fingerprint}, but "
            f"{old.place} has the {old.type} key {was}. Either the host was installed anew, or someone is in between.",
            f"If you know why it changed: ssh-keygen -R '{self.name}' -f '{old.path}'",
        )

    def _scan_words(self) -> str:
        name, _, port = self.name.rpartition("]:") if self.name.startswith("[") else (self.name, "", "")
        return f" -p {port} {name[1:]}" if port else f" {name}"


def _refuse_revoked(label: str, seen: Seen, known: Sequence[Entry]) -> None:
    for entry in known:
        if entry.marker == "@revoked" and entry.key == seen.key:
            raise HostKeyError(
                f"The host key of {label}, {seen.fingerprint}, is marked as revoked in {entry.place}.",
                "Give the host new keys (ssh-keygen -A after removing /etc/ssh/ssh_host_*), and see who has the old ones.",
            )
