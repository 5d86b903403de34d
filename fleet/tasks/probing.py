"""Ask a host everything in one exec, and work out its plan."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fleet import facts as facts_room
from fleet import plan as plan_room
from fleet.errors import NotSelected, PlanError, SudoError
from fleet.facts import MACHINE, ROOT_WAYS, SUDO
from fleet.facts.accounts import NEEDS_PASSWORD, no_root
from fleet.job import Job
from fleet.model import Catalog, Facts, Options, Plan, Probe, Query
from fleet.plan import saved as saved_room
from fleet.queries import PushedQuery, SwarmQuery
from fleet.remote import probe as remote_probe
from fleet.remote import way_of
from fleet.shell import Secret
from fleet.steps import STEPS
from fleet.tasks import swarming


def ask(c: Any, job: Job, probes: tuple[Probe[Any], ...] = ()) -> Facts:
    """Probe the host for all that its plan needs, or with ``probes`` for those. What needs root is unknown when there is no
    way to root. Asks for a sudo password at most once."""
    probes = probes or job.probes
    password = job.run.sudo.known  # another host's worker may have got it by the time this answer is here
    facts = _ask_once(c, job, probes, password)
    if facts[SUDO] == NEEDS_PASSWORD and password is None:
        password = job.run.sudo.get()
        return _ask_once(c, job, probes, password) if password else facts
    return facts


def ask_meant(c: Any, job: Job, probes: tuple[Probe[Any], ...] = ()) -> Facts:
    """As `ask`; raises NotSelected when the facts are not those that the command line asked for."""
    found = ask(c, job, probes)
    if job.run.matches is not None and not job.run.matches(found):
        raise NotSelected(f"{job.host.name} does not match the facts asked for")
    return found


def _ask_once(c: Any, job: Job, probes: tuple[Probe[Any], ...], password: Secret | None) -> Facts:
    nonce = secrets.token_hex(8)
    framed = facts_room.script(probes, nonce)
    clock = f"fleet_now={int(time.time())}\n"
    done = remote_probe(c, clock + framed.user, framed.root, sudo_password=password, timeout=job.run.probe_timeout)
    return facts_room.read(probes, nonce, done.out).but(SUDO, str(way_of(done.out)))


def require_root(facts: Facts) -> None:
    """Raise SudoError, with the remedy, unless there is a way to root."""
    if facts[SUDO] not in ROOT_WAYS:
        raise SudoError(*no_root(facts[SUDO], facts[facts_room.SESSION].user))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan with what it was made from."""

    plan: Plan
    catalog: Catalog
    options: Mapping[str, Options]
    facts: Facts


def propose(job: Job, facts: Facts) -> Proposal:
    """Build the plan, and look up on the way what only the network knows."""
    job = job.fitted(facts)
    options_of = job.options_of(facts)
    return _built(job, facts, {step.name: options_of(step) for step in job.steps}, Catalog())


def propose_with(job: Job, before: Proposal, options: Mapping[str, Options]) -> Proposal:
    """The plan as it would be with these options, for the same steps."""
    return _built(job, before.facts, options, before.catalog)


def propose_again(job: Job, facts: Facts, before: Proposal) -> Proposal:
    """The plan from newer facts, for the same options and with what the network has said already."""
    known = {query: answer for query, answer in before.catalog.answers.items() if not isinstance(query, _CHANGED)}
    again = _built(job, facts, before.options, Catalog(known), fresh=True)
    return replace(again, plan=replace(again.plan, unmet=before.plan.unmet))


_CHANGED = (SwarmQuery, PushedQuery)
"""What a plan may change itself, so that it is asked again after it."""


def _built(job: Job, facts: Facts, options: Mapping[str, Options], catalog: Catalog, fresh: bool = False) -> Proposal:
    steps = [step for step in STEPS if step.name in options]
    while True:
        found = plan_room.build(
            job.host, job.recipe.name, steps, facts, lambda step: options[step.name], catalog, job.run.left_out
        )
        if isinstance(found, Plan):
            return Proposal(replace(found, unmet=job.unmet), catalog, options, facts)
        job.run.stop.check()
        own = [query for query in found.queries if isinstance(query, SwarmQuery) or (fresh and isinstance(query, _CHANGED))]
        catalog = job.run.resolver.resolve([query for query in found.queries if query not in own], catalog)
        catalog = Catalog({**catalog.answers, **{query: _answer(job, query, fresh) for query in own}})


def _answer(job: Job, query: Query[Any], fresh: bool) -> object:
    """Of a Swarm one host is asked for all of them; and again once something has been changed."""
    if not isinstance(query, SwarmQuery):
        return job.run.resolver.anew(query)
    return swarming.look(job, query) if fresh else job.run.shared.get(query, lambda: swarming.look(job, query))


def repeat(job: Job, facts: Facts) -> Proposal:
    """The plan of a file, made again from today's facts; raises PlanError when it comes out otherwise."""
    saved = job.saved
    if saved is None:
        return propose(job, facts)
    if saved.machine_id != facts[MACHINE].machine_id:
        raise PlanError(f"the plan for {job.host.name} was made for another machine (its machine-id differs)", _AGAIN)
    names = {row["step"] for row in saved.text["steps"]}
    steps = tuple(step for step in STEPS if step.name in names)
    left_out = tuple(p["step"] for p in saved.text["steps"] if p["why"] == plan_room.LEFT_OUT)
    found = plan_room.build(job.host, saved.plan.recipe, steps, facts, saved.options_of, saved.catalog, left_out)
    changed = saved_room.differences(saved, found) if isinstance(found, Plan) else found.steps
    if not isinstance(found, Plan) or changed:
        raise PlanError(f"{job.host.name} has changed since the plan was made ({', '.join(changed)})", _AGAIN)
    return Proposal(found, saved.catalog, {step.name: saved.options_of(step) for step in steps}, facts)


_AGAIN = "Nothing was changed. Make the plan anew: fleet plan … --out FILE"
