"""What the commands on the lock share: looking images up, several at a time, and telling what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from fleet.catalog import Resolver
from fleet.cli.session import Session
from fleet.console import tell_data, tell_error, tell_json
from fleet.console.images import short
from fleet.console.tables import tell_table
from fleet.errors import UsageError
from fleet.files.problems import suggest
from fleet.lock import Lock, name_of
from fleet.lock.file import LockFile
from fleet.model import Query, Unavailable

T = TypeVar("T")
_VERSION = 1
"""Of the JSON."""
_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one image: ``was`` and ``digest`` are empty where there is none; ``problem`` why it could not be told."""

    image: str
    deed: str
    was: str = ""
    digest: str = ""
    problem: str = ""
    hint: str = ""


def look_up(
    names: Sequence[str], query: Callable[[str], Query[T]], tell: Callable[[str, T], Told], kept: str
) -> tuple[dict[str, T], list[Told]]:
    """What the registries say of each image, whatever the lock has; ``kept`` is the deed where they don't answer."""
    resolver = Resolver()

    def ask(name: str) -> Any:
        return resolver.resolve([query(name)])[query(name)]

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        answers = dict(zip(names, pool.map(ask, names), strict=True))
    known = {name: answer for name, answer in answers.items() if not isinstance(answer, Unavailable)}
    return known, [
        Told(name, kept, problem=answer.why, hint=answer.hint) if isinstance(answer, Unavailable) else tell(name, answer)
        for name, answer in answers.items()
    ]


def named(lock: Lock, words: Iterable[str]) -> tuple[str, ...]:
    """The images of the lock that the words name, all of them where there are no words; UsageError for others."""
    names = []
    for word in words:
        try:
            name = name_of(word)
        except ValueError as error:
            raise UsageError(str(error), "images are named as in the recipe: python:3.12-slim") from None
        if name not in lock.pins:
            hint = f"locked are: {', '.join(sorted(lock.pins)) or 'none; run: fleet images lock'}"
            raise UsageError(f"{word} is not locked{suggest(name, lock.pins)}", hint)
        names.append(name)
    return tuple(dict.fromkeys(names)) or tuple(sorted(lock.pins))


def tell(session: Session, file: LockFile, told: Sequence[Told], end: str) -> int:
    """A row for each image, then the errors, and ``end``; the exit code is 1 when there are errors."""
    failed = any(row.problem for row in told)
    if session.screen.json:
        tell_json(session.screen, {"version": _VERSION, "lock": str(file.path), "images": [asdict(row) for row in told]})
        return 1 if failed else 0
    rows = [(row.image, row.deed, short(row.was), short(row.digest)) for row in told]
    if rows:
        tell_table(session.screen.out, ("IMAGE", "RESULT", "WAS", "NOW"), rows)
    for row in told:
        if row.problem:
            tell_error(session.screen, row.problem, row.hint)
    tell_data(session.screen, f"{file.path}: {end}")
    return 1 if failed else 0
