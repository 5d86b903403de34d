"""Docker contexts of the laptop's own docker command, one for each host, with what ssh needs to know of it.

Docker's files are those of docker/cli, cli/context/store: contexts/meta/SHA256-OF-NAME/meta.json. docker starts `ssh` for a
context (docker.com, engine/security/protect-access), and a context has no room for a key, a gateway or the fleet's record of
host keys. So its address is a name of ours, which a file beside ~/.ssh/config explains.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.contexts import meta, sshfile
from fleet.errors import FileError, FleetError, UsageError
from fleet.model import Host
from fleet.remote import Settings


class ContextError(FileError):
    """A context can't be written or removed."""

    stage = "context"


@dataclass(frozen=True, slots=True)
class Context:
    """What became of one host's context: written, removed, as wanted, or skipped with a reason."""

    host: str
    name: str
    address: str
    outcome: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files are."""

    docker: Path
    ssh: Path

    @classmethod
    def usual(cls) -> Places:
        """$DOCKER_CONFIG or ~/.docker, and ~/.ssh."""
        return cls(Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"), Path.home() / ".ssh")


def write(
    hosts: Sequence[Host], known: Mapping[str, Host], settings: Settings, places: Places, prefix: str
) -> tuple[Context, ...]:
    """Make a context for each host. Nothing is written if a name is taken by a context of somebody else's making."""
    wanted = [host for host in hosts if not host.is_local]
    for host in wanted:
        _refuse_foreign(places, meta.context_name(prefix, host.name))
    blocks = sshfile.blocks(wanted, known, settings)
    try:
        sshfile.update(places.ssh, {**sshfile.read(places.ssh), **blocks})
        written = {host.name: _write(host, places, prefix) for host in wanted}
    except OSError as error:
        raise _unwritable(error) from error
    return tuple(written.get(host.name) or _local(host) for host in hosts)


def remove(hosts: Sequence[Host], places: Places, prefix: str) -> tuple[Context, ...]:
    """Remove the contexts of these hosts, and what ssh was told of them; of others' making nothing is touched."""
    current = meta.current(places.docker)
    for host in hosts:
        name = meta.context_name(prefix, host.name)
        if name == current and meta.is_ours(places.docker, name):
            raise ContextError(f"the context {name} is the one in use", "Use another first: docker context use default")
    try:
        removed = tuple(_remove(host, places, prefix) for host in hosts)
        left = sshfile.read(places.ssh)
        in_use = meta.aliases(places.docker)
        sshfile.update(places.ssh, sshfile.needed(left, in_use))
    except OSError as error:
        raise _unwritable(error) from error
    return removed


def _write(host: Host, places: Places, prefix: str) -> Context:
    name = meta.context_name(prefix, host.name)
    address = f"ssh://{sshfile.alias(host.name)}"
    changed = meta.write(places.docker, name, host.name, address)
    return Context(host.name, name, address, "written" if changed else "ok")


def _remove(host: Host, places: Places, prefix: str) -> Context:
    name = meta.context_name(prefix, host.name)
    if meta.is_ours(places.docker, name):
        meta.remove(places.docker, name)
        return Context(host.name, name, f"ssh://{sshfile.alias(host.name)}", "removed")
    why = "not one of fleet's" if meta.exists(places.docker, name) else "there is none"
    return Context(host.name, name, "", "skipped", why)


def _local(host: Host) -> Context:
    return Context(host.name, "", "", "skipped", "this very machine is docker's context `default`")


def _refuse_foreign(places: Places, name: str) -> None:
    problem = meta.problem_of(name)
    if problem:
        raise UsageError(f"docker takes no context named {name}: {problem}", "Choose another name: --prefix fleet-")
    if meta.exists(places.docker, name) and not meta.is_ours(places.docker, name):
        raise ContextError(
            f"there is a context {name} already, which fleet has not made",
            f"Remove it (docker context rm {name}), or let the new ones begin otherwise: --prefix fleet-",
            path=str(meta.path_of(places.docker, name)),
        )


def _unwritable(error: OSError) -> FleetError:
    return ContextError(f"{error.strerror}: {error.filename}", "Make it writable for you.")


__all__ = ["Context", "ContextError", "Places", "remove", "write"]
