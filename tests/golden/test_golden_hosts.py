"""Every golden host: raw answer → facts → platform → plan, against what a person wrote down from the cited source."""

from __future__ import annotations

import re

import pytest

from fleet.distros import Platform, platform_of
from fleet.facts import named
from fleet.model import Blocked, Change, Satisfied, Skipped
from fleet.plan import Missing, build, chosen
from fleet.steps import STEPS
from fleet.steps.platform import PlatformOptions, wanted_platform
from tests.support.golden import NAMES, Golden, golden
from tests.support.network import LOCKED
from tests.support.planning import HOST, changed, effects, options_of, plan, verdict

KEYS = {
    "source", "made", "probe", "facts", "recipe", "platform", "image", "compose", "refused", "changes", "blocked",
    "warnings", "says", "unknown",
}  # fmt: skip
TYPED = re.compile(r"sudo |fleet run |--[a-z]|: \{.*\}|Install |Upgrade |Wait |Make room|Take ")


@pytest.fixture(params=NAMES)
def host(request: pytest.FixtureRequest) -> Golden:
    """Each golden host in turn."""
    return golden(request.param)


def test_expectation_names_its_source_and_nothing_unknown(host: Golden) -> None:
    """An expectation without a source would be an opinion, and a misspelt key would be checked by nobody."""
    assert host.expected["source"]
    assert host.expected["made"]
    assert set(host.expected) <= KEYS
    assert {"platform", "refused", "unknown"} & set(host.expected)


def test_facts_are_those_that_the_source_says(host: Golden) -> None:
    """The named facts, which people select hosts by, come out of the raw answer as expected."""
    found = named(host.facts)
    assert {name: found[name] for name in host.expected.get("facts", {})} == host.expected.get("facts", {})


def test_platform_or_refusal(host: Golden) -> None:
    """Repository, codename, image platform and the word for Compose's files; or a refusal in words with a way out."""
    options = PlatformOptions(**host.recipe.get("platform", {}))
    found = wanted_platform(host.facts, options)
    if "refused" in host.expected:
        assert not isinstance(found, Platform)
        assert all(words in f"{found.why} {found.hint}" for words in host.expected["refused"]), found
        return
    assert isinstance(found, Platform), found
    if "platform" in host.expected:
        assert f"{found.repository} {found.codename}" == host.expected["platform"]
    assert found.image_platform == host.expected.get("image", found.image_platform)
    assert found.compose_machine == host.expected.get("compose", found.compose_machine)


def test_refused_host_is_left_untouched(host: Golden) -> None:
    """What Docker does not support is blocked by the first step, and no step would change anything."""
    if "refused" not in host.expected:
        assert not isinstance(platform_of(host.facts), Blocked)
        return
    found = plan(host.facts, host.recipe)
    assert not found.changes
    assert [p.step for p in found.blocked] == ["platform"]
    assert {type(p.verdict) for p in found.steps} == {Blocked, Skipped}


def test_plan_lists_exactly_the_changes(host: Golden) -> None:
    """The steps that change, those that are blocked and why, the warnings: all as written down."""
    if "changes" not in host.expected:
        return
    found = plan(host.facts, host.recipe)
    assert changed(found) == host.expected["changes"], [(p.step, p.verdict) for p in found.steps]
    assert {p.step for p in found.blocked} == set(host.expected.get("blocked", {}))
    for step, words in {**host.expected.get("blocked", {}), **host.expected.get("says", {})}.items():
        shown = verdict(found, step)
        assert words in shown.why
    warned = {p.step: " ".join(getattr(p.verdict, "warnings", ())) for p in found.steps}
    assert {step for step, text in warned.items() if text} == set(host.expected.get("warnings", {}))
    assert all(words in warned[step] for step, words in host.expected.get("warnings", {}).items())


def test_without_root_nothing_is_taken_for_absent(host: Golden) -> None:
    """A host that lets nobody look as root has no answer to these probes, which is not the same as an empty one."""
    unanswered = host.expected.get("unknown", [])
    assert not set(unanswered) & set(host.facts.answers)
    assert host.sees_root == ("keyring" in host.facts.answers)


def test_plan_is_deterministic(host: Golden) -> None:
    """Equal facts give an equal plan, down to every action."""
    if host.sees_root:
        assert plan(host.facts, host.recipe) == plan(host.facts, host.recipe)


def test_after_the_plan_nothing_is_left_to_do(host: Golden) -> None:
    """The heart of the plan: with the effects of all its changes, every step is satisfied; only the lock is asked."""
    if not host.sees_root:
        return
    found = plan(host.facts, host.recipe)
    later = effects(host.facts, found)
    steps = chosen(STEPS, tuple(host.recipe))
    done = [p.step for p in found.steps if isinstance(p.verdict, Change | Satisfied)]
    if len(done) < len(steps):
        return
    again = build(HOST, "test", steps, later, options_of(host.recipe), LOCKED)
    assert not isinstance(again, Missing), again
    assert again.is_empty, [(p.step, p.verdict) for p in again.steps if not isinstance(p.verdict, Satisfied)]


def test_each_change_satisfies_its_own_step(host: Golden) -> None:
    """Also where a later step is blocked: what a change says of its effects makes that step satisfied."""
    if not host.sees_root:
        return
    facts, options = host.facts, options_of(host.recipe)
    found = plan(host.facts, host.recipe)
    for step, planned in zip(chosen(STEPS, tuple(host.recipe)), found.steps, strict=True):
        if not isinstance(planned.verdict, Change | Satisfied):
            continue
        facts = planned.verdict.after(facts)
        assert [q for q in step.queries(facts, options(step)) if q not in LOCKED] == []
        alone = build(HOST, "test", [step], facts, options, LOCKED)
        assert not isinstance(alone, Missing)
        assert isinstance(alone.steps[0].verdict, Satisfied), alone.steps[0]


def test_every_refusal_has_a_remedy(host: Golden) -> None:
    """A hint is something to type, to write into the recipe or to do."""
    if host.sees_root:
        for planned in plan(host.facts, host.recipe).blocked:
            assert isinstance(planned.verdict, Blocked)
            assert TYPED.search(planned.verdict.hint), planned


def test_converged_hosts_ask_the_network_nothing() -> None:
    """A host that is as wanted costs no look-up that the lock does not answer; and there are several such golden hosts."""
    converged = [golden(n) for n in NAMES if golden(n).expected.get("changes") == [] and "blocked" not in golden(n).expected]
    assert len(converged) >= 3
    for host in converged:
        steps = chosen(STEPS, tuple(host.recipe))
        found = build(HOST, "test", steps, host.facts, options_of(host.recipe), LOCKED)
        assert not isinstance(found, Missing), host.name
        assert found.is_empty, host.name
