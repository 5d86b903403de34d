"""Hosts: the machines of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Data = str | int | float | bool | None | list["Data"] | dict[str, "Data"]
"""What YAML and JSON can say."""

LOCAL = "local"
"""The address that means: this machine, without SSH."""


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
