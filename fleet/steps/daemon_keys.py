"""What is known of the keys of daemon.json: when they count, what they clash with, and how to see that they are in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fleet.facts.docker_info import Info

RELOADABLE = frozenset(
    {
        "authorization-plugins", "debug", "default-runtime", "insecure-registries", "labels", "live-restore",
        "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "registry-mirrors", "runtimes",
        "shutdown-timeout",
    }
)  # fmt: skip
"""Taken over on SIGHUP (docs.docker.com/reference/cli/dockerd, "Configuration reload behavior"). "features" are there too,
but the image store, the one that matters, is chosen at the start."""

NOT_RESTORED = frozenset(
    {
        "bip", "bridge", "containerd", "data-root", "default-address-pools", "exec-root", "features", "fixed-cidr",
        "fixed-cidr-v6", "ip6tables", "iptables", "ipv6", "storage-driver", "storage-opts", "userns-remap",
    }
)  # fmt: skip
"""When one of these changes, containers don't outlive a restart, live-restore or not (docs.docker.com/engine/daemon/live-restore,
"only if the daemon options, such as bridge IP addresses and graph driver, did not change")."""

HIDING = frozenset({"data-root", "storage-driver", "userns-remap", "features"})
"""With another value, images and containers made so far lie where the daemon does not look (docs.docker.com/engine/storage)."""

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""Implied until Engine 29.10.0; since then a list of insecure registries is all there is (its release notes)."""

PACKAGE_FLAGS = ("-H", "fd://", "--containerd=/run/containerd/containerd.sock")
"""Of docker.service as the package brings it (docker/docker-ce-packaging, systemd/docker.service)."""

_SHORT = {
    "-H": "hosts", "-D": "debug", "-l": "log-level", "-s": "storage-driver", "-G": "group", "-b": "bridge", "-p": "pidfile",
}  # fmt: skip
_OTHERWISE = {"add-runtime": "runtimes", "http-proxy": "proxies", "https-proxy": "proxies", "no-proxy": "proxies"}
_PLURAL = frozenset(
    {
        "authorization-plugin", "default-address-pool", "default-network-opt", "default-ulimit", "dns-opt", "exec-opt", "feature",
        "host", "label", "log-opt", "node-generic-resource", "registry-mirror", "storage-opt",
    }
)  # fmt: skip
_CONFIG_FILE = "config-file"


def key_of(flag: str) -> str:
    """The key that a flag of dockerd sets, so that the two can't stand together; empty for a word that is no flag."""
    if not flag.startswith("--"):
        return _SHORT.get(flag[:2], "")
    name = flag[2:].partition("=")[0]
    if name == "insecure-registry":
        return "insecure-registries"
    return _OTHERWISE.get(name) or (f"{name}s" if name in _PLURAL else name)


def clashes(keys: Iterable[str], flags: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Keys that are set as a flag too, each with the flag: dockerd does not start then."""
    by_key = {key_of(flag): flag for flag in flags}
    return tuple((key, by_key[key]) for key in keys if key in by_key)


def other_file(flags: tuple[str, ...]) -> str:
    """The configuration file that the flags name in place of the usual one; empty for none."""
    for number, flag in enumerate(flags):
        name, equals, value = flag.partition("=")
        if name == f"--{_CONFIG_FILE}":
            return value if equals else flags[number + 1] if number + 1 < len(flags) else ""
    return ""


def in_force(key: str, value: Any, info: Info) -> bool | None:
    """Does the running daemon go by this? None for a key that it does not tell of."""
    match key:
        case "log-driver":
            return bool(info.log_driver == value)
        case "live-restore":
            return bool(info.live_restore == value)
        case "debug":
            return bool(info.debug == value)
        case "data-root":
            return bool(info.data_root == value)
        case "registry-mirrors":
            return [_slashed(mirror) for mirror in value] == list(info.mirrors)
        case "insecure-registries":
            return set(value) <= set(info.insecure)
    return None


def told(info: Info, keys: Mapping[str, Any]) -> Info:
    """What the daemon will say of itself when these keys are in force."""
    return Info(
        log_driver=keys.get("log-driver", info.log_driver),
        live_restore=keys.get("live-restore", info.live_restore),
        debug=keys.get("debug", info.debug),
        data_root=keys.get("data-root", info.data_root),
        mirrors=tuple(_slashed(mirror) for mirror in keys.get("registry-mirrors", info.mirrors)),
        insecure=tuple(keys.get("insecure-registries", info.insecure)),
        member=info.member,
        unkept=info.unkept,
        warnings=info.warnings,
    )


def _slashed(mirror: str) -> str:
    return mirror.rstrip("/") + "/"
