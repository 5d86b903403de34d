"""Steps and their options: what is to be true of a host, and how to tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from fleet.model.catalog import Catalog, Query
from fleet.model.facts import Facts, Probe
from fleet.model.verdicts import Verdict


class Options(BaseModel):
    """Base of every step's section of the recipe: unknown keys are refused, values are not bent into shape."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


O = TypeVar("O", bound=Options)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Situation(Generic[O]):
    """All that a step may look at: facts (with the effects of earlier steps in them), options and the catalog."""

    facts: Facts
    options: O
    catalog: Catalog


class Step(ABC, Generic[O]):
    """One thing that is to be true of a host. Knows, never does: it sees no connection."""

    name: ClassVar[str]
    """Its section in a recipe, and its word in `--step`."""
    title: ClassVar[str]
    """What it ensures, for people: a state, not an activity."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Names of the steps that must not be blocked or failed for this one to make sense."""
    means: ClassVar[bool] = False
    """True for a step that is of no use by itself: it changes nothing when all that require it can't go on."""
    probes: ClassVar[tuple[Probe[Any], ...]] = ()
    paths: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Where its section names files of the laptop, such as ``("images", "*", "context")`` (``*``: any key or item).

    A relative one is meant from the folder of the recipe that says it; a step is given the path as the laptop opens it.
    """
    options: type[O]

    def queries(self, facts: Facts, options: O) -> tuple[Query[Any], ...]:
        """What the laptop must look up before the verdict; nothing for a host that is as wanted."""
        return ()

    def questions(self, situation: Situation[O]) -> tuple[Query[Any], ...]:
        """What more has to be looked up, now that the answers to `queries` are in the situation's catalog."""
        return ()

    def images(self, options: O) -> tuple[str, ...]:
        """The images that the options name, for the lock."""
        return ()

    @abstractmethod
    def verdict(self, situation: Situation[O]) -> Verdict:
        """Compare what is with what is wanted. Pure."""
