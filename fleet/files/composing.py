"""Compose files as people have them: what fleet must know of one before it is sent to a host.

The whole file is for Docker Compose to judge; here it is looked at without being changed, anchors and merge keys
included. Sources: compose-spec/compose-spec (05-services, 09-secrets, deploy, 12-interpolation) and docker/go-units
(RAMInBytes) for sizes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from fleet.files.compose_variables import check_variables, filled
from fleet.files.compose_yaml import ComposeFileError, Text, load
from fleet.files.problems import listing, show, suggest
from fleet.formats.limits import Limits

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
_UNLIMITED = Limits()
N = TypeVar("N", int, float)


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


@lru_cache(maxsize=256)
def read(text: str, variables: tuple[tuple[str, str], ...]) -> ComposeFile:
    """Look at a compose file, with these values for its ${VARIABLES}; raises ComposeFileError."""
    root = load(text)
    values = dict(variables)
    check_variables(root, values)
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
    root = load(text)
    _check_top(root)
    declared = _declared(root, "secrets", {})
    for name, said in root["services"].items():
        if not _part(said, "profiles"):
            _check_service(name, said, declared)


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
    return {name: filled(_part(said, "external") or "", values) in ("true", "True") for name, said in found.items()}


def _service(name: str, said: Any, values: Mapping[str, str], declared: Mapping[str, bool]) -> Service:
    _check_service(name, said, declared)
    secrets = tuple(dict.fromkeys(_used(said)))
    return Service(name, filled(_part(said, "image"), values), _limits(name, said, values), secrets, "platform" in said)


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
    if isinstance(path, Text) and path:
        place = posixpath.normpath(filled(path, values))
        if not place.startswith("/"):
            yield place, path.line


def _limits(name: str, said: Any, values: Mapping[str, str]) -> Limits:
    """From mem_limit, cpus and pids_limit, or deploy.resources.limits; -1 and 0 stand for no limit."""

    def text(*places: tuple[str, ...]) -> str:
        found = next((each for place in places if isinstance(each := _part(said, *place), str) and each), "")
        return filled(found, values).strip()

    inside = ("deploy", "resources", "limits")
    memory = text(("mem_limit",), (*inside, "memory"))
    cpus = text(("cpus",), (*inside, "cpus"))
    pids = text(("pids_limit",), (*inside, "pids"))
    try:
        return Limits(_size(memory), _number(float, cpus), _number(int, pids))
    except ValueError as problem:
        line = getattr(said, "line", None)
        raise ComposeFileError(f"services.{name}: a limit is not readable: {problem}", "write 64m, 0.5 or 100", line) from None


def _size(text: str) -> int | None:
    if not text or text == "-1":
        return None
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"{show(text)} is no size")
    return _positive(int(_counted(float(found["number"]) * _UNITS[found["unit"].lower()], text)))


def _number(kind: Callable[[str], N], text: str) -> N | None:
    try:
        number = kind(text or "0")
    except ValueError:
        raise ValueError(f"{show(text)} is no {'whole ' if kind is int else ''}number") from None
    return _positive(_counted(number, text))


def _counted(number: N, text: str) -> N:
    """Docker counts in 64 bits; what is not a number at all is not less either."""
    if not abs(number) < 1 << 63:
        raise ValueError(f"{show(text)} is no number that Docker can count to")
    return number


def _positive(number: N) -> N | None:
    return number if number > 0 else None
