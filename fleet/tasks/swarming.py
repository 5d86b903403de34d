"""Nodes of a Swarm: what its manager says of them, and letting hosts in, by way of the laptop.

A token lets anybody in who has it. It is read on the manager, kept masked here, and handed to the joining host's Docker over
stdin: `docker swarm join` takes it as an argument only, which `ps` would show to all users there, so that the Engine API is
asked instead, through `docker system dial-stdio`, docker's own way to the socket (docs.docker.com/reference/api/engine).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fleet.errors import FleetError, RemoteError
from fleet.facts.docker_info import read_membership
from fleet.job import Job
from fleet.model import Done, EnterSwarm, Host, Unavailable
from fleet.queries import Swarm, SwarmNode, SwarmQuery
from fleet.remote import connect, execute
from fleet.shell import Secret, words

_PORT = 2377
_SECONDS = 60.0
_JOIN_SECONDS = 120.0
_PAUSE = 3.0

_LOOK = r"""
cat /etc/machine-id
command -v docker >/dev/null && docker info --format '{{json .Swarm}}' 2>/dev/null || exit 0
docker node ls -q 2>/dev/null | xargs -r docker node inspect --format '{{json .}}'
"""
ME = "docker info --format '{{json .Swarm}}'\n"
"""Asks a host for its own place in a Swarm."""


def look(job: Job, query: SwarmQuery) -> Swarm | Unavailable:
    """What the manager says of its Swarm; Unavailable, with the reason, when it can't be asked."""
    try:
        with _manager(job, query.manager) as c:
            return read(as_root(c, job, _LOOK).out)
    except FleetError as error:
        return Unavailable(f"{query.manager}, the Swarm's manager, could not be asked: {error.message}", error.hint)


def read(text: str) -> Swarm:
    """The answer to `_LOOK`: a machine id, the manager's own membership, and a node a line."""
    machine, own, *nodes = [*text.splitlines(), "", ""]
    member = read_membership(json.loads(own or "{}") or {})
    return Swarm(machine, member.node, tuple(_node(json.loads(line)) for line in nodes if line) if member.is_manager else ())


def _node(told: dict[str, Any]) -> SwarmNode:
    spec = told["Spec"]
    return SwarmNode(told["ID"], told["Description"]["Hostname"], spec["Role"], spec["Availability"], spec.get("Labels") or {})


def enter(c: Any, job: Job, action: EnterSwarm) -> None:
    """Carry the action out. Raises RemoteError when the manager or this host's Docker refuses."""
    if action.manager == job.host.name:
        _update(c, c, job, action)
        return
    with _manager(job, action.manager) as manager:
        if action.join:
            address = _begun(manager, job, action)
            token = Secret(said(as_root(manager, job, f"docker swarm join-token -q {words(action.role)}"), "a token"))
            _join(c, job, action, token, address)
        _update(manager, c, job, action)


def _begun(manager: Any, job: Job, action: EnterSwarm) -> str:
    """Wait until the manager has begun its Swarm, which may be going on right now; its address in it."""
    deadline = time.monotonic() + action.timeout
    while True:
        done = as_root(manager, job, ME)
        told = json.loads(done.out or "{}") or {} if done.code == 0 else {}
        if read_membership(told).is_manager and told.get("NodeAddr"):
            return _with_port(str(told["NodeAddr"]))
        if time.monotonic() > deadline:
            why = f"{action.manager} has begun no Swarm within {action.timeout} s"
            raise RemoteError(why, f"fleet provision {action.manager}")
        job.run.stop.wait(_PAUSE)


def _with_port(address: str) -> str:
    return f"[{address}]:{_PORT}" if ":" in address else f"{address}:{_PORT}"


def _join(c: Any, job: Job, action: EnterSwarm, token: Secret, address: str) -> None:
    body = {
        "ListenAddr": f"0.0.0.0:{_PORT}",
        "AdvertiseAddr": action.advertise,
        "RemoteAddrs": [address],
        "JoinToken": token.reveal(),
        "Availability": action.availability,
    }
    data = json.dumps(body).encode()
    head = f"POST /swarm/join HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    request = f"{head}Connection: close\r\n\r\n".encode() + data
    done = as_root(c, job, "exec docker system dial-stdio", stdin=request, timeout=_JOIN_SECONDS)
    status, _, rest = done.out.partition("\r\n")
    if " 200 " not in f"{status} ":
        raise RemoteError(token.mask(f"the Swarm of {action.manager} was not joined: {_reason(rest, done.err)}"), _JOIN_HINT)


_JOIN_HINT = f"Do the hosts reach each other on ports {_PORT} (tcp), 7946 (tcp, udp) and 4789 (udp)? See `advertise`."


def _reason(answer: str, err: str) -> str:
    body = answer.rpartition("\r\n\r\n")[2]
    try:
        return str(json.loads(body[body.index("{") : body.rindex("}") + 1])["message"])
    except (ValueError, KeyError, TypeError):
        return (err or answer).strip()[-200:] or "it said nothing"


def _update(manager: Any, c: Any, job: Job, action: EnterSwarm) -> None:
    """As the manager is to know this host; another change of the same node at the same moment is no reason to fail."""
    node = read_membership(json.loads(said(as_root(c, job, ME), "its place in the Swarm"))).node
    labels = [word for key, value in action.labels for word in (("--label-add", f"{key}={value}") if value else ())]
    here = f"docker node inspect --format '{{{{range $k, $v := .Spec.Labels}}}}{{{{println $k}}}}{{{{end}}}}' {words(node)}"
    gone = [
        f'{here} | grep -qxF {words(key)} && set -- "$@" --label-rm {words(key)}' for key, value in action.labels if not value
    ]
    update = f'docker node update --role {words(action.role)} --availability {words(action.availability)} "$@" {words(node)}'
    done = as_root(manager, job, "\n".join((f"set -- {words(*labels)}", *gone, again(update))))
    said(done, "the change of a node", may_be_silent=True)


def again(command: str) -> str:
    """Sh that runs a change of a node up to five times: another one at the same moment is no reason to fail."""
    return f"for try in 1 2 3 4 5; do said=$({command} 2>&1) && exit 0; sleep 1; done; printf '%s\\n' \"$said\" >&2; exit 1"


def said(done: Done, what: str, *, may_be_silent: bool = False) -> str:
    """What Docker said; raises RemoteError when it refused."""
    text = done.out.strip()
    if done.code or not (text or may_be_silent):
        raise RemoteError(f"Docker refused {what}: {done.err.strip() or f'exit code {done.code}'}", "Is it a manager still?")
    return text


@contextmanager
def _manager(job: Job, name: str) -> Iterator[Any]:
    host: Host | None = job.run.inventory.get(name)
    if host is None:
        raise RemoteError("it is not in the inventory", "Correct swarm: {manager: …} in the recipe, or the inventory.")
    with connect(host, job.run.settings, gateways=job.run.inventory) as c:
        yield c


def as_root(c: Any, job: Job, script: str, *, stdin: bytes = b"", timeout: float = _SECONDS) -> Done:
    """Without a listener: nothing of it, tokens in particular, gets into a log."""
    return execute(c, script, root=True, sudo_password=job.run.sudo.known, timeout=timeout, stdin=stdin, idle=timeout)
