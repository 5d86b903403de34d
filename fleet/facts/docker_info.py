"""What the running daemon says of itself: the Engine API's GET /info (docs.docker.com/reference/api/engine, SystemInfo)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LIMITS = {"memory": "MemoryLimit", "swap": "SwapLimit", "cpu": "CpuCfsQuota", "pids": "PidsLimit"}


@dataclass(frozen=True, slots=True)
class Membership:
    """The host in a Swarm: its node id and, in Docker's words, its state: inactive, pending, active, error, locked."""

    state: str = "inactive"
    node: str = ""
    is_manager: bool = False
    error: str = ""


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
    member: Membership = Membership()
    unkept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    containerd_store: bool = False

    @property
    def swarm(self) -> bool:
        """True when the host is part of a Swarm, or on its way into one."""
        return self.member.state != "inactive"


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
        member=read_membership(_mapping(said.get("Swarm"))),
        unkept=tuple(name for name, field in _LIMITS.items() if said.get(field) is False),
        warnings=_words(said.get("Warnings")),
        containerd_store="io.containerd.snapshotter.v1" in json.dumps(said.get("DriverStatus")),
    )


def read_membership(said: Mapping[str, Any]) -> Membership:
    """The part ``Swarm`` of the answer."""
    return Membership(
        state=str(said.get("LocalNodeState") or "inactive"),
        node=str(said.get("NodeID", "")),
        is_manager=said.get("ControlAvailable") is True,
        error=str(said.get("Error", "")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, list) else ()
