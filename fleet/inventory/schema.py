"""The shape of an inventory file. `inventory/example.yml` shows every key."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fleet.files import fields


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Settings(_Entry):
    """What hosts, groups and the defaults have in common. An empty value counts as not said."""

    user: fields.UserName | None = Field(
        None, description="Login user. Default: what ~/.ssh/config says, else your own user name."
    )
    port: fields.Port | None = Field(
        None, description="Port of the SSH server, 1 to 65535. Default: what ~/.ssh/config says, else 22."
    )
    key: fields.KeyPath | None = Field(
        None,
        description="Path of the private key on this machine, such as ~/.ssh/id_ed25519. Default: the agent and ~/.ssh/config.",
    )
    gateway: fields.Gateway | None = Field(
        None, description="The host to go through: the name of another host of the inventory, or [user@]host[:port]."
    )
    vars: dict[fields.VarName, Any] | None = Field(None, description="Values for recipes, which write them as ${vars.NAME}.")
    recipe: str | None = Field(
        None, min_length=1, description="The recipe that says what is to be true of the host. Default: docker."
    )


class Defaults(Settings):
    """Settings of every host whose groups and own entry are silent."""


class Group(Settings):
    """Settings of the hosts that name this group."""


class Entry(Settings):
    """One host."""

    address: fields.Address | None = Field(
        None,
        description="Host name, IPv4 or IPv6 address, or `local` for this very machine without SSH. Default: the host's name.",
    )
    groups: list[fields.HostName] | None = Field(
        None, description="The groups that the host belongs to. A later group wins over an earlier one."
    )


class InventoryFile(_Entry):
    """An inventory of fleet: the machines, and how to reach them."""

    defaults: Defaults | None = Field(None, description="Settings of every host whose groups and own entry are silent.")
    groups: dict[fields.HostName, Group | None] | None = Field(
        None, description="Groups by name, each with settings for the hosts that name it."
    )
    hosts: dict[fields.HostName, Entry | None] | None = Field(
        None, description="The machines by name. A name alone is enough where it can be reached by that name."
    )
