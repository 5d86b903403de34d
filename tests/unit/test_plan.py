"""The plan: pure, in order, right on a bare host, and silent about what is of no use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fleet.model import Blocked, Catalog, Change, Facts, Options, Probe, Query, Run, Satisfied, Situation, Skipped, Step, Verdict
from fleet.plan import LEFT_OUT, Missing, build, chosen
from fleet.queries import KeyQuery, SuiteQuery
from fleet.steps import STEPS, probes_of
from tests.support.golden import golden
from tests.support.network import answer
from tests.support.planning import DEFAULT, HOST, attempt, changed, options_of, plan, verdict

SEEN: Probe[tuple[str, ...]] = Probe(name="seen", script="", parse=lambda text: tuple(text.split()), unknown=())


class Nothing(Options):
    """No options."""


def made(name: str, answer: Verdict, *requires: str, means: bool = False, asks: tuple[Query[Any], ...] = ()) -> Step[Any]:
    """A step that gives this verdict and asks this of the network."""

    class Made(Step[Nothing]):
        """Made for a test."""

        options = Nothing

        def queries(self, facts: Facts, options: Nothing) -> tuple[Query[Any], ...]:
            return asks

        def verdict(self, situation: Situation[Nothing]) -> Verdict:
            return answer

    Made.name, Made.title, Made.requires, Made.means = name, name, requires, means
    return Made()


def seen(name: str) -> Callable[[Facts], Facts]:
    """An effect that later steps can see."""

    def after(facts: Facts) -> Facts:
        before: tuple[str, ...] = facts[SEEN]
        return facts.but(SEEN, (*before, name))

    return after


DO = Change("due", (Run("do", "true"),))
OK = Satisfied("as wanted")
NO = Blocked("can't be", "Do something.")


def verdicts(*steps: Step[Any], left_out: tuple[str, ...] = ()) -> dict[str, Verdict]:
    """What comes of these steps on a host of which nothing is known."""
    found = build(HOST, "test", steps, Facts({}), lambda step: Nothing(), Catalog(), left_out)
    assert not isinstance(found, Missing)
    return {p.step: p.verdict for p in found.steps}


def test_steps_come_after_what_they_require() -> None:
    """The order of the tuple is an order that the requirements allow, and every requirement exists."""
    names = [step.name for step in STEPS]
    assert len(names) == len(set(names))
    for number, step in enumerate(STEPS):
        assert set(step.requires) <= set(names[:number]), step.name


def test_removal_comes_only_after_the_repository_is_known_to_work() -> None:
    """A host must not lose docker.io for a repository that then can't be reached."""
    names = [step.name for step in STEPS]
    assert names.index("source") < names.index("conflicts") < names.index("engine")


def test_chosen_adds_what_is_required_and_keeps_the_order() -> None:
    """Naming one step brings along all that it stands on, whatever order the recipe has."""
    assert [s.name for s in chosen(STEPS, ("source",))] == ["platform", "apt", "keyring", "source"]
    assert chosen(STEPS, ("compose", "engine")) == chosen(STEPS, ("engine", "compose"))
    assert chosen(STEPS, ()) == ()


def test_probes_are_asked_once() -> None:
    """Several steps share a probe; the script has it once."""
    found = [probe.name for probe in probes_of(STEPS)]
    assert len(found) == len(set(found))


def test_later_steps_plan_from_earlier_effects() -> None:
    """What a change will have made true is what the next step sees; what is left out on the command line is not."""

    class Looks(Step[Nothing]):
        name, title, options = "looks", "looks", Nothing

        def verdict(self, situation: Situation[Nothing]) -> Verdict:
            before: tuple[str, ...] = situation.facts[SEEN]
            return Satisfied(",".join(before))

    first, second = (made(n, Change("due", (), after=seen(n))) for n in ("one", "two"))
    assert verdicts(first, second, Looks())["looks"] == Satisfied("one,two")
    assert verdicts(first, second, Looks(), left_out=("one",))["looks"] == Satisfied("two")


def test_bare_host_asks_key_and_suite_and_no_more() -> None:
    """What has to be looked up for a bare host is found out on the way; engine and Compose share the source's look-up."""
    first = attempt(golden("debian-trixie").facts)
    assert isinstance(first, Missing)
    assert first.queries == (KeyQuery("https://download.docker.com/linux/debian/gpg"),)
    catalog: dict[Query[Any], object] = {}
    asked: list[Query[Any]] = []
    while True:
        found = build(HOST, "t", chosen(STEPS, tuple(DEFAULT)), golden("debian-trixie").facts, options_of({}), Catalog(catalog))
        if not isinstance(found, Missing):
            break
        asked += found.queries
        catalog |= {q: answer(q) for q in found.queries}
    assert [type(q) for q in asked] == [KeyQuery, SuiteQuery]


def test_unsupported_host_asks_nothing() -> None:
    """A host that is refused costs no look-up."""
    assert not isinstance(attempt(golden("pi1-armv6").facts), Missing)


def test_blocked_step_takes_along_what_needs_it_and_no_more() -> None:
    """Everything that stands on it is skipped, with the name of the one that is really at fault."""
    found = verdicts(made("a", NO), made("b", DO, "a"), made("c", DO, "b"), made("d", DO))
    assert found == {"a": NO, "b": Skipped("a is blocked"), "c": Skipped("a is blocked"), "d": DO}


@pytest.mark.parametrize("answer", [DO, NO])
def test_skip_leaves_a_step_and_what_needs_it(answer: Verdict) -> None:
    """A step left out is not changed nor in the way; what needs it is skipped with that reason."""
    found = verdicts(made("a", answer), made("b", DO, "a"), made("c", DO, "b"), left_out=("a",))
    assert found == {"a": Skipped(LEFT_OUT), "b": Skipped(f"a is {LEFT_OUT}"), "c": Skipped(f"a is {LEFT_OUT}")}


def test_skip_of_a_satisfied_step_changes_nothing() -> None:
    """What is as wanted needs no leaving out, and those that need it go on."""
    assert verdicts(made("a", OK), made("b", DO, "a"), left_out=("a",)) == {"a": OK, "b": DO}


@pytest.mark.parametrize("between", [OK, DO])
@pytest.mark.parametrize("end", [NO, Skipped("for a reason")])
def test_means_are_dropped_when_their_end_can_not_be_reached(between: Verdict, end: Verdict) -> None:
    """A key, a source, a removal are of no use by themselves, also by way of a step that is fine already."""
    found = verdicts(
        made("key", DO, means=True), made("source", between, "key", means=True), made("engine", end, "source"), made("other", DO)
    )
    assert found["key"] == Skipped("not needed, since engine can't go on")
    assert not isinstance(found["source"], Change)
    assert found["other"] == DO


def test_means_stay_when_one_end_goes_on() -> None:
    """One reason to have the key is enough."""
    found = verdicts(made("key", DO, means=True), made("a", NO, "key"), made("b", OK, "key"))
    assert found["key"] == DO


def test_means_stay_when_they_are_all_that_was_asked_for() -> None:
    """A recipe that names the key alone wants the key."""
    assert verdicts(made("key", DO, means=True))["key"] == DO


def test_nothing_is_removed_when_the_engine_can_not_come() -> None:
    """docker.io stays, though its removal is allowed, on a host for which the wanted version does not exist."""
    host = golden("docker-io-allowed")
    found = plan(host.facts, {**host.recipe, "engine": {"version": "29.1"}})
    assert changed(found) == []
    assert isinstance(verdict(found, "engine"), Blocked)


def test_skipped_engine_leaves_the_host_alone() -> None:
    """--skip engine on a bare host: no key, no source, nothing."""
    assert changed(plan(golden("debian-trixie").facts, DEFAULT, ("engine",))) == []


def test_skipped_compose_is_all_that_is_missing() -> None:
    """--skip compose on a bare host changes all the rest."""
    assert changed(plan(golden("debian-trixie").facts, DEFAULT, ("compose",))) == ["keyring", "source", "engine", "group"]


def test_equal_plans_are_equal_values() -> None:
    """A plan can be compared: same facts, same plan; another host, another plan."""
    assert plan(golden("debian-trixie").facts) == plan(golden("debian-trixie").facts)
    assert plan(golden("debian-trixie").facts) != plan(golden("debian-bookworm").facts)


def test_unknown_query_is_asked_before_the_verdict() -> None:
    """A step gets its verdict only when all that it wanted to know is known; the others go on meanwhile."""
    query = KeyQuery("https://x.example/gpg")
    found = build(HOST, "t", [made("a", DO, asks=(query,)), made("b", DO)], Facts({}), lambda step: Nothing(), Catalog())
    assert found == Missing((query,))
