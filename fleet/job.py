"""What a task is told: the run that it belongs to, and the one host that it is for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet.errors import FleetError, RecipeError, Unreachable
from fleet.events import Reporter
from fleet.facts import BASE, named
from fleet.fanout import Stop
from fleet.model import Data, Facts, Failure, Host, Options, Probe, Step
from fleet.plan import chosen
from fleet.recipe import DEFAULT, Recipe
from fleet.recipe.cookbook import Recipes
from fleet.recipe.substitution import Scope
from fleet.shell import Secret
from fleet.shipping.cargoes import Cargoes
from fleet.shipping.foundry import Foundry
from fleet.steps import STEPS, probes_of

if TYPE_CHECKING:
    from fleet.catalog import Resolver
    from fleet.plan.saved import SavedPlan
    from fleet.remote import Settings

PROBES: tuple[Probe[Any], ...] = (*BASE, *(p for p in probes_of(STEPS) if p not in BASE))
"""All that a host can be asked for a plan."""


def probes_for(steps: Iterable[str]) -> tuple[Probe[Any], ...]:
    """What a host is asked for these steps and those that they require, in one script."""
    return (*BASE, *(p for p in probes_of(chosen(STEPS, tuple(steps))) if p not in BASE))


ALLOWED: Mapping[str, Mapping[str, str]] = {
    "removal": {"conflicts": "remove"},
    "restart": {"engine": "allow_restart", "daemon": "allow_restart"},
    "reboot": {"swap": "allow_reboot", "memory": "allow_reboot", "kernel": "allow_reboot"},
}
"""What a flag of the command line allows: by step, the option of it that it sets."""


_STILL_DONE = "; done with its defaults all the same, since others require it"


class SudoPassword:
    """One sudo password for the fleet, asked at most once, and only when some host needs it."""

    def __init__(self, given: Secret | None = None, ask: Callable[[], Secret | None] | None = None) -> None:
        self._password = given
        self._ask = ask
        self._lock = threading.Lock()

    @property
    def known(self) -> Secret | None:
        """The password, if it has been given already."""
        return self._password

    def get(self) -> Secret | None:
        """The password, asked for when nobody has been asked yet; None when there is nobody to ask."""
        with self._lock:
            if self._password is None and self._ask is not None:
                ask, self._ask = self._ask, None
                self._password = ask()
            return self._password


class Shared:
    """What one host's worker finds out for all: asked once, however many want to know."""

    def __init__(self) -> None:
        self._answers: dict[object, Future[object]] = {}
        self._lock = threading.Lock()

    def get(self, key: object, ask: Callable[[], object]) -> object:
        """The answer, from whoever asked first; raises what asking raised."""
        with self._lock:
            mine = key not in self._answers
            answer = self._answers.setdefault(key, Future())
        if mine:
            try:
                answer.set_result(ask())
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()


@dataclass(frozen=True)
class Run:
    """All that the hosts of one run have in common. Times are in seconds."""

    settings: Settings
    resolver: Resolver
    recipes: Recipes
    reporter: Reporter = field(default_factory=Reporter)
    inventory: Mapping[str, Host] = field(default_factory=dict)
    extra: Mapping[str, Data] = field(default_factory=dict)
    recipe: str | None = None
    only: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    allow: frozenset[str] = frozenset()
    matches: Callable[[Facts], bool] | None = None
    sudo: SudoPassword = field(default_factory=SudoPassword)
    shared: Shared = field(default_factory=Shared)
    parallel: int = 32
    batch: int = 0
    """So many hosts are begun and finished before the next ones are; 0 stands for all."""
    max_failures: int = 0
    """With more hosts than these not well, no further batch is begun."""
    probe_timeout: float = 120.0
    stop: Stop = field(default_factory=Stop)
    logs: Path | None = None
    told: list[Secret] = field(default_factory=list)
    """Secrets that hosts were given in this run, and may echo."""
    cargoes: Cargoes = field(default_factory=Cargoes)
    foundry: Foundry = field(default_factory=Foundry)

    def job(self, host: Host) -> Job:
        """The part of this run that is for one host; raises RecipeError when its recipe is wrong."""
        return Job(self, host, self.recipes.load(self.recipe or host.recipe or DEFAULT))


def failure_of(error: FleetError, *, reached: bool = False) -> Failure:
    """An error as the end of a host's walk; a host that was ``reached`` before is not called unreachable."""
    return Failure(error.stage, error.message, error.hint, isinstance(error, Unreachable) and not reached)


@dataclass(frozen=True)
class Job:
    """One host's part of a run."""

    run: Run
    host: Host
    recipe: Recipe
    saved: SavedPlan | None = None
    unmet: tuple[tuple[str, str], ...] = ()

    @property
    def probes(self) -> tuple[Probe[Any], ...]:
        """What the host is asked: the base, and what the steps of the recipe (or of a saved plan) need to know."""
        return probes_for(self.saved.options if self.saved else self.recipe.sections)

    def fitted(self, facts: Facts) -> Job:
        """The job with only those sections of the recipe that are for a host with these facts."""
        unmet = self.recipe.unmet(self._scope(facts))
        if not unmet:
            return self
        recipe = self.recipe.without(frozenset(unmet))
        still = {step.name for step in chosen(STEPS, tuple(recipe.sections))}
        notes = ((name, f"{why}{_STILL_DONE if name in still else ''}") for name, why in unmet.items())
        return replace(self, recipe=recipe, unmet=tuple(notes))

    def _scope(self, facts: Facts) -> Scope:
        return Scope(vars={**self.host.vars, **self.run.extra}, facts=named(facts))

    @property
    def steps(self) -> tuple[Step[Any], ...]:
        """The recipe's steps and what they require; with `--step` those named there, or RecipeError if it has them not."""
        own = chosen(STEPS, tuple(self.recipe.sections))
        known = {step.name for step in own}
        elsewhere = {name for name, _ in self.unmet}
        for name in self.run.only:
            if name not in known | elsewhere:
                hint = f"Add `{name}: {{}}` to it, or take a recipe that has it: --recipe NAME (`fleet recipes` lists them)."
                raise RecipeError(f"the recipe {self.recipe.name} has no step {name}", hint)
        return chosen(own, [name for name in self.run.only if name in known]) if self.run.only else own

    def say(self, line: str, error: bool = False) -> None:
        """Pass on a line that the host printed, without any password that it may have echoed."""
        self.run.reporter.output(self.host.name, self.masked(line), error)

    def masked(self, text: str) -> str:
        """The text without this run's passwords and secrets."""
        for secret in (self.run.sudo.known, self.run.settings.password, self.run.settings.passphrase, *self.run.told):
            text = secret.mask(text) if secret else text
        return text

    def options_of(self, facts: Facts) -> Callable[[Step[Any]], Options]:
        """How each step's options are found for this host; raises RecipeError with file and line."""
        scope = self._scope(facts)
        return lambda step: self._allowed(step, self.recipe.options(step, scope))

    def _allowed(self, step: Step[Any], options: Options) -> Options:
        granted = [ALLOWED[word][step.name] for word in self.run.allow if step.name in ALLOWED[word]]
        return options.model_copy(update=dict.fromkeys(granted, True)) if granted else options
