"""The catalog: what only the network knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Query(Generic[A_co]):
    """A question to the network, asked by the laptop; subclasses add the words of the question."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The network gave no answer to a query, and why."""

    why: str
    hint: str = ""


class Catalog:
    """Immutable answers to queries. A query that was never asked is a bug of the step that forgot to name it."""

    __slots__ = ("_answers",)

    def __init__(self, answers: Mapping[Query[Any], object] | None = None) -> None:
        self._answers = dict(answers or {})

    def __getitem__(self, query: Query[T]) -> T | Unavailable:
        return self._answers[query]  # type: ignore[return-value]

    def get(self, query: Query[T]) -> T | Unavailable | None:
        """The answer, or None where it was not asked."""
        return self._answers.get(query)  # type: ignore[return-value]

    def __contains__(self, query: object) -> bool:
        return query in self._answers

    @property
    def answers(self) -> Mapping[Query[Any], object]:
        """All that was looked up."""
        return self._answers
