"""Addresses of image registries: this machine's own, and those that a daemon trusts without TLS."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit


def is_loopback(registry: str) -> bool:
    """Whether it is on the very machine that asks."""
    host = _host(registry)
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_insecure(registry: str, trusted: Iterable[str]) -> bool:
    """Whether ``trusted`` has it: entries of insecure-registries, hosts with their ports or networks
    (docs.docker.com/reference/cli/dockerd, "Insecure registries")."""
    return any(entry == registry or _is_in(_host(registry), entry) for entry in trusted)


def _is_in(host: str, network: str) -> bool:
    with suppress(ValueError):
        return "/" in network and ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    return False


def _host(registry: str) -> str:
    return urlsplit(f"//{registry}").hostname or ""
