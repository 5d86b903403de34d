"""What the running daemon says of itself: the Engine API's GET /info (docs.docker.com/reference/api/engine, SystemInfo)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LIMITS = {"memory": "MemoryLimit", "swap": "SwapLimit", "cpu": "CpuCfsQuota", "pids": "PidsLimit"}


@dataclass(frozen=True, slots=True)
class Info:
    """``mirrors`` end in a slash, as the daemon shows them; ``insecure`` are networks and registries without TLS.

    ``unkept`` names the limits that this daemon can't keep: memory, swap, cpu, pids. ``warnings`` are its own.
    ``containerd_store``: images are in containerd's store, told by "driver-type" (moby/moby, daemon/containerd/service.go).
    """

    log_driver: str = ""
    live_restore: bool = False
    debug: bool = False
    data_root: str = ""
    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    swarm: bool = False
    unkept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    containerd_store: bool = False


def read_info(said: Mapping[str, Any]) -> Info | None:
    """The answer's parts that matter; None when there was no answer."""
    if not said.get("ServerVersion"):
        return None
    registries = _mapping(said.get("RegistryConfig"))
    indexes = _mapping(registries.get("IndexConfigs"))
    open_ones = (name for name, index in indexes.items() if _mapping(index).get("Secure") is False)
    return Info(
        log_driver=str(said.get("LoggingDriver", "")),
        live_restore=said.get("LiveRestoreEnabled") is True,
        debug=said.get("Debug") is True,
        data_root=str(said.get("DockerRootDir", "")),
        mirrors=_words(registries.get("Mirrors")),
        insecure=(*_words(registries.get("InsecureRegistryCIDRs")), *open_ones),
        swarm=_mapping(said.get("Swarm")).get("LocalNodeState") not in (None, "", "inactive"),
        unkept=tuple(name for name, field in _LIMITS.items() if said.get(field) is False),
        warnings=_words(said.get("Warnings")),
        containerd_store="io.containerd.snapshotter.v1" in json.dumps(said.get("DriverStatus")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, list) else ()
