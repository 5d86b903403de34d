"""Nodes of a Swarm that exist already: their availability, and leaving it.

Only managers can change nodes, so that one is found for a worker: the host that is named, or one of the inventory that has
the address of a manager the worker knows (docs.docker.com/engine/swarm/manage-nodes).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from fleet.errors import FleetError, RemoteError
from fleet.job import Job
from fleet.model import HostReport, LeaveSwarm, Outcome, StepOutcome
from fleet.remote import connect
from fleet.shell import words
from fleet.tasks import probing
from fleet.tasks.swarming import ME, again, as_root, said

STEP = "swarm"
_PAUSE = 1.0
_SECONDS = 60.0
"""For a node to become a worker, and for its managers to see that it is gone."""
_TASKS = "docker ps -q --filter label=com.docker.swarm.task.id | wc -l"
_LEAVING = "leave a Swarm"


def set_availability(c: Any, job: Job, wanted: str, manager: str, timeout: int) -> HostReport:
    """`fleet swarm drain`, `pause` and `activate`: as the managers are to know this node."""
    started = time.monotonic()
    _begin(c, job)
    me = _member(c, job)
    with _a_manager(c, job, me, manager) as m:
        was = said(as_root(m, job, f"docker node inspect --format '{{{{.Spec.Availability}}}}' {words(me['NodeID'])}"), "a look")
        if was != wanted:
            _update(m, job, me, f"--availability {wanted}")
    left = _tasks(c, job, timeout) if wanted == "drain" else 0
    if left:
        why, hint = f"drained, and after {timeout} s {left} of its tasks still run", "See: fleet ps " + job.host.name
        return _told(job, StepOutcome(STEP, Outcome.FAILED, why, hint, time.monotonic() - started))
    outcome, why = (Outcome.OK, f"{was} already") if was == wanted else (Outcome.CHANGED, f"{was} → {wanted}")
    return _told(job, StepOutcome(STEP, outcome, why, "", time.monotonic() - started))


def leave_swarm(c: Any, job: Job, action: LeaveSwarm) -> HostReport:
    """`fleet swarm leave`."""
    started = time.monotonic()
    _begin(c, job)
    me = _me(c, job)
    if me["LocalNodeState"] == "inactive":
        return _told(job, StepOutcome(STEP, Outcome.OK, "in no Swarm"))
    with _one_at_a_time(job):
        others = _managers(c, job) - 1 if me["ControlAvailable"] else 1
        if not others and not action.end:
            why = "it is the last manager: without it the Swarm is at its end"
            hint = f"Make another host a manager first, or end the Swarm: fleet swarm leave {job.host.name} --end"
            return _told(job, StepOutcome(STEP, Outcome.BLOCKED, why, hint))
        _leave(c, job, action)
    why = f"left the Swarm{', demoted first' if me['ControlAvailable'] and others else '' if others else ', which has ended'}"
    return _told(job, StepOutcome(STEP, Outcome.CHANGED, why, "", time.monotonic() - started))


def leave(c: Any, job: Job, action: LeaveSwarm) -> None:
    """Carry the action out. Raises RemoteError when Docker refuses, or this is the last manager after all."""
    with _one_at_a_time(job):
        _leave(c, job, action)


def _leave(c: Any, job: Job, action: LeaveSwarm) -> None:
    me = _member(c, job)
    if me["ControlAvailable"] and _managers(c, job) == 1:
        if not action.end:
            raise RemoteError("it is the last manager of its Swarm by now", "Make another host a manager first.")
        said(as_root(c, job, "docker swarm leave --force"), "to let it go", may_be_silent=True)
        return
    with _another_manager(job, me, action.manager) as m:
        _update(m, job, me, "--availability drain")
        _tasks(c, job, action.timeout)
        if me["ControlAvailable"]:
            _update(m, job, me, "--role worker")
            _wait(job, lambda: not _me(c, job)["ControlAvailable"], "it is a manager still")
        said(as_root(c, job, "docker swarm leave"), "to let it go", may_be_silent=True)
        gone = f"docker node rm {words(me['NodeID'])} >/dev/null 2>&1"
        _wait(job, lambda: as_root(m, job, gone).code == 0, "it has left, and its managers still list it as a node")


# ── what is asked ────────────────────────────────────────────────────────────────────────────────────────────────────


def _me(c: Any, job: Job) -> dict[str, Any]:
    told = json.loads(said(as_root(c, job, ME), "its place in a Swarm")) or {}
    return {"LocalNodeState": "inactive", "NodeID": "", "ControlAvailable": False, **told}


def _member(c: Any, job: Job) -> dict[str, Any]:
    me = _me(c, job)
    if me["LocalNodeState"] == "inactive":
        raise RemoteError("it is in no Swarm", f"Let it join one: fleet provision {job.host.name} --recipe swarm")
    if me["LocalNodeState"] != "active":
        hint = f"See what Docker says there: fleet run {job.host.name} --sudo -- docker info"
        raise RemoteError(f"it is in a Swarm, and that is in the state {me['LocalNodeState']}", hint)
    return me


def _managers(c: Any, job: Job) -> int:
    return len(said(as_root(c, job, "docker node ls -q --filter role=manager"), "the list of its managers").split())


def _tasks(c: Any, job: Job, seconds: int) -> int:
    """Wait until the tasks of services are gone from here; how many are left after so many seconds."""
    ends = time.monotonic() + seconds
    while left := int(said(as_root(c, job, _TASKS), "the list of its tasks")):
        if time.monotonic() > ends:
            return left
        job.run.stop.wait(_PAUSE)
    return 0


def _update(manager: Any, job: Job, me: dict[str, Any], change: str) -> None:
    done = as_root(manager, job, again(f"docker node update {change} {words(me['NodeID'])}"))
    said(done, "the change of a node", may_be_silent=True)


def _wait(job: Job, is_so: Any, else_why: str) -> None:
    ends = time.monotonic() + _SECONDS
    while not is_so():
        if time.monotonic() > ends:
            raise RemoteError(f"{else_why} after {_SECONDS:.0f} s", f"fleet run {job.host.name} --sudo -- docker info")
        job.run.stop.wait(_PAUSE)


# ── whom to ask ──────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _one_at_a_time(job: Job) -> Iterator[None]:
    """Of two managers that leave at once, each would count the other."""
    lock = job.run.shared.get(_LEAVING, threading.Lock)
    with lock:  # type: ignore[attr-defined]
        yield


@contextmanager
def _a_manager(c: Any, job: Job, me: dict[str, Any], named: str) -> Iterator[Any]:
    if me["ControlAvailable"]:
        yield c
        return
    with _another_manager(job, me, named) as m:
        yield m


@contextmanager
def _another_manager(job: Job, me: dict[str, Any], named: str) -> Iterator[Any]:
    """A connection to another host of the inventory that is a manager of the same Swarm."""
    problem: FleetError | None = None
    for name in _candidates(job, me, named):
        with ExitStack() as stack:
            try:
                m = stack.enter_context(connect(job.run.inventory[name], job.run.settings, gateways=job.run.inventory))
                said(as_root(m, job, f"docker node inspect --format '{{{{.ID}}}}' {words(me['NodeID'])}"), "a look at this node")
            except FleetError as error:
                problem = RemoteError(f"{name} is no manager of its Swarm that answers: {error.message}", error.hint)
                continue
            yield m
            return
    raise problem or RemoteError("no other manager of its Swarm is known here", "Say which host is one: --manager NAME")


def _candidates(job: Job, me: dict[str, Any], named: str) -> list[str]:
    known = [str(each.get("Addr", "")).rpartition(":")[0].strip("[]") for each in me.get("RemoteManagers") or ()]
    found = [named, *(host.name for host in job.run.inventory.values() if host.address in known)]
    return [name for name in dict.fromkeys(found) if name in job.run.inventory and name != job.host.name]


def _begin(c: Any, job: Job) -> None:
    """Is the host meant, and is there a way to root?"""
    job.run.stop.check()
    job.run.reporter.stage(job.host.name, "asking")
    if job.run.matches is not None or job.run.sudo.known is None:
        probing.require_root(probing.ask_meant(c, job))


def _told(job: Job, outcome: StepOutcome) -> HostReport:
    job.run.reporter.step_finished(job.host.name, outcome)
    return HostReport(job.host.name, steps=(outcome,))
