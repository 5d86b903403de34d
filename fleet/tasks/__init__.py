"""The Fabric tasks: what `fleet` does on one host, for `fleet` itself and for a fabfile of your own.

    # fabfile.py
    from invoke import Collection
    from fleet.tasks import TASKS

    ns = Collection(fleet=TASKS)

Then ``fab -H pi-kitchen fleet.provision`` does what ``fleet provision pi-kitchen`` does, and exits with the same codes. A
connection made by `fleet` carries its job; for one made by `fab` the host is looked for in the inventory, if there is one.
"""

from __future__ import annotations

import shlex
from datetime import date
from pathlib import Path
from typing import Any

from fabric import task
from invoke.collection import Collection

from fleet.containers import asking
from fleet.model import HostReport, LeaveSwarm
from fleet.tasks import containers, nodes, programs, stacking
from fleet.tasks.fab import walk


@task(name="facts", help={"recipe": "recipe that the host is looked at for"})  # type: ignore[untyped-decorator]
def facts(c: Any, recipe: str = "") -> HostReport:
    """Ask the host for its facts."""
    return walk(c, "facts", recipe, programs.facts)


@task(name="images")  # type: ignore[untyped-decorator]
def images(c: Any) -> HostReport:
    """Ask the host for its images."""
    return walk(c, "images", "", programs.images)


@task(name="plan", help={"recipe": "recipe to plan for (default: the host's, or docker)"})  # type: ignore[untyped-decorator]
def plan(c: Any, recipe: str = "") -> HostReport:
    """Say what would be changed; change nothing."""
    return walk(c, "plan", recipe, programs.plan)


@task(name="provision", help={"recipe": "recipe to make true (default: the host's, or docker)"})  # type: ignore[untyped-decorator]
def provision(c: Any, recipe: str = "") -> HostReport:
    """Make the recipe true on the host, and prove it."""
    return walk(c, "provision", recipe, programs.provision)


@task(name="verify", help={"recipe": "recipe to hold the host against"})  # type: ignore[untyped-decorator]
def verify(c: Any, recipe: str = "") -> HostReport:
    """Look again, and prove again."""
    return walk(c, "verify", recipe, programs.verify)


@task(name="doctor", help={"today": "the day that dates are held against, as 2026-11-24 (default: today)"})  # type: ignore[untyped-decorator]
def doctor(c: Any, today: str = "") -> HostReport:
    """Say what is wrong with the host; change nothing."""
    day = date.fromisoformat(today) if today else date.today()
    return walk(c, "doctor", "", lambda c, job: programs.doctor(c, job, day))


@task(name="command", positional=["words"], help={"words": "a line for the shell", "sudo": "as root", "timeout": "seconds"})  # type: ignore[untyped-decorator]
def command(c: Any, words: Any, sudo: bool = False, timeout: float = 600.0) -> HostReport:
    """Run a command of your own."""
    given = (words,) if isinstance(words, str) else tuple(words)
    return walk(c, "run", "", lambda c, job: programs.command(c, job, given, sudo, timeout))


@task(name="ps")  # type: ignore[untyped-decorator]
def ps(c: Any) -> HostReport:
    """List the containers."""
    return walk(c, "ps", "", containers.ps)


@task(
    name="logs",
    iterable=["container"],
    help={"container": "a service or container (default: all that run)", "follow": "go on", "tail": "lines", "since": "10m, 2h"},
)  # type: ignore[untyped-decorator]
def logs(c: Any, container: Any = (), follow: bool = False, tail: str = "all", since: str = "") -> HostReport:
    """Show the logs of containers."""
    options = containers.LogOptions(follow, tail, since)
    return walk(c, "logs", "", lambda c, job: containers.logs(c, job, tuple(container), options))


@task(name="top", help={"pause": "seconds between two looks; 0: look once"})  # type: ignore[untyped-decorator]
def top(c: Any, pause: float = 0.0) -> HostReport:
    """Show what the containers use."""
    return walk(c, "top", "", lambda c, job: containers.top(c, job, pause or None))


@task(
    name="exec",
    positional=["container", "words"],
    help={"words": "a command, or a line for the shell", "as-user": "in the container", "timeout": "seconds"},
)  # type: ignore[untyped-decorator]
def inside(c: Any, container: str, words: Any, as_user: str = "", timeout: float = 600.0) -> HostReport:
    """Run a command in a container."""
    given = asking.inside((words,) if isinstance(words, str) else tuple(words))
    return walk(c, "exec", "", lambda c, job: containers.inside(c, job, container, given, as_user, timeout))


@task(name="docker", positional=["words"], help={"words": "what follows the word docker", "timeout": "seconds"})  # type: ignore[untyped-decorator]
def docker(c: Any, words: Any, timeout: float = 600.0) -> HostReport:
    """Run a docker command."""
    given = tuple(shlex.split(words)) if isinstance(words, str) else tuple(words)
    return walk(c, "docker", "", lambda c, job: containers.docker(c, job, given, timeout))


@task(name="stacks", help={"recipe": "recipe that they are held against"})  # type: ignore[untyped-decorator]
def stacks(c: Any, recipe: str = "") -> HostReport:
    """Say which stacks there are, and how they stand to the recipe."""
    return walk(c, "stacks", recipe, stacking.stacks)


@task(name="stack-rollback", help={"stack": "its name", "seconds": "until it must be healthy"})  # type: ignore[untyped-decorator]
def stack_rollback(c: Any, stack: str, seconds: int = 120) -> HostReport:
    """Take a stack back to the good one before."""
    return walk(c, "rollback", "", lambda c, job: stacking.rollback(c, job, stack, seconds))


@task(name="stack-down", help={"stack": "its name"})  # type: ignore[untyped-decorator]
def stack_down(c: Any, stack: str) -> HostReport:
    """Take a stack away; its volumes stay."""
    return walk(c, "down", "", lambda c, job: stacking.down(c, job, stack))


@task(
    name="swarm-availability",
    help={"availability": "active, pause or drain", "manager": "a host that is a manager", "timeout": "seconds for tasks to go"},
)  # type: ignore[untyped-decorator]
def swarm_availability(c: Any, availability: str, manager: str = "", timeout: int = 120) -> HostReport:
    """Drain a node of a Swarm, let it pause, or give it tasks again."""
    verb = {"active": "activate"}.get(availability, availability)
    return walk(c, verb, "", lambda c, job: nodes.set_availability(c, job, availability, manager, timeout))


@task(
    name="swarm-leave",
    help={"manager": "a host that is a manager", "end": "the last manager too", "timeout": "seconds for tasks to go"},
)  # type: ignore[untyped-decorator]
def swarm_leave(c: Any, manager: str = "", end: bool = False, timeout: int = 120) -> HostReport:
    """Take a node out of its Swarm."""
    return walk(c, "leave", "", lambda c, job: nodes.leave_swarm(c, job, LeaveSwarm(manager, end, timeout)))


@task(name="push", help={"image": "its name", "archive": "a file that has it (default: this machine's Docker)"})  # type: ignore[untyped-decorator]
def push(c: Any, image: str, archive: str = "", cargo: Any = None, exchange: Any = None) -> HostReport:
    """Send an image: only the layers that the host lacks. ``cargo`` is open already, ``exchange`` is the other hosts'."""
    from fleet.shipping.cargo import Cargo  # for this task alone
    from fleet.tasks import pushing

    if isinstance(cargo, Cargo):
        return walk(c, "push", "", lambda c, job: pushing.push(c, job, cargo, exchange))
    with Cargo(image, Path(archive) if archive else None) as own:
        return walk(c, "push", "", lambda c, job: pushing.push(c, job, own))


TASKS = Collection(
    *(facts, images, plan, provision, verify, doctor, command, ps, logs, top, inside, docker),
    *(stacks, stack_rollback, stack_down, swarm_availability, swarm_leave, push),
)

__all__ = [
    "TASKS",
    "command",
    "docker",
    "doctor",
    "facts",
    "images",
    "inside",
    "logs",
    "plan",
    "provision",
    "ps",
    "push",
    "stack_down",
    "stack_rollback",
    "stacks",
    "swarm_availability",
    "swarm_leave",
    "top",
    "verify",
]
