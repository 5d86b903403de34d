"""Probes and facts: what a host is asked, and what it has answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Probe(Generic[T]):
    """A read-only question to a host: POSIX sh that prints, and a pure function that reads what it printed.

    A missing tool must print nothing and is read as "none", never as an error. With ``as_root`` the script runs in the
    root part; without root rights it is not run and ``facts[probe]`` gives ``unknown``.
    """

    name: str
    script: str
    parse: Callable[[str], T] = field(compare=False)
    unknown: T = field(compare=False)
    as_root: bool = False


class Facts:
    """What is known of one host: the answer of each probe, looked up by the probe itself, so that types hold."""

    __slots__ = ("_answers",)

    def __init__(self, answers: Mapping[str, object]) -> None:
        self._answers = dict(answers)

    def __getitem__(self, probe: Probe[T]) -> T:
        return self._answers.get(probe.name, probe.unknown)  # type: ignore[return-value]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts) and self._answers == other._answers

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._answers)))

    def __repr__(self) -> str:
        return f"Facts({self._answers!r})"

    @property
    def answers(self) -> Mapping[str, object]:
        """Every answer by the name of its probe."""
        return self._answers

    def but(self, probe: Probe[T], value: T) -> Facts:
        """The same facts with one answer replaced: how a step says what will be true after it."""
        return Facts({**self._answers, probe.name: value})
