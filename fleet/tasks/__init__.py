"""The Fabric tasks: what `fleet` does on one host, for `fleet` itself and for a fabfile of your own.

    # fabfile.py
    from invoke import Collection
    from fleet.tasks import TASKS

    ns = Collection(fleet=TASKS)

Then ``fab -H pi-kitchen fleet.provision`` does what ``fleet provision pi-kitchen`` does. A connection made by `fleet` carries
its job; for one made by `fab` the job is found from the inventory, if there is one, and the recipe named.
"""

from __future__ import annotations

from typing import Any

from fabric import task
from invoke.collection import Collection

from fleet.model import HostReport
from fleet.tasks import programs
from fleet.tasks.fab import finish, job_for, job_of


@task(name="facts", help={"recipe": "recipe that the host is looked at for"})  # type: ignore[untyped-decorator]
def facts(c: Any, recipe: str = "") -> HostReport:
    """Ask the host for its facts."""
    return finish(c, programs.facts(c, job_of(c) or job_for(c, "facts", recipe)))


@task(name="plan", help={"recipe": "recipe to plan for (default: the host's, or docker)"})  # type: ignore[untyped-decorator]
def plan(c: Any, recipe: str = "") -> HostReport:
    """Say what would be changed; change nothing."""
    return finish(c, programs.plan(c, job_of(c) or job_for(c, "plan", recipe)))


@task(name="provision", help={"recipe": "recipe to make true (default: the host's, or docker)"})  # type: ignore[untyped-decorator]
def provision(c: Any, recipe: str = "") -> HostReport:
    """Make the recipe true on the host, and prove it."""
    return finish(c, programs.provision(c, job_of(c) or job_for(c, "provision", recipe)))


@task(name="verify", help={"recipe": "recipe to hold the host against"})  # type: ignore[untyped-decorator]
def verify(c: Any, recipe: str = "") -> HostReport:
    """Look again, and prove again."""
    return finish(c, programs.verify(c, job_of(c) or job_for(c, "verify", recipe)))


@task(name="command", positional=["words"], help={"words": "a line for the shell", "sudo": "as root", "timeout": "seconds"})  # type: ignore[untyped-decorator]
def command(c: Any, words: Any, sudo: bool = False, timeout: float = 600.0) -> HostReport:
    """Run a command of your own."""
    given = (words,) if isinstance(words, str) else tuple(words)
    return finish(c, programs.command(c, job_of(c) or job_for(c, "run", ""), given, sudo, timeout))


TASKS = Collection(facts, plan, provision, verify, command)

__all__ = ["TASKS", "command", "facts", "plan", "provision", "verify"]
