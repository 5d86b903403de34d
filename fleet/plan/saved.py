"""Plans in a file: what `plan --out` writes and `provision FILE` reads.

Beside the plan, the file keeps what it was made from (options and answers of the network), so that it can be made again
from the facts of today and compared: it is carried out only when nothing has changed on the host since. Recipe files
and the network are not asked again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fleet.errors import PlanError
from fleet.facts.daemon_json import without_logins
from fleet.model import Blocked, Catalog, Change, Options, Plan, Planned, Query, Satisfied, Skipped, Step, Unavailable, Verdict
from fleet.queries import (
    Archived,
    ArchiveQuery,
    Builder,
    BuilderQuery,
    ComposeQuery,
    ComposeRelease,
    Context,
    ContextQuery,
    ImageQuery,
    ImageSize,
    Key,
    KeyQuery,
    LoginMark,
    LoginQuery,
    Pushed,
    PushedQuery,
    Quota,
    QuotaQuery,
    RemoteImage,
    SecretMark,
    SecretQuery,
    SizeQuery,
    Suite,
    SuiteQuery,
    Swarm,
    SwarmQuery,
)

VERSION = 1
_MAKE = "Make one: fleet plan --all --out plan.json"
_FAMILIES: Mapping[str, tuple[type[Query[Any]], type[Any]]] = {
    "key": (KeyQuery, Key),
    "suite": (SuiteQuery, Suite),
    "image": (ImageQuery, RemoteImage),
    "size": (SizeQuery, ImageSize),
    "quota": (QuotaQuery, Quota),
    "compose": (ComposeQuery, ComposeRelease),
    "context": (ContextQuery, Context),
    "builder": (BuilderQuery, Builder),
    "pushed": (PushedQuery, Pushed),
    "secret": (SecretQuery, SecretMark),
    "archive": (ArchiveQuery, Archived),
    "swarm": (SwarmQuery, Swarm),
    "login": (LoginQuery, LoginMark),
}


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """One host's plan with all that it was made from."""

    plan: Plan
    machine_id: str
    options: Mapping[str, Mapping[str, Any]]
    catalog: Catalog
    text: Mapping[str, Any]

    def options_of(self, step: Step[Any]) -> Options:
        """The step's options as they were."""
        options: Options = step.options.model_validate_json(json.dumps(self.options[step.name]))
        return options


def plan_to_data(plan: Plan) -> dict[str, Any]:
    """A plan as plain data: stable, readable, complete."""
    return {
        "host": plan.host,
        "recipe": plan.recipe,
        "steps": [{"step": p.step, **_verdict(p.verdict)} for p in plan.steps],
        "not_for_this_host": [{"section": name, "why": why} for name, why in plan.unmet],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Satisfied():
            return {"verdict": "satisfied", "why": verdict.why, "warnings": list(verdict.warnings)}
        case Change():
            return {
                "verdict": "change",
                "why": verdict.why,
                "warnings": list(verdict.warnings),
                "diff": verdict.diff,
                "actions": [{"action": type(a).__name__.lower(), **_fields(a)} for a in verdict.actions],
            }
        case Blocked():
            return {"verdict": "blocked", "why": verdict.why, "hint": verdict.hint}
        case Skipped():
            return {"verdict": "skipped", "why": verdict.why}


def _fields(value: Any) -> dict[str, Any]:
    """An action's fields, without the passwords of proxies that a file on the host may hold: it is read again when it is due."""
    return {name: _shown(field) for name, field in dataclasses.asdict(value).items()}


def _shown(field: Any) -> Any:
    match field:
        case str():
            return without_logins(field)
        case dict():
            return {name: _shown(inner) for name, inner in field.items()}
        case tuple():
            return tuple(map(_shown, field))
    return field


def to_data(plan: Plan, machine_id: str, options: Mapping[str, Options], catalog: Catalog) -> dict[str, Any]:
    """One host's entry in the file."""
    return {
        "machine_id": machine_id,
        "plan": plan_to_data(plan),
        "options": {name: o.model_dump(mode="json") for name, o in options.items()},
        "catalog": [_answer(query, answer) for query, answer in catalog.answers.items()],
    }


def _answer(query: Query[Any], answer: object) -> dict[str, Any]:
    kind = next(kind for kind, (cls, _) in _FAMILIES.items() if type(query) is cls)
    known = not isinstance(answer, Unavailable)
    return {
        "kind": kind,
        "query": TypeAdapter(type(query)).dump_python(query, mode="json"),
        "answer" if known else "unavailable": TypeAdapter(type(answer)).dump_python(answer, mode="json"),
    }


def write(path: Path, hosts: Mapping[str, Mapping[str, Any]], version: str) -> None:
    """Write the file, readable by its owner only, to a temporary name first; raises PlanError when that can't be done."""
    text = json.dumps({"fleet_plan": VERSION, "fleet": version, "hosts": hosts}, indent=1, ensure_ascii=False)
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.touch(mode=0o600)
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise PlanError(f"can't be written: {error.strerror}", "Choose another place with --out.", path=str(path)) from error


def read(path: Path, steps: tuple[Step[Any], ...]) -> dict[str, SavedPlan]:
    """Read a file of plans; raises PlanError when it is none, or of another version."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"can't be read: {error.strerror}", _MAKE, path=str(path)) from error
    except ValueError as error:
        raise PlanError(f"is no plan: {error}", _MAKE, path=str(path)) from error
    if not isinstance(said, dict) or said.get("fleet_plan") != VERSION:
        raise PlanError(
            f"is no plan of a kind that this fleet knows (fleet_plan: {VERSION})",
            _MAKE,
            path=str(path),
        )
    try:
        return {name: _saved(entry, steps) for name, entry in said["hosts"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration, ValidationError) as error:
        raise PlanError(f"is damaged: {_damage(error)}", _MAKE, path=str(path)) from error


def _damage(error: Exception) -> str:
    """What is wrong, in a few words."""
    match error:
        case ValidationError():
            first = error.errors(include_url=False)[0]
            return f"{'.'.join(map(str, first['loc'])) or error.title}: {first['msg']}"
        case KeyError():
            return f"{error} is missing"
        case ValueError():
            return str(error)
    return "it is not built as one"


def _saved(entry: Mapping[str, Any], steps: tuple[Step[Any], ...]) -> SavedPlan:
    answers: dict[Query[Any], object] = {}
    for row in entry["catalog"]:
        query_class, answer_class = _FAMILIES[row["kind"]]
        known = "answer" in row
        answer = TypeAdapter(answer_class if known else Unavailable).validate_python(row["answer" if known else "unavailable"])
        answers[TypeAdapter(query_class).validate_python(row["query"])] = answer
    text = entry["plan"]
    by_name = {step.name: step for step in steps}
    strange = [row["step"] for row in text["steps"] if row["step"] not in by_name]
    if strange:
        raise ValueError(f"it has steps that this fleet does not know: {', '.join(strange)}")
    saved = SavedPlan(
        plan=Plan(text["host"], text["recipe"], tuple(Planned(row["step"], Skipped("")) for row in text["steps"])),
        machine_id=entry["machine_id"],
        options=entry["options"],
        catalog=Catalog(answers),
        text=text,
    )
    for row in text["steps"]:
        saved.options_of(by_name[row["step"]])
    return saved


def differences(saved: SavedPlan, now: Plan) -> tuple[str, ...]:
    """The steps for which the plan of today is another one than the saved plan."""
    data = json.loads(json.dumps(plan_to_data(now)))
    old, new = ({row["step"]: _essence(row) for row in text["steps"]} for text in (saved.text, data))
    return tuple(name for name in {**old, **new} if old.get(name) != new.get(name))


def _essence(row: Mapping[str, Any]) -> Any:
    """What makes two verdicts the same: what would be done. Reasons of satisfied steps and warnings may differ."""
    return {"verdict": row["verdict"], "actions": row.get("actions")}
