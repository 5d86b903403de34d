"""The nouns: immutable values that every other room speaks of. No IO here.

The words follow the field: a *host* of the *inventory* answers *probes*; the answers are its *facts*. A *step* looks
at facts and the *options* of the recipe and gives a *verdict*; the verdicts in order are the *plan*; running the plan
gives *outcomes*, and the outcomes of a host its *result*.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")
A_co = TypeVar("A_co", covariant=True)
Data = str | int | float | bool | None | list["Data"] | dict[str, "Data"]

LOCAL = "local"
"""The address that means: this machine, without SSH."""


# ── hosts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of the inventory, its settings already merged (host over groups over defaults).

    ``user``, ``port`` and ``key`` are None where the inventory is silent: then ~/.ssh/config decides, as for `ssh`.
    """

    name: str
    address: str
    user: str | None = None
    port: int | None = None
    key: str | None = None
    gateway: str | None = None
    groups: tuple[str, ...] = ()
    vars: Mapping[str, Data] = field(default_factory=dict)
    recipe: str | None = None

    @property
    def is_local(self) -> bool:
        """True when the host is this very machine."""
        return self.address == LOCAL


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── the catalog: what only the network knows ─────────────────────────────────────────────────────────────────────────


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

    def __contains__(self, query: object) -> bool:
        return query in self._answers

    @property
    def answers(self) -> Mapping[Query[Any], object]:
        """All that was looked up."""
        return self._answers


# ── actions: the closed family of things that change a host ──────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Run:
    """Run a POSIX sh script as root. ``unless`` is an sh test: when it holds on the host, there is nothing to do.

    ``timeout`` is in seconds and counts on the host itself, so that nothing lives on when the laptop is gone.
    ``lock_timeout`` is how many seconds it is run again and again while another program holds one of apt's locks.
    """

    title: str
    script: str
    unless: str = ""
    timeout: int = 120
    lock_timeout: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """Write a small text file as root: to a temporary name beside it, then renamed.

    ``was`` is the sha256 of the content that the plan saw (empty: no file); anything else found there stops the action,
    since the host has changed since it was looked at.
    """

    path: str
    content: str
    was: str = ""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove one file as root, if its content is still the one that the plan saw (``was``: sha256)."""

    path: str
    was: str


@dataclass(frozen=True, slots=True)
class Download:
    """Bring a file of the network to the host by way of the laptop, which checks ``sha256`` before and the host after.

    ``owner`` is a user name; the file and the folders made for it belong to that user.
    """

    url: str
    path: str
    sha256: str
    mode: int = 0o755
    owner: str = "root"


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Open a new connection: group membership is read at login only."""

    why: str


Action = Run | Write | Remove | Download | Reconnect


# ── verdicts and plans ───────────────────────────────────────────────────────────────────────────────────────────────


def unchanged(facts: Facts) -> Facts:
    """The ``after`` of a change which no later step needs to know of."""
    return facts


@dataclass(frozen=True, slots=True)
class Satisfied:
    """The host is as wanted; ``warnings`` say what deserves a look all the same.

    ``after`` adds what a step has worked out for later ones; nothing on the host changes by it.
    """

    why: str
    warnings: tuple[str, ...] = ()
    after: Callable[[Facts], Facts] = field(default=unchanged, compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """The host is not as wanted yet; ``actions`` make it so and ``after`` says what is true then."""

    why: str
    actions: tuple[Action, ...]
    diff: str = ""
    after: Callable[[Facts], Facts] = field(default=unchanged, compare=False)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """The host can't or must not be made as wanted; ``hint`` is the way out."""

    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not looked at, since a step that it requires is blocked, or because the user asked so."""

    why: str


Verdict = Satisfied | Change | Blocked | Skipped


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
    options: type[O]

    def queries(self, facts: Facts, options: O) -> tuple[Query[Any], ...]:
        """What the laptop must look up before the verdict; nothing for a host that is as wanted."""
        return ()

    @abstractmethod
    def verdict(self, situation: Situation[O]) -> Verdict:
        """Compare what is with what is wanted. Pure."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One step of a plan with its verdict."""

    step: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done on one host, in order. A value: equal plans do equal things."""

    host: str
    recipe: str
    steps: tuple[Planned, ...]

    @property
    def changes(self) -> tuple[Planned, ...]:
        """The steps that would change something."""
        return tuple(s for s in self.steps if isinstance(s.verdict, Change))

    @property
    def blocked(self) -> tuple[Planned, ...]:
        """The steps that can't be made true."""
        return tuple(s for s in self.steps if isinstance(s.verdict, Blocked))

    @property
    def is_empty(self) -> bool:
        """True when the host is as wanted."""
        return not self.changes and not self.blocked


# ── what came of it ──────────────────────────────────────────────────────────────────────────────────────────────────


class Outcome(StrEnum):
    """What became of one step."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"


class Result(StrEnum):
    """What became of one host."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """One step's outcome with its reason; ``seconds`` is the time that its actions took."""

    step: str
    outcome: Outcome
    why: str
    hint: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a host left the walk before its plan was done."""

    stage: str
    why: str
    hint: str = ""
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What a command on a host returned; ``seconds`` of wall time as the laptop saw it."""

    code: int
    out: str
    err: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class HostReport:
    """All that a run has to say of one host.

    ``saved`` is the host's entry in a file of plans (verb plan), ``output`` what a command returned (verb run).
    """

    host: str
    steps: tuple[StepOutcome, ...] = ()
    failure: Failure | None = None
    plan: Plan | None = None
    facts: Facts | None = None
    seconds: float = 0.0
    log: str = ""
    proven: tuple[str, ...] = ()
    saved: Mapping[str, Any] | None = None
    output: Done | None = None

    @property
    def result(self) -> Result:
        """The worst of what happened; of a plan alone, whether it can be done."""
        if self.failure:
            return Result.UNREACHABLE if self.failure.unreachable else Result.FAILED
        if self.plan and not self.steps:
            return Result.BLOCKED if self.plan.blocked else Result.OK
        outcomes = {s.outcome for s in self.steps}
        for outcome, result in _WORST_FIRST:
            if outcome in outcomes:
                return result
        return Result.OK

    def but(self, **fields: Any) -> HostReport:
        """The same report with some fields replaced."""
        return replace(self, **fields)


_WORST_FIRST = (
    (Outcome.FAILED, Result.FAILED),
    (Outcome.BLOCKED, Result.BLOCKED),
    (Outcome.CHANGED, Result.CHANGED),
)
