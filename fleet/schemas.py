"""JSON Schemas of the files that people write, made from the models that check them, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from fleet.facts import KINDS, NAMES
from fleet.inventory.schema import InventoryFile
from fleet.model import Options
from fleet.recipe import Head, Steps
from fleet.recipe.conditions import KEY

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WHEN_HERE = {"description": "Only for hosts with these facts.", "$ref": "#/$defs/when"}
_REFERENCE = {"type": "string", "pattern": r"\$\{(vars|facts)\.[A-Za-z0-9_.]+\}"}


def inventory() -> dict[str, Any]:
    """The schema of an inventory file."""
    return {"$schema": _DIALECT, **_closed(InventoryFile.model_json_schema()), "title": "fleet inventory"}


def recipe(steps: Steps) -> dict[str, Any]:
    """The JSON Schema of a recipe, for editors: every value may also be a reference, or left empty."""
    models: list[type[Options]] = [step.options for step in steps]
    by_model, definitions = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    inner = {name: _loose(part) for name, part in definitions.get("$defs", {}).items()}
    for model in models:
        name = by_model[model, "validation"]["$ref"].rpartition("/")[2]
        inner[name] = {**inner[name], "properties": {**inner[name].get("properties", {}), KEY: _WHEN_HERE}}
    sections = {
        step.name: {"description": step.title, "anyOf": [by_model[step.options, "validation"], {"type": "null"}]}
        for step in steps
    }
    head = _closed(Head.model_json_schema()["properties"])
    return {
        "$schema": _DIALECT,
        "title": "fleet recipe",
        "description": "What is to be true of a host: one section per step.",
        "type": "object",
        "additionalProperties": False,
        "properties": {**head, **sections},
        "$defs": {**inner, "reference": _REFERENCE, "when": _when()},
    }


def _when() -> dict[str, Any]:
    """The facts that a section may be for, each with what it may be."""
    facts = {name: {"description": text, "anyOf": _any_of(KINDS[name])} for name, text in NAMES.items()}
    return {"type": ["object", "null"], "additionalProperties": False, "properties": facts}


def _any_of(kind: type) -> list[dict[str, Any]]:
    own: list[dict[str, Any]] = {bool: [{"type": "boolean"}], int: [{"type": "integer"}]}.get(kind, [])
    values = [*own, {"type": "string", "minLength": 1}]
    return [*values, {"type": "array", "minItems": 1, "items": {"anyOf": values}}, {"type": "null"}]


def _loose(definition: dict[str, Any]) -> dict[str, Any]:
    if "properties" not in definition:
        return definition
    return {**definition, "properties": {name: _or_reference(p) for name, p in definition["properties"].items()}}


def _or_reference(part: dict[str, Any]) -> dict[str, Any]:
    texts: dict[str, Any] = {key: part[key] for key in ("title", "description", "default") if key in part}
    strict = {key: value for key, value in part.items() if key not in texts}
    if isinstance(strict.get("items"), dict):
        strict["items"] = {"anyOf": [strict["items"], {"$ref": "#/$defs/reference"}]}
    return {**texts, "anyOf": [strict, {"$ref": "#/$defs/reference"}, {"type": "null"}]}


def _closed(schema: Any) -> Any:
    """The JSON Schema with names refused that do not match the pattern for names."""
    if isinstance(schema, dict):
        extra = {"additionalProperties": False} if "patternProperties" in schema else {}
        return {**{key: _closed(value) for key, value in schema.items()}, **extra}
    return [_closed(item) for item in schema] if isinstance(schema, list) else schema
