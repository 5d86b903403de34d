"""Words select hosts by name, pattern, group and fact; a typo never selects fewer hosts in silence."""

from __future__ import annotations

import pytest

from fleet.errors import SelectionError
from fleet.inventory import Inventory
from fleet.inventory.selection import FactTerm, Selection, matches, select
from fleet.model import Data, Host

FACTS = ("architecture", "model", "raspberry_pi")


def inventory() -> Inventory:
    """Four hosts in two groups, and a group without hosts."""
    hosts = [
        Host("pi-kitchen", "10.0.0.1", groups=("pis", "ground")),
        Host("pi-attic", "10.0.0.2", groups=("pis",)),
        Host("nuc", "10.0.0.3", groups=("ground",)),
        Host("Pi-Old", "10.0.0.4"),
    ]
    return Inventory("fleet.yml", {host.name: host for host in hosts}, ("pis", "ground", "empty"))


def selected(*words: str, everything: bool = False, exclude: tuple[str, ...] = ()) -> list[str]:
    """The names that the words select."""
    found = select(inventory(), words, everything=everything, exclude=exclude, fact_names=FACTS)
    return [host.name for host in found.hosts]


def refused(*words: str, everything: bool = False, exclude: tuple[str, ...] = ()) -> SelectionError:
    """The error that the words give."""
    with pytest.raises(SelectionError) as caught:
        select(inventory(), words, everything=everything, exclude=exclude, fact_names=FACTS)
    return caught.value


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["nuc"], ["nuc"]),
        (["nuc", "pi-attic"], ["pi-attic", "nuc"]),
        (["nuc,pi-attic", "nuc"], ["pi-attic", "nuc"]),
        (["pi-*"], ["pi-kitchen", "pi-attic"]),
        (["[Pp]i-*"], ["pi-kitchen", "pi-attic", "Pi-Old"]),
        (["?uc"], ["nuc"]),
        (["ground"], ["pi-kitchen", "nuc"]),
        (["ground", "pi-*"], ["pi-kitchen", "pi-attic", "nuc"]),
        ([" nuc , ,pi-attic"], ["pi-attic", "nuc"]),
    ],
)
def test_words_select_in_the_order_of_the_inventory(words: list[str], names: list[str]) -> None:
    """Names, patterns (which heed case), groups and lists; each host once."""
    assert selected(*words) == names


def test_nothing_is_selected_by_default() -> None:
    """Without a word the error lists what there is."""
    error = refused()
    assert str(error) == "no host is named"
    assert "--all" in error.hint
    assert "pi-kitchen" in error.hint
    assert "ground" in error.hint


def test_all() -> None:
    """--all selects every host, and does not go with names."""
    assert len(selected(everything=True)) == 4
    assert "exclude each other" in str(refused("nuc", everything=True))


def test_exclude() -> None:
    """Names, patterns and groups can be taken away; taking everything away is an error."""
    assert selected(everything=True, exclude=("pi-*", "nuc")) == ["Pi-Old"]
    assert selected("pis", exclude=("ground",)) == ["pi-attic"]
    assert "nothing is left" in str(refused("nuc", exclude=("ground",)))


def test_a_typo_is_an_error_with_a_suggestion() -> None:
    """Also in --exclude, where it would do more than was wanted."""
    assert "did you mean 'pi-kitchen'?" in str(refused("pi-kitchn"))
    assert "did you mean 'ground'?" in str(refused("groudn"))
    assert "did you mean 'nuc'?" in str(refused(everything=True, exclude=("nucc",)))
    assert "no host's name matches 'rpi-*'" in str(refused("rpi-*"))
    assert "no host's name matches 'rpi-*'" in str(refused(everything=True, exclude=("rpi-*",)))


def test_an_empty_group_selects_nothing() -> None:
    """And says so."""
    assert "nothing is left" in str(refused("empty"))


def test_an_inventory_without_hosts() -> None:
    """The remedy is to add some."""
    with pytest.raises(SelectionError, match="has no hosts") as caught:
        select(Inventory("fleet.yml"), (), everything=True, fact_names=FACTS)
    assert caught.value.hint == "add hosts to fleet.yml"


def test_facts_are_kept_for_after_the_probe() -> None:
    """Facts alone select from all hosts; --exclude keeps them, too."""
    found = select(inventory(), ["fact:architecture=arm64"], exclude=["fact:model=*Zero*"], fact_names=FACTS)
    assert len(found.hosts) == 4
    assert found.terms == (FactTerm("architecture", "arm64"), FactTerm("model", "*Zero*", excluded=True))
    assert select(inventory(), ["nuc"], fact_names=FACTS) == Selection((inventory().hosts["nuc"],))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("fact:architecure=arm64", "did you mean 'architecture'?"),
        ("fact:architecture", "does not say what the fact must be"),
        ("fact:architecture=", "does not say what the fact must be"),
        ("fact:=x", "there is no fact ''"),
        ("fact:model!=x", "there is no fact 'model!'; did you mean 'model'?"),
    ],
)
def test_bad_facts(word: str, message: str) -> None:
    """An unknown fact, or one without a value, is an error before any host is asked."""
    assert message in str(refused(word))


def test_the_real_facts_are_known_by_default() -> None:
    """The names come from the facts' own list."""
    assert select(inventory(), ["fact:architecture=arm64"]).terms == (FactTerm("architecture", "arm64"),)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ((), True),
        ((FactTerm("architecture", "arm64"),), True),
        ((FactTerm("architecture", "arm*"), FactTerm("bits", "32")), False),
        ((FactTerm("bits", "64"),), True),
        ((FactTerm("raspberry_pi", "true"),), True),
        ((FactTerm("raspberry_pi", "True"),), False),
        ((FactTerm("groups", "docker"),), True),
        ((FactTerm("groups", "dock"),), False),
        ((FactTerm("model", "*"),), False),
        ((FactTerm("model", "*", excluded=True),), True),
        ((FactTerm("absent", "*"),), False),
        ((FactTerm("architecture", "arm64", excluded=True),), False),
    ],
)
def test_matches(terms: tuple[FactTerm, ...], expected: bool) -> None:
    """All wanted facts and no excluded one; an unknown fact matches nothing, wanted or not."""
    facts: dict[str, Data] = {
        "architecture": "arm64",
        "bits": 64,
        "raspberry_pi": True,
        "groups": ["adm", "docker"],
        "model": None,
    }
    assert matches(facts, terms) is expected
