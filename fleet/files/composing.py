"""Compose files as people have them: what fleet must know of one before it is sent to a host.

The whole file is for Docker Compose to judge; here it is looked at without being changed, anchors and merge keys
included. Sources: compose-spec/compose-spec (05-services, 09-secrets, deploy, 12-interpolation) and docker/go-units
(RAMInBytes) for sizes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import yaml

from fleet.files.problems import listing, show, suggest
from fleet.formats.limits import Limits

_MOST_NODES = 20_000
_MOST_ALIASES = 500
_DEEPEST = 64
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TOP = ("version", "name", "services", "networks", "volumes", "configs", "secrets")
_REFUSED = {
    "build": "images are not built by a stack; name the image that was built or pulled",
    "extends": "a stack is one file; write the service out",
    "provider": "providers are programs of the laptop that are not on the host",
    "credential_spec": "it is for Windows",
}
"""Keys of a service that need more than the file."""
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[bkmgt]?)(?:i?b)?", re.I)
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<bare>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<rest>[^{}]*|[^{}]*\$\{[^{}]*\}[^{}]*))?\})"
)


_UNLIMITED = Limits()
N = TypeVar("N", int, float)


class ComposeFileError(ValueError):
    """A compose file that can't be used: a sentence, a remedy, and the line in the file."""

    def __init__(self, text: str, hint: str = "", line: int | None = None) -> None:
        super().__init__(text)
        self.text, self.hint, self.line = text, hint, line


@dataclass(frozen=True, slots=True)
class Service:
    """One service that `docker compose up` starts; ``own_platform`` when the file says which platform it is to be."""

    name: str
    image: str
    limits: Limits = _UNLIMITED
    secrets: tuple[str, ...] = ()
    own_platform: bool = False


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """The services, in the order of the file, the secrets that are declared (external ones left out), and the files that
    have to be beside it, with the line that names each."""

    services: tuple[Service, ...]
    secrets: tuple[str, ...] = ()
    needs: tuple[tuple[str, int], ...] = ()


class _Text(str):
    """A scalar with its line, from 1."""

    __slots__ = ("line",)
    line: int


class _Keys(dict[str, Any]):
    """A mapping with its line, from 1."""

    line = 0


@lru_cache(maxsize=256)
def read(text: str, variables: tuple[tuple[str, str], ...]) -> ComposeFile:
    """Look at a compose file, with these values for its ${VARIABLES}; raises ComposeFileError."""
    root = _load(text)
    values = dict(variables)
    _check_variables(root, values)
    _check_top(root)
    secrets = _declared(root, "secrets", values)
    services = tuple(
        _service(name, said, values, secrets) for name, said in root["services"].items() if not _part(said, "profiles")
    )
    if not services:
        raise ComposeFileError("there is no service without a profile, so nothing would run", "give one service no profiles:")
    needs = tuple(dict.fromkeys(_needed(root, values)))
    return ComposeFile(services, tuple(name for name, external in secrets.items() if not external), needs)


def check(text: str) -> None:
    """Raise ComposeFileError for what is wrong whatever the variables are, so that it can be told before any is known."""
    root = _load(text)
    _check_top(root)
    declared = _declared(root, "secrets", {})
    for name, said in root["services"].items():
        if not _part(said, "profiles"):
            _check_service(name, said, declared)


# ── text to data ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _load(text: str) -> Any:
    try:
        aliases = 0
        for number, event in enumerate(yaml.parse(text, Loader=_LOADER)):
            aliases += isinstance(event, yaml.AliasEvent)
            if number > _MOST_NODES or aliases > _MOST_ALIASES:
                raise ComposeFileError("too large for a compose file", "is this the right file?")
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = ", ".join(str(part) for part in (problem.context, problem.problem) if part)
        raise ComposeFileError(f"not valid YAML: {said}", "", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, RecursionError) as problem:
        raise ComposeFileError(f"not valid YAML: {problem}") from None
    if not isinstance(node, yaml.MappingNode):
        raise ComposeFileError("this is no compose file: it has no keys with values", "write services: with services below it")
    return _Data().of(node)


class _Data:
    """Nodes to mappings, lists and text; every node once, so that aliases of aliases cost nothing."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self._depth = 0

    def of(self, node: Any) -> Any:
        if id(node) in self._made:
            return self._made[id(node)]
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ComposeFileError("nested too deep, or a value contains itself", "flatten it", node.start_mark.line + 1)
        made = self._made[id(node)] = self._new(node)
        self._depth -= 1
        return made

    def _new(self, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.of(item) for item in node.value]
        is_nothing = node.tag == "tag:yaml.org,2002:null"
        text = _Text("" if is_nothing else node.value)
        text.line = node.start_mark.line + 1
        return text

    def _mapping(self, node: Any) -> _Keys:
        made = _Keys()
        made.line = node.start_mark.line + 1
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                merged = self.of(value)
                for each in reversed(merged if isinstance(merged, list) else [merged]):
                    made.update(each if isinstance(each, dict) else {})
            else:
                own[str(getattr(key, "value", ""))] = self.of(value)
        made.update(own)
        return made


# ── variables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_variables(root: Any, values: Mapping[str, str]) -> None:
    for text in _scalars(root):
        for found in _VARIABLE.finditer(text):
            name = found["bare"] or found["name"]
            if name and name not in values and (found["how"] or "?").lstrip(":") == "?":
                raise ComposeFileError(
                    f"${{{name}}} has no value{suggest(name, values)}",
                    f"set it in the stack's env:, or write ${{{name}:-DEFAULT}}; for a plain $ write $$",
                    text.line,
                )


def _scalars(data: Any, seen: set[int] | None = None) -> Iterator[_Text]:
    seen = set() if seen is None else seen
    if isinstance(data, _Text):
        yield data
    elif id(data) not in seen:
        seen.add(id(data))
        for item in data.values() if isinstance(data, dict) else data:
            yield from _scalars(item, seen)


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced, as Compose does (compose-spec, 12-interpolation)."""

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        said, how, rest = values.get(found["bare"] or found["name"]), found["how"] or "", found["rest"] or ""
        is_there = bool(said) if how.startswith(":") else said is not None
        if how.endswith("+"):
            return _filled(rest, values) if is_there else ""
        return str(said) if is_there else _filled(rest, values) if how.endswith("-") else said or ""

    return _VARIABLE.sub(value, text)


# ── what is in it ────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_top(root: Any) -> None:
    strange = [key for key in root if key not in _TOP and not key.startswith("x-")]
    if strange:
        hint = "a stack is one file" if strange[0] == "include" else f"allowed here: {listing(_TOP)}, and x-…"
        raise ComposeFileError(f"unknown key {show(strange[0])}{suggest(strange[0], _TOP)}", hint, root.line)
    services = root.get("services")
    if not isinstance(services, dict) or not services:
        raise ComposeFileError("there are no services", "write services: with a service below it, as in docs.docker.com/compose")


def _part(said: Any, *keys: str) -> Any:
    """What stands under these keys, or nothing."""
    for key in keys:
        said = said.get(key) if isinstance(said, dict) else None
    return said


def _declared(root: Any, section: str, values: Mapping[str, str]) -> dict[str, bool]:
    """The secrets of the file, and whether each is external."""
    found = _part(root, section)
    if not isinstance(found, dict):
        return {}
    return {name: _filled(_part(said, "external") or "", values) in ("true", "True") for name, said in found.items()}


def _service(name: str, said: Any, values: Mapping[str, str], declared: Mapping[str, bool]) -> Service:
    _check_service(name, said, declared)
    secrets = tuple(dict.fromkeys(_used(said)))
    return Service(name, _filled(_part(said, "image"), values), _limits(name, said, values), secrets, "platform" in said)


def _check_service(name: str, said: Any, declared: Mapping[str, bool]) -> None:
    line = getattr(said, "line", None)
    if not isinstance(said, dict):
        raise ComposeFileError(f"services.{name}: expected keys with values", "write image: and more below it", line)
    for key, why in _REFUSED.items():
        if key in said:
            raise ComposeFileError(f"services.{name}: {key}: is not supported: {why}", f"remove {key}:", line)
    image = _part(said, "image")
    if not isinstance(image, str) or not image:
        raise ComposeFileError(f"services.{name}: there is no image", "write image: NAME:TAG", line)
    unknown = [secret for secret in _used(said) if secret not in declared]
    if unknown:
        hint = f"write it under secrets: at the end of the file: {unknown[0]}: {{environment: {unknown[0].upper()}}}"
        raise ComposeFileError(f"services.{name}: the secret {show(unknown[0])} is not declared", hint, line)


def _used(said: Any) -> Iterator[str]:
    """The names of a service's secrets, in the short and the long way of writing."""
    for each in _part(said, "secrets") or ():
        name = each if isinstance(each, str) else _part(each, "source")
        if isinstance(name, str):
            yield str(name)


def _needed(root: Any, values: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Files by relative paths that Compose itself reads: of env_file and of configs (compose-spec, 05-services, 08-configs)."""
    for said in root["services"].values():
        found = _part(said, "env_file") if not _part(said, "profiles") else None
        for each in found if isinstance(found, list) else [found]:
            yield from _relative(_part(each, "path") if _part(each, "required") != "false" else None, values)
            yield from _relative(each, values)
    configs = _part(root, "configs")
    for said in configs.values() if isinstance(configs, dict) else ():
        yield from _relative(_part(said, "file"), values)


def _relative(path: Any, values: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    if isinstance(path, _Text) and path:
        filled = posixpath.normpath(_filled(path, values))
        if not filled.startswith("/"):
            yield filled, path.line


def _limits(name: str, said: Any, values: Mapping[str, str]) -> Limits:
    """From mem_limit, cpus and pids_limit, or deploy.resources.limits; -1 and 0 stand for no limit."""

    def text(*places: tuple[str, ...]) -> str:
        found = next((each for place in places if isinstance(each := _part(said, *place), str) and each), "")
        return _filled(found, values).strip()

    inside = ("deploy", "resources", "limits")
    memory = text(("mem_limit",), (*inside, "memory"))
    cpus = text(("cpus",), (*inside, "cpus"))
    pids = text(("pids_limit",), (*inside, "pids"))
    try:
        return Limits(_size(memory), _positive(float(cpus or 0)), _positive(int(pids or 0)))
    except ValueError as problem:
        line = getattr(said, "line", None)
        raise ComposeFileError(f"services.{name}: a limit is not readable: {problem}", "write 64m, 0.5 or 100", line) from None


def _size(text: str) -> int | None:
    if not text or text == "-1":
        return None
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"{show(text)} is no size")
    return _positive(int(float(found["number"]) * _UNITS[found["unit"].lower()]))


def _positive(number: N) -> N | None:
    return number if number > 0 else None
