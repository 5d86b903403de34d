"""`when:` in a section: for which hosts it counts, by their facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fleet import schemas
from fleet.errors import RecipeError
from fleet.facts import KINDS, NAMES, named
from fleet.inventory.selection import holds
from fleet.job import Job, Run, probes_for
from fleet.model import Host, Plan
from fleet.plan.saved import plan_to_data
from fleet.recipe import Recipe
from fleet.recipe.cookbook import Recipes
from fleet.recipe.substitution import Scope
from fleet.remote import Settings
from fleet.steps import STEPS
from fleet.tasks.probing import propose
from tests.support.golden import golden
from tests.support.network import answer

PI4, PI5, PC = (golden(name).facts for name in ("pi4-memory-off", "pi5-ubuntu-noble", "debian-trixie"))
Load = Callable[..., Recipe]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Writes recipes, given by name, and loads the one that is called main."""

    def load(main: str, **others: str) -> Recipe:
        for name, text in {**others, "main": main}.items():
            (tmp_path / f"{name}.yml").write_text(text)
        return Recipes((tmp_path,)).load("main")

    return load


def unmet(recipe: Recipe, facts: Any, **variables: Any) -> Mapping[str, str]:
    """The sections that are not for a host with these facts."""
    return recipe.unmet(Scope(vars=variables, facts=named(facts)))


# ── what holds ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("{}", ""),
        ("{raspberry_pi: true}", ""),
        ("{raspberry_pi: false}", "raspberry_pi is true, not false"),
        ("{architecture: arm64, soc: [BCM2711, BCM2712]}", ""),
        ("{architecture: arm64, soc: BCM2712}", "soc is BCM2711, not BCM2712"),
        ("{architecture: [amd64, armhf]}", "architecture is arm64, not amd64 or armhf"),
        ("{model: '*Pi 4*'}", ""),
        ("{model: '*Pi 5*'}", "model is Raspberry Pi 4 Model B Rev 1.4, not *Pi 5*"),
        ("{bits: 64, pi_memory_mb: '>=4096'}", ""),
        ("{pi_memory_mb: '<4096'}", "pi_memory_mb is 4096, not <4096"),
        ("{pi_memory_mb: [512, 1024, '4*']}", ""),
        ("{docker: '28.*'}", "it has no docker, wanted is 28.*"),
        ("{soc: , bits: 64}", ""),
    ],
)
def test_all_must_hold_and_any_of_a_list(load: Load, when: str, why: str) -> None:
    """Patterns as in a selection; the reason names the fact, what it is and what was wanted; a key without value says nothing."""
    assert unmet(load(f"memory: {{when: {when}}}"), PI4) == ({"memory": why} if why else {})


def test_values_may_be_vars(load: Load) -> None:
    """A reference is put in as everywhere, also a list; and it counts as used."""
    recipe = load("vars: {chips: [BCM2711]}\nmemory: {when: {soc: '${vars.chips}'}}")
    assert unmet(recipe, PI4) == {}
    assert unmet(recipe, PI4, chips=["BCM2712"]) == {"memory": "soc is BCM2711, not BCM2712"}
    assert recipe.used_vars == {"chips"}


def test_conditions_merge_with_includes(load: Load) -> None:
    """Key by key as all else: one more fact narrows it, the same fact is replaced, and an empty value takes it away."""
    base = "memory: {when: {raspberry_pi: true, bits: 64}, reboot_timeout: 60}"
    more = load("include: [base]\nmemory: {when: {soc: BCM2712, bits: [32, 64]}}", base=base)
    assert more.conditions == {"memory": {"raspberry_pi": True, "bits": [32, 64], "soc": "BCM2712"}}
    assert more.sections == {"memory": {"reboot_timeout": 60}}
    assert load("include: [base2]\nmemory: {when: }", base2=base).conditions == {}


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        (1024, ">=1024", True), (1023, ">= 1024", False), (1024, ">1024", False), (9, "<10", True), (10, "<=10", True),
        (10, "1*", True), (True, "true", True), (True, ">0", False), ("5", ">4", False), ([1, 7], ">5", True), (None, "*", False),
    ],
)  # fmt: skip
def test_numbers_are_compared_as_numbers(value: Any, pattern: str, expected: bool) -> None:
    """Only numbers; all else is text to a pattern, and what is unknown matches nothing."""
    assert holds(value, pattern) is expected


# ── what the plan makes of it ────────────────────────────────────────────────────────────────────────────────────────


class Answers:
    """Stands for the laptop's look-ups."""

    def resolve(self, queries: Any, catalog: Any) -> Any:
        """The fixed world of the tests."""
        return type(catalog)({**catalog.answers, **{query: answer(query) for query in queries}})


def job(recipe: Recipe, *only: str) -> Job:
    """A job for one host with this recipe; ``only`` as with --step."""
    run = Run(Settings(known_hosts=Path("/dev/null")), Answers(), Recipes(), only=only)  # type: ignore[arg-type]
    return Job(run, Host("pi-kitchen", "192.0.2.7"), recipe)


def plan(recipe: Recipe, facts: Any, *only: str) -> Plan:
    """The plan as the tasks make it."""
    return propose(job(recipe, *only), facts).plan


def test_a_section_that_is_not_for_a_host_is_left_out(load: Load) -> None:
    """As if it were not written there; the plan says so beside its steps, in JSON too; the probe asks for it all the same."""
    recipe = load("memory: {when: {raspberry_pi: true}}")
    assert "memory" in [p.step for p in plan(recipe, PI4).steps]
    found = plan(recipe, PC)
    assert found.steps == ()
    assert found.unmet == (("memory", "raspberry_pi is false, not true"),)
    assert plan_to_data(found)["not_for_this_host"] == [{"section": "memory", "why": "raspberry_pi is false, not true"}]
    assert "cmdline" in [probe.name for probe in job(recipe).probes]


def test_a_step_that_others_require_is_done_with_its_defaults(load: Load) -> None:
    """So that options can be for some hosts only, as of a mirror; and that is said."""
    text = "engine: {}\nsource: {channel: test, when: {architecture: arm64}}\n"
    assert propose(job(load(text)), PI4).options["source"].channel == "test"  # type: ignore[attr-defined]
    found = propose(job(load(text)), PC)
    assert found.options["source"].channel == "stable"  # type: ignore[attr-defined]
    assert [name for name, _ in found.plan.unmet] == ["source"]
    assert "done with its defaults all the same, since others require it" in found.plan.unmet[0][1]


def test_a_named_step_that_is_not_for_a_host(load: Load) -> None:
    """--step with a section that is for other hosts does nothing here, and is no mistake; an unknown one is."""
    recipe = load("memory: {when: {raspberry_pi: true}}\nkernel: {}")
    assert plan(recipe, PC, "memory").steps == ()
    assert [p.step for p in plan(recipe, PI4, "memory").steps][-1] == "memory"
    with pytest.raises(RecipeError, match="has no step compose"):
        plan(recipe, PC, "compose")


def test_equal_hosts_share_their_recipe(load: Load) -> None:
    """Options are made once for all hosts that the same sections are for."""
    recipe = load("kernel: {}\nmemory: {when: {raspberry_pi: true}}")
    assert recipe.without(frozenset({"memory"})) is recipe.without(frozenset({"memory"}))
    assert list(recipe.without(frozenset({"memory"})).sections) == ["kernel"]


def test_hosts_are_asked_only_what_their_recipe_needs() -> None:
    """A step's questions come with the step; what has a name is always asked."""
    few, more = ([probe.name for probe in probes_for(steps)] for steps in (["apt"], ["memory"]))
    assert set(more) - set(few) == {"cmdline"}
    assert len(set(more)) == len(more)


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("when", "message", "hint"),
    [
        ("arm64", "memory.when: expected facts with values, got 'arm64'", "when: {architecture: arm64}"),
        ("[arm64]", "memory.when: expected facts with values, got a list", ""),
        ("{arch: arm64}", "memory.when: there is no fact 'arch'", "facts are: architecture, machine"),
        ("{modle: x}", "there is no fact 'modle'; did you mean 'model'?", ""),
        ("{version: 24.10}", "memory.when.version: expected text, got 24.10", 'version: "24.10"'),
        ("{raspberry_pi: maybe}", "memory.when.raspberry_pi: expected true or false, got 'maybe'", "raspberry_pi: true"),
        ("{memory_mb: much}", "memory.when.memory_mb: expected a number, or a comparison", "memory_mb: '<1024'"),
        ("{memory_mb: true}", "expected a number", ""),
        ("{memory_mb: '>1 GB'}", "expected a number", ""),
        ("{soc: []}", "memory.when.soc: an empty list matches no host", "leave the fact out"),
        ("{soc: [BCM2711, 5]}", "memory.when.soc[1]: expected text, got 5", 'soc: "5"'),
        ("{soc: {a: b}}", "memory.when.soc: expected text, got keys with values", ""),
        ("{soc: ''}", "memory.when.soc: expected text, got ''", ""),
        ("{soc: '${vars.nope}'}", "memory.when.soc: there is no var 'nope'", ""),
        ("{soc: '${vars.many}'}", "memory.when.soc[0]: expected text, got 1", ""),
    ],
)
def test_mistakes(load: Load, when: str, message: str, hint: str) -> None:
    """Told before any host is asked, with the line of the mistake."""
    with pytest.raises(RecipeError) as caught:
        load(f"vars: {{many: [1]}}\nmemory:\n  when: {when}\n").check(Scope(fact_names=NAMES))
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.line == 3


def test_every_fact_has_a_kind() -> None:
    """The facts that conditions know are those that have a name, and of every golden host they are of that kind."""
    assert set(KINDS) == set(NAMES)
    for facts in (PI4, PI5, PC):
        assert {name: type(value) for name, value in named(facts).items()} == KINDS


@pytest.mark.parametrize(
    ("when", "fine"),
    [
        ("{architecture: arm64, bits: 64, raspberry_pi: true, soc: [BCM2711, BCM2712], memory_mb: '>=1024'}", True),
        ("", True),
        ("{soc: }", True),
        ("{arch: arm64}", False),
        ("{version: 24.04}", False),
        ("{soc: []}", False),
        ("arm64", False),
    ],
)
def test_the_schema_knows_conditions(when: str, fine: bool) -> None:
    """In every section, with all facts."""
    validator = jsonschema.Draft202012Validator(schemas.recipe(STEPS))
    for step in STEPS:
        assert validator.is_valid(yaml.safe_load(f"{step.name}: {{when: {when}}}")) is fine
