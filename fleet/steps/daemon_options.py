"""The recipe's section `daemon`, and the keys of daemon.json that it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema

from fleet.files.fields import Url, refuse
from fleet.files.problems import show
from fleet.model import Options
from fleet.steps.daemon_keys import LOOPBACK

_REGISTRY = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:\d{1,5})?|[0-9A-Fa-f:.]+/\d{1,3}")
_OWN = {
    "log-driver": "log_driver",
    "log-opts": "log_opts",
    "registry-mirrors": "registry_mirrors",
    "insecure-registries": "insecure_registries",
    "live-restore": "live_restore",
}
"""Keys of daemon.json that have an option of their own."""


def _mirror(text: str) -> str:
    if urlsplit(text).path.strip("/"):
        refuse(
            f"the mirror {show(text)} has a path, which dockerd refuses", "write scheme and host alone: https://mirror.example"
        )
    return text


def _registry(text: str) -> str:
    if not _REGISTRY.fullmatch(text):
        hint = "write host, host:port or a network, such as registry.lan:5000 or 192.168.1.0/24, without http://"
        refuse(f"{show(text)} is no registry", hint)
    return text


def _key(text: str) -> str:
    if text in _OWN:
        refuse(f"the key {text} has an option of its own", f"write {_OWN[text]}: beside config:")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", text):
        refuse(f"{show(text)} is no key of daemon.json", "keys are lower-case words with - between, such as default-ulimits")
    return text


_Text = WithJsonSchema({"type": "string"})
Mirror = Annotated[Url, AfterValidator(_mirror)]
Registry = Annotated[str, AfterValidator(_registry), _Text]
Key = Annotated[str, AfterValidator(_key), _Text]
LogOption = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]*$")]


class DaemonOptions(Options):
    """Keys of /etc/docker/daemon.json; those that are not named here are left as they are on each host."""

    log_driver: Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9._/:-]*$")] | None = Field(
        None, description="Log driver of new containers; `local` is compressed and bounded, Docker's default json-file is not."
    )
    log_opts: dict[LogOption, str | bool | int | float] | None = Field(
        None,
        description="Its options, such as max-size: 10m and max-file: 3; written as the strings that dockerd wants.",
    )
    registry_mirrors: tuple[Mirror, ...] | None = Field(None, description="Mirrors of Docker Hub, tried in this order.")
    insecure_registries: tuple[Registry, ...] | None = Field(
        None, description="Registries without TLS: host, host:port or a network. The host itself (127.0.0.0/8) stays one."
    )
    live_restore: bool | None = Field(None, description="Containers go on when the daemon stops; not with Swarm.")
    config: dict[Key, Any] = Field({}, description="Any other key of daemon.json, as it is to stand there.")
    without: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], ...] = Field(
        (), description="Keys that are not to be in daemon.json."
    )
    allow_restart: bool = Field(False, description="Restart Docker where it takes that, which stops running containers.")


def wanted_keys(options: DaemonOptions) -> dict[str, Any]:
    """What the section asks for, as keys of daemon.json."""
    insecure = options.insecure_registries and (*dict.fromkeys((*options.insecure_registries, *LOOPBACK)),)
    keys: dict[str, Any] = {
        "log-driver": options.log_driver,
        "log-opts": {k: _text(v) for k, v in options.log_opts.items()} if options.log_opts is not None else None,
        "registry-mirrors": list(options.registry_mirrors) if options.registry_mirrors is not None else None,
        "insecure-registries": list(insecure) if insecure is not None else None,
        "live-restore": options.live_restore,
        **options.config,
    }
    return {key: value for key, value in keys.items() if value is not None}


def _text(value: str | bool | int | float) -> str:
    """dockerd refuses to start when an option of a log driver is not a string (docs.docker.com/engine/logging/configure)."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def merged(have: Mapping[str, Any], wanted: Mapping[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
    """The keys that there are, with the wanted ones: objects are merged, everything else is replaced."""
    kept = {key: value for key, value in have.items() if key not in without}
    if "log-driver" in wanted and kept.get("log-driver", "json-file") != wanted["log-driver"]:
        kept.pop("log-opts", None)  # another driver does not know them, and dockerd does not start with unknown ones
    return _over(kept, wanted)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(below[key], value)
        for key, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(key), dict)
    }
    return {**below, **above, **both}
