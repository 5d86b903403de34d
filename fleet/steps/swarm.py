"""The host is a node of the fleet's Docker Swarm, with the role, availability and labels that the recipe says."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fleet.facts import MACHINE
from fleet.facts.daemon import DAEMON
from fleet.facts.docker_info import Membership
from fleet.files.fields import HostName, refuse
from fleet.files.problems import show
from fleet.model import (
    Action,
    Blocked,
    Change,
    EnterSwarm,
    Facts,
    LeaveSwarm,
    Options,
    Query,
    Run,
    Satisfied,
    Situation,
    Step,
    Unavailable,
    Verdict,
)
from fleet.queries import Swarm, SwarmNode, SwarmQuery
from fleet.shell import words

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_ADVERTISED = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*")


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        refuse(f"{show(text)} is no name of a label", "use letters, digits, dots, - and _")
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        refuse(f"{show(text)} can't be a label's value", "write it on one line")
    return text


def _advertised(text: str) -> str:
    if not _ADVERTISED.fullmatch(text):
        refuse(f"{show(text)} is no address and no network interface", "write an IP address, or a name such as eth0")
    return text


class SwarmOptions(Options):
    """Which Swarm, and as what (docs.docker.com/engine/swarm)."""

    state: Literal["present", "absent"] = Field(
        "present", description="absent: it leaves the Swarm, drained; a manager is demoted first."
    )
    end: bool = Field(False, description="With state: absent, let the last manager leave too, which ends the Swarm.")
    manager: HostName | None = Field(None, description="The host of the inventory that begins the Swarm, and lets others in.")
    role: Literal["manager", "worker"] = Field("worker", description="Of this host; the one named as manager always is one.")
    availability: Literal["active", "pause", "drain"] = Field(
        "active", description="drain: its tasks go to other nodes, and it gets none."
    )
    labels: dict[Annotated[str, AfterValidator(_label)], Annotated[str, AfterValidator(_one_line)]] = Field(
        default_factory=dict, description="For node.labels in placements; without a value: taken off. Others stay."
    )
    advertise: Annotated[str, AfterValidator(_advertised)] | None = Field(
        None, description="The address or interface by which other nodes reach this one. Left out: Docker finds it."
    )
    timeout: int = Field(600, ge=10, le=7200, description="Seconds to wait for the manager to begin the Swarm.")


class SwarmStep(Step[SwarmOptions]):
    """Begins the Swarm on one host and lets the others join; whoever is in another Swarm is left there."""

    name = "swarm"
    title = "a node of the Swarm"
    requires = ("service",)
    probes = (DAEMON,)
    options = SwarmOptions

    def queries(self, facts: Facts, options: SwarmOptions) -> tuple[Query[object], ...]:
        """What the manager says: labels and roles are known to managers alone. Who is out and stays out needs none."""
        is_out = options.state == "absent" and _member(facts).state == "inactive"
        return (SwarmQuery(options.manager),) if options.manager and not is_out else ()

    def verdict(self, situation: Situation[SwarmOptions]) -> Verdict:
        """Compare what the host is in with what the manager says of it."""
        options, daemon, member = situation.options, situation.facts[DAEMON], _member(situation.facts)
        if options.state == "absent" and member.state == "inactive":
            return Satisfied("in no Swarm")
        if not options.manager:
            return Blocked("no manager is named", "Say which host begins the Swarm: swarm: {manager: NAME} in the recipe.")
        answer = situation.catalog[SwarmQuery(options.manager)]
        if isinstance(answer, Unavailable):
            return Blocked(answer.why, answer.hint)
        if member.state in ("error", "locked", "pending"):
            return _unwell(member)
        if options.state == "absent":
            return _leave(options, answer, member)
        begins = answer.machine_id == situation.facts[MACHINE].machine_id
        if member.state == "active":
            return _node(options, answer, member, begins)
        if daemon.live_restore:
            return Blocked("Docker can't be in a Swarm with live-restore on", "Set daemon: {live_restore: false} in the recipe.")
        return _enter(options, begins)


def _member(facts: Facts) -> Membership:
    info = facts[DAEMON].info
    return info.member if info else Membership()


def _leave(options: SwarmOptions, swarm: Swarm, member: Membership) -> Verdict:
    node = next((node for node in swarm.nodes if node.id == member.node), None)
    if node is None:
        return _elsewhere(options)
    managers = [each for each in swarm.nodes if each.role == "manager"]
    if managers == [node] and not options.end:
        return Blocked(
            f"it is the last manager: without it the Swarm of {len(swarm.nodes)} nodes is at its end",
            "Make another host a manager first (swarm: {role: manager}), or allow it: swarm: {state: absent, end: true}.",
        )
    how = " (the last manager, so it ends)" if managers == [node] else ", demoted first" if node in managers else ""
    action = LeaveSwarm(options.manager or "", options.end)
    return Change(f"leave the Swarm of {options.manager}{how}", (action,))


def _unwell(member: Membership) -> Blocked:
    remedy = {
        "locked": "Unlock it on the host: docker swarm unlock",
        "pending": "Is the manager reachable on port 2377? Wait, or give it up: fleet run HOST --sudo -- docker swarm leave",
    }
    why = f": {member.error}" if member.error else ""
    return Blocked(
        f"it is in a Swarm, and that is in the state {member.state}{why}",
        remedy.get(member.state, "See what Docker says there: fleet run HOST --sudo -- docker info"),
    )


def _enter(options: SwarmOptions, begins: bool) -> Change:
    role = "manager" if begins else options.role
    actions: tuple[Action, ...] = (_action(options, role, join=not begins),)
    if not begins:
        return Change(f"join the Swarm of {options.manager} as {role}", actions)
    where = words("--advertise-addr", options.advertise) if options.advertise else ""
    # What it prints is a token, with which anybody could join.
    start = Run("begin a Swarm", f"docker swarm init {where} >/dev/null")
    return Change("begin a Swarm", (start, *actions) if _has_wishes(options) else (start,))


def _has_wishes(options: SwarmOptions) -> bool:
    return options.availability != "active" or any(options.labels.values())


def _node(options: SwarmOptions, swarm: Swarm, member: Membership, begins: bool) -> Verdict:
    node = next((node for node in swarm.nodes if node.id == member.node), None)
    if node is None:
        return _elsewhere(options)
    role = "manager" if begins else options.role
    differing = _differing(options, node, role)
    if not differing:
        return Satisfied(f"{role}, {node.availability}, {len(swarm.nodes)} nodes")
    return Change(f"in the Swarm: {', '.join(differing)}", (_action(options, role, join=False),))


def _elsewhere(options: SwarmOptions) -> Blocked:
    return Blocked(
        f"it is in another Swarm than {options.manager}",
        "Let it leave that one first: fleet run HOST --sudo -- docker swarm leave (--force on its last manager)",
    )


def _differing(options: SwarmOptions, node: SwarmNode, role: str) -> list[str]:
    found = [f"role {node.role} → {role}"] if node.role != role else []
    if node.availability != options.availability:
        found.append(f"availability {node.availability} → {options.availability}")
    labels = (f"label {key}={value}" for key, value in options.labels.items() if node.labels.get(key, "") != value)
    return [*found, *labels]


def _action(options: SwarmOptions, role: str, *, join: bool) -> EnterSwarm:
    labels = tuple(sorted(options.labels.items()))
    return EnterSwarm(options.manager or "", role, options.availability, labels, join, options.advertise or "", options.timeout)
