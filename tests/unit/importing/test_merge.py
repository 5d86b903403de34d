"""Hosts into the text of an inventory: what is there stays, line by line, and the result says what it should."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import InventoryError
from fleet.files.documents import parse
from fleet.importing.merge import NEW_FILE, Deed, merge
from fleet.importing.source import Found
from tests.unit.importing.support import found

LONG = """\
# Mine.
defaults: {user: pi}   # everybody

groups:
    pis:       # four spaces, as I like it

# The machines.
hosts:
    # Under the stairs.
    pi-hall: {address: 192.0.2.1, groups: [pis]}
    pi-text:
        vars:
            motd: |
                # not a comment
                hello

    # pi-old: gone

# The end.
"""
VAGRANT = """\
hosts:
  box:  # imported from vagrant; the quick one
    address: 127.0.0.1
    port: 2222      # changes
    vars: {x: 1}    # mine
  mine:
    address: 192.0.2.9
    port: "22" # no number
"""


def test_hosts_are_put_behind_the_last_one() -> None:
    """With the indentation of the others; comments that belong to what follows stay with it."""
    merged = merge(LONG, "f.yml", [found("new", address="192.0.2.2", groups=("web", "pis")), found("bare")], "ansible")
    head, tail = LONG.split("\n\n# The end.\n")
    head = head.replace("as I like it\n", "as I like it\n    web:\n")
    new = "    new:  # imported from ansible\n        address: 192.0.2.2\n        groups: [web, pis]\n"
    new += "    bare:  # imported from ansible\n"
    assert merged.text == f"{head}\n{new}\n# The end.\n{tail}"
    assert merged.deeds == {"new": Deed.ADDED, "bare": Deed.ADDED}
    assert merged.groups == ("web",)


def test_a_new_file() -> None:
    """Hosts and groups in a file that is right, with quotes where YAML wants them."""
    host = found("2024", address="fe80::1%eth0", user="pi", port=22, key="~/my keys/#1", groups=("no", "a"))
    assert merge(NEW_FILE, "f.yml", [host], "mdns").text == (
        "# The machines of your fleet.\n\n"
        'hosts:\n  "2024":  # imported from mdns\n'
        '    address: "fe80::1%eth0"\n    user: pi\n    port: 22\n    key: "~/my keys/#1"\n'
        '    groups: ["no", a]\n\ngroups:\n  "no":\n  a:\n'
    )


def test_an_import_of_the_same_source_is_brought_up_to_date() -> None:
    """Only what differs, on its line, with the comments there; what somebody added stays."""
    merged = merge(VAGRANT, "f.yml", [found("box", address="127.0.0.1", port=2200, user="vagrant")], "vagrant")
    assert merged.deeds == {"box": Deed.UPDATED}
    assert merged.text == VAGRANT.replace("2222 ", "2200 ").replace("one\n", "one\n    user: vagrant\n")
    assert merge(merged.text, "f.yml", [found("box", port=2200)], "vagrant").deeds == {"box": Deed.UNCHANGED}


@pytest.mark.parametrize(("name", "origin"), [("box", "ansible"), ("mine", "vagrant")])
def test_a_host_from_elsewhere_is_kept(name: str, origin: str) -> None:
    """Whoever wrote it: it is left alone, and told; the same values are nothing to tell."""
    merged = merge(VAGRANT, "f.yml", [found(name, address="192.0.2.77")], origin)
    assert merged.deeds == {name: Deed.KEPT}
    assert merged.text == VAGRANT
    assert merged.notes == (f"{name} is kept as it is, and {origin} has another address; --replace takes that",)
    assert merge(VAGRANT, "f.yml", [found("mine", address="192.0.2.9")], origin).notes == ()


def test_replace_takes_it_over() -> None:
    """The values, and the comment that makes it an import of this source from now on."""
    hosts = [found("box", address="192.0.2.7"), found("mine", address="192.0.2.8", port=2222, groups=("web",))]
    assert merge(VAGRANT, "f.yml", hosts, "ansible", replace=True).text == (
        "hosts:\n  box:  # imported from ansible; the quick one\n    address: 192.0.2.7\n    port: 2222      # changes\n"
        "    vars: {x: 1}    # mine\n"
        "  mine:  # imported from ansible\n    groups: [web]\n    address: 192.0.2.8\n    port: 2222 # no number\n"
        "\ngroups:\n  web:\n"
    )


def test_groups_of_a_host_are_only_added() -> None:
    """A group that somebody put an imported host into stays, also when the source knows others."""
    text = "groups: {a: , b: }\nhosts:\n  x:  # imported from ansible\n    groups: [b]   # by hand\n"
    merged = merge(text, "f.yml", [found("x", groups=("a",))], "ansible")
    assert merged.text == text.replace("[b]", "[b, a]")


def test_ssh_config_behind_defaults_is_told() -> None:
    """What the inventory says goes to ssh as an option, which is stronger than ssh_config."""
    merged = merge("defaults: {user: pi}\nhosts:\n", "f.yml", [found("x")], "ssh-config")
    assert merged.notes == (
        "the inventory's defaults say user: for the hosts of ssh_config, that wins over what ssh_config says",
    )


@pytest.mark.parametrize(
    "text",
    [
        "hosts: {}\n",
        "hosts: {a: }\n",
        "{hosts: {a: }}\n",
        "hosts: {\n  a: ,\n  b: }\n",
        "hosts: ~\n",
        "hosts:\n  a:\n    vars:\n      x: |+\n        kept\n\n\n",
        "hosts:\n  a:\n    vars:\n      x: |\n        a text without end",
    ],
)
def test_what_can_not_be_added_to_is_refused(text: str) -> None:
    """A file in another manner, where a line more would change what is there: it is refused, never spoiled."""
    with pytest.raises(InventoryError) as caught:
        merge(text, "f.yml", [found("new", address="192.0.2.2")], "mdns")
    assert str(caught.value) == "f.yml: the hosts can't be put in here without a change to other lines"
    assert "-i OTHER.yml" in caught.value.hint


def test_the_end_of_a_document_stays_the_end() -> None:
    """Nothing is put behind its mark."""
    text = "hosts:\n  a:\n...\n# after the end\n"
    assert merge(text, "f.yml", [found("b")], "mdns").text == text.replace("a:\n", "a:\n  b:  # imported from mdns\n")


@pytest.mark.parametrize(
    "text", ["hosts:\n  x: {port: 1}  # imported from mdns\n", "hosts:\n  x:  # imported from mdns\n    port:\n      1\n"]
)
def test_what_can_not_be_changed_is_refused(text: str) -> None:
    """A value that is not on a line of its own."""
    with pytest.raises(InventoryError, match="can't be put in here"):
        merge(text, "f.yml", [found("x", port=2)], "mdns", replace=True)


@pytest.mark.parametrize(
    ("text", "host"),
    [("groups: {x: }\n", found("x")), ("hosts: {x: }\n", found("y", groups=("x",)))],
)
def test_a_name_is_a_host_or_a_group(text: str, host: Found) -> None:
    """The place in the source is told, since the file is right."""
    with pytest.raises(InventoryError, match=r"^source:1: x is the name of a (host|group) in the inventory"):
        merge(text, "f.yml", [host], "ansible")


# ── any inventory, any hosts ─────────────────────────────────────────────────────────────────────────────────────────

_NAMES = st.sampled_from(["a", "pi-1", "2024", "on", "x.example", "deep_one", "e1"])
_HOSTS = st.builds(
    found,
    _NAMES,
    address=st.sampled_from([None, "192.0.2.1", "fd00::1", "fe80::1%eth0", "local"]),
    user=st.sampled_from([None, "pi", "null", "007x"]),
    port=st.sampled_from([None, 22, 2222]),
    key=st.sampled_from([None, "~/.ssh/id", "/a b/'c'", '/x"y: #z', "/ä/ö"]),
    groups=st.sampled_from([(), ("g1",), ("g1", "yes")]),
)
_SMALL = st.sampled_from(["", "\n", "# a comment\n", "      # a far comment\n", "\n\n"])
_ENTRIES = st.sampled_from(
    [
        "{i}a:\n",
        "{i}a:   # imported from mdns\n{i}{i}port: 1\n",
        "{i}a:  # imported from mdns, mine\n{i}  address: '192.0.2.9'  # here\n"
        "{i}  vars:\n{i}    t: |-\n{i}      # text\n{i}      x\n",
        "{i}pi-1: {{port: 22, groups: [g1]}}\n",
        '{i}"2024":\n{i}  key: "/x # y"   # z\n{i}  vars: {{x: [1,\n{i}   2]}}\n',
        "{i}deep_one:\n{i}# odd comment\n{i}  user: |-\n{i}    pi\n",
        "{i}e1:\n{i}  groups:\n{i}  - g1\n",
    ]
)


@st.composite
def _inventories(draw: st.DrawFn) -> str:
    """Inventories in the manners that people have: order, indentation, comments, blank lines, newlines, a missing end."""
    indent = draw(st.sampled_from(["  ", "    ", " "]))
    entries = draw(st.lists(_ENTRIES, max_size=3, unique_by=lambda entry: entry.partition(":")[0]))
    hosts = "hosts:\n" + "".join(draw(_SMALL) + entry.format(i=indent) for entry in entries)
    parts = [
        hosts,
        draw(_SMALL) + f"groups:\n{indent}g1:\n",
        draw(st.sampled_from(["defaults:\n  user: pi\n", ""])) + draw(_SMALL),
    ]
    text = "".join(draw(_SMALL) + part for part in draw(st.permutations(parts)))
    text = text.rstrip("\n") if draw(st.booleans()) else text
    return draw(st.sampled_from(["", "\ufeff"])) + (text.replace("\n", "\r\n") if draw(st.booleans()) else text)


@given(_inventories(), st.lists(_HOSTS, min_size=1, max_size=4, unique_by=lambda host: host.name), st.booleans())
def test_any_inventory_is_kept_line_by_line(text: str, hosts: list[Found], replace: bool) -> None:
    """Every line that was there still is, in its order, but those with values that changed; the data are what they should be.

    A second import of the same hosts changes nothing more, and adds or loses no host.
    """
    before: Any = parse(text.encode(), "f.yml").data
    try:
        merged = merge(text, "f.yml", hosts, "mdns", replace=replace)
    except InventoryError:
        if any(host.name in (before["hosts"] or {}) for host in hosts):
            return  # one of them has a value that is not on a line of its own
        raise
    after: Any = parse(merged.text.encode(), "f.yml").data
    kept = iter(merged.text.splitlines())
    lost = [line for line in text.splitlines() if not any(line == other for other in kept)] if _only_added(merged.deeds) else []
    assert lost == []
    assert merged.text.count("\r\n") in (0, merged.text.count("\n"))
    for host in hosts:
        if merged.deeds[host.name] is not Deed.KEPT:
            settings = host.settings()
            groups = settings.pop("groups", [])
            assert settings.items() <= (after["hosts"][host.name] or {}).items()
            assert set(groups) <= set((after["hosts"][host.name] or {}).get("groups") or ())  # type: ignore[arg-type]
    others = (before["hosts"] or {}).keys() - {host.name for host in hosts}
    assert {name: after["hosts"][name] for name in others} == {name: before["hosts"][name] for name in others}
    again = merge(merged.text, "f.yml", hosts, "mdns", replace=replace)
    assert again.text == merged.text
    assert set(again.deeds.values()) <= {Deed.UNCHANGED, Deed.KEPT}


def _only_added(deeds: Any) -> bool:
    return Deed.UPDATED not in deeds.values()
