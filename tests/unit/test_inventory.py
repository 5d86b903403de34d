"""Files become an inventory: precedence, names, addresses, gateways, several files, and the cost of ten thousand hosts."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import jsonschema
import pytest
import yaml

from fleet import schemas
from fleet.errors import InventoryError
from fleet.files import fields
from fleet.inventory import DEFAULT_PATH, Inventory, locate, read
from fleet.inventory.schema import Defaults, Entry, Group, InventoryFile
from fleet.model import Host

ROOT = Path(__file__).parents[2]


def made(tmp_path: Path, text: str) -> Inventory:
    """The inventory of one file with this text."""
    file = tmp_path / "fleet.yml"
    file.write_text(text)
    return read(file)


def refused(tmp_path: Path, text: str) -> InventoryError:
    """The error that a file with this text gives."""
    with pytest.raises(InventoryError) as caught:
        made(tmp_path, text)
    return caught.value


# ── the shipped files ──


def test_the_example_has_every_key() -> None:
    """inventory/example.yml can be read, and shows every key there is."""
    inventory = read(ROOT / "inventory/example.yml")
    data = yaml.safe_load((ROOT / "inventory/example.yml").read_text())
    assert set(data) == set(InventoryFile.model_fields)
    assert set(data["defaults"]) | {"gateway"} == set(Defaults.model_fields)
    assert {key for group in data["groups"].values() for key in group or ()} <= set(Group.model_fields)
    assert {key for host in data["hosts"].values() for key in host or ()} == set(Entry.model_fields)
    assert inventory.hosts["barn"].vars == {"docker_mirror": "https://download.docker.com"}
    assert inventory.hosts["this-machine"].is_local


def test_the_default_inventory_can_be_read() -> None:
    """inventory/fleet.yml is a place to begin."""
    assert list(read(ROOT / DEFAULT_PATH).hosts) == ["pi-kitchen", "pi-office", "pi-garage"]


@pytest.mark.parametrize("name", ["example.yml", "fleet.yml"])
def test_the_schema_accepts_the_shipped_files(name: str) -> None:
    """The JSON Schema is valid itself, has a text for every key, and agrees with the reader."""
    schema = schemas.inventory()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((ROOT / "inventory" / name).read_text()), schema)
    assert all(key.get("description") for key in schema["$defs"]["Entry"]["properties"].values())


@pytest.mark.parametrize(
    "text",
    [
        "hosts: {a: {adress: b}}",
        "hosts: {a: {port: '22'}}",
        "hosts: {a: {port: 70000}}",
        "hosts: {'a b': {}}",
        "host: {}",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(tmp_path: Path, text: str) -> None:
    """An editor marks the mistake before fleet does."""
    refused(tmp_path, text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), schemas.inventory())


# ── precedence ──


def test_host_over_later_group_over_earlier_group_over_defaults(tmp_path: Path) -> None:
    """Each setting is taken from the strongest place that names it; vars are merged name by name."""
    inventory = made(
        tmp_path,
        """
defaults: {user: d, port: 1, key: dk, recipe: dr, vars: {a: d, b: d, c: d, e: d}}
groups:
  one: {user: g1, port: 11, vars: {b: g1, c: g1}}
  two: {user: g2, vars: {c: g2, deep: {x: 1}}}
hosts:
  h: {groups: [one, two], recipe: hr, vars: {e: h, deep: {y: 2}}}
  plain:
""",
    )
    assert inventory.hosts["h"] == Host(
        name="h",
        address="h",
        user="g2",
        port=11,
        key="dk",
        groups=("one", "two"),
        vars={"a": "d", "b": "g1", "c": "g2", "e": "h", "deep": {"y": 2}},
        recipe="hr",
    )
    assert inventory.hosts["plain"].user == "d"
    assert [host.name for host in inventory.members("one")] == ["h"]


def test_an_empty_value_is_not_said(tmp_path: Path) -> None:
    """`user:` with nothing behind it leaves the group's user in place."""
    inventory = made(tmp_path, "defaults: {user: d}\ngroups: {g: }\nhosts: {h: {user: , groups: , vars: }}\n")
    assert (inventory.hosts["h"].user, inventory.groups) == ("d", ("g",))


def test_nothing_is_invented(tmp_path: Path) -> None:
    """Where the inventory is silent, ~/.ssh/config decides."""
    assert made(tmp_path, "hosts: {pi.local: }").hosts["pi.local"] == Host("pi.local", "pi.local")


def test_vars_remember_how_a_number_was_written(tmp_path: Path) -> None:
    """A version without quotes is not shortened on its way to the recipe."""
    value = made(tmp_path, "hosts: {a: {vars: {v: 28.10}}}").hosts["a"].vars["v"]
    assert getattr(value, "text", "") == "28.10"


def test_a_groups_gateway_is_none_for_the_gateway_itself(tmp_path: Path) -> None:
    """The gateway may be a member of the group that goes through it."""
    inventory = made(tmp_path, "groups: {far: {gateway: gate}}\nhosts: {gate: {groups: [far]}, b: {groups: [far]}}")
    assert [host.gateway for host in inventory] == [None, "gate"]


# ── several files ──


def test_a_folder_is_read_as_one(tmp_path: Path) -> None:
    """All YAML files in the order of their names, but not example.yml, hidden files and others."""
    (tmp_path / "10-groups.yaml").write_text("groups: {pis: {user: pi}}\n")
    (tmp_path / "20-b.yml").write_text("hosts: {b: {groups: [pis]}}\n")
    (tmp_path / "30-a.yml").write_text("hosts: {a: {}}\n")
    for ignored in ("example.yml", ".hidden.yml", "notes.txt"):
        (tmp_path / ignored).write_text("nonsense")
    inventory = read(tmp_path)
    assert list(inventory.hosts) == ["b", "a"]
    assert inventory.hosts["b"].user == "pi"


@pytest.mark.parametrize("text", ["hosts: {a: }\n", "groups: {g: }\n", "defaults: {user: x}\n"])
def test_twice_in_two_files(tmp_path: Path, text: str) -> None:
    """A host, a group or the defaults in two files: the error names both places."""
    (tmp_path / "1.yml").write_text(text)
    (tmp_path / "2.yml").write_text("\n" + text)
    with pytest.raises(InventoryError, match="in one file only") as caught:
        read(tmp_path)
    assert (caught.value.path, caught.value.line) == (str(tmp_path / "2.yml"), 2)
    assert f"{tmp_path / '1.yml'}:1" in str(caught.value)


def test_an_empty_folder(tmp_path: Path) -> None:
    """Is no inventory."""
    with pytest.raises(InventoryError, match="no inventory in this folder"):
        read(tmp_path)


# ── where it is ──


def test_locate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option over the variable over inventory/fleet.yml; a missing one says what to do."""
    monkeypatch.chdir(tmp_path)
    one, two = tmp_path / "one.yml", tmp_path / "two.yml"
    one.touch()
    two.touch()
    assert locate(str(one), {"FLEET_INVENTORY": str(two)}) == one
    assert locate(None, {"FLEET_INVENTORY": str(two)}) == two
    with pytest.raises(InventoryError, match="does not exist") as caught:
        locate(None, {})
    assert "fleet init" in caught.value.hint
    with pytest.raises(InventoryError, match="FLEET_INVENTORY names"):
        locate(None, {"FLEET_INVENTORY": "gone"})
    with pytest.raises(InventoryError, match="no inventory 'gone'"):
        locate("gone", {"FLEET_INVENTORY": str(two)})
    (tmp_path / "inventory").mkdir()
    (tmp_path / DEFAULT_PATH).touch()
    assert locate(None, {}) == DEFAULT_PATH


# ── words ──


@pytest.mark.parametrize(
    "text",
    [
        "pi",
        "pi.local",
        "a_b.example.",
        "192.168.1.20",
        "fd00::20",
        "fe80::20%eth0",
        "::1",
        "local",
        "xn--mnchen-3ya.de",
    ],
)
def test_addresses(text: str) -> None:
    """Names, IPv4, IPv6 with and without a zone."""
    assert fields.address(text) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("pi@10.0.0.5", "address: 10.0.0.5 and user: pi"),
        ("10.0.0.5:2222", "address: 10.0.0.5 and port: 2222"),
        ("[fd00::1]", 'write it without: "fd00::1"'),
        ("ssh://pi", "name alone"),
        ("10.0.0.300", "four numbers"),
        ("fd00:::1", "fd00::20"),
        ("fe80::1%et h", "interface"),
        ("münchen.de", "xn--"),
        ("-oProxyCommand=x", "host name, an IPv4"),
    ],
)
def test_addresses_with_more_in_them(tmp_path: Path, text: str, hint: str) -> None:
    """What belongs in another key is sent there."""
    assert hint in refused(tmp_path, f'hosts: {{a: {{address: "{text}"}}}}').hint


@pytest.mark.parametrize("text", ["gate", "me@gate", "me@gate:2222", "10.0.0.1:22", "fd00::1", "[fd00::1]:22", "u@[::1]:22"])
def test_gateways(text: str) -> None:
    """A name, with a user and a port if need be."""
    assert fields.gateway(text) == text


def test_split_port() -> None:
    """An IPv6 address is not cut at its last colon."""
    assert fields.split_port("gate:22") == ("gate", 22)
    assert fields.split_port("[fd00::1]:22") == ("fd00::1", 22)
    assert fields.split_port("[fd00::1]") == ("fd00::1", None)
    assert fields.split_port("fd00::1") == ("fd00::1", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hosts: {a: {gateway: a}}", "in a circle: a → a"),
        ("hosts: {a: {gateway: b}, b: {gateway: c}, c: {gateway: a}}", "in a circle: a → b → c → a"),
        ("hosts: {a: {gateway: here}, here: {address: local}}", "a gateway is this very machine: a → here"),
        ("hosts: {a: {gateway: local}}", "this machine is no gateway"),
        ("hosts: {a: {gateway: 'b,c'}}", "more than one gateway"),
        ("hosts: {a: {gateway: 'b:0'}}", "has the port 0"),
        ("hosts: {" + ", ".join(f"h{n}: {{gateway: h{n + 1}}}" for n in range(20)) + "}", "through more than 8 hosts"),
    ],
)
def test_gateways_that_lead_nowhere(tmp_path: Path, text: str, message: str) -> None:
    """Circles, this machine and endless chains are found before anything connects."""
    assert message in str(refused(tmp_path, text))


def test_several_mistakes_in_one_file(tmp_path: Path) -> None:
    """All are told at once, in the order of their lines, each with what to do."""
    error = refused(tmp_path, "hosts:\n  a:\n    adress: x\n    port: '22'\n  b:\n    user: 7\ngroupes: {}\n")
    lines = str(error).splitlines()
    assert [line.removeprefix(str(tmp_path)).split(" ")[0] for line in lines] == [f"/fleet.yml:{n}:" for n in (3, 4, 6, 7)]
    assert "did you mean 'address'?" in lines[0]
    assert "write it without quotes: port: 22" in lines[1]
    assert 'write user: "7"' in lines[2]
    assert "did you mean 'groups'?" in lines[3]
    assert error.hint.startswith("allowed here: user, port, key, gateway, vars, recipe, address, groups")


def test_a_group_must_be_written_down(tmp_path: Path) -> None:
    """A group that only hosts name is a typo; the hint says how to add it."""
    error = refused(tmp_path, "groups: {kitchen: }\nhosts:\n  a:\n    groups: [kitchn]\n")
    assert error.line == 4
    assert "did you mean 'kitchen'?" in str(error)


# ── cost ──


def fleet_of(count: int) -> str:
    """An inventory of many hosts, as a program would write it."""
    hosts = "".join(
        f"  pi-{n:05}:\n    address: 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n    groups: [pis, hall]\n    vars: {{room: r{n}}}\n"
        for n in range(count)
    )
    return f"defaults: {{user: pi, vars: {{a: 1}}}}\ngroups:\n  pis: {{port: 22}}\n  hall:\nhosts:\n{hosts}"


def seconds(file: Path) -> float:
    """CPU seconds of the quickest of three readings."""
    times = []
    for _ in range(3):
        began = time.process_time()
        read(file)
        times.append(time.process_time() - began)
    return min(times)


def test_ten_thousand_hosts(tmp_path: Path) -> None:
    """Ten times the hosts take about ten times the time, and some kilobytes each."""
    small, large = tmp_path / "small.yml", tmp_path / "large.yml"
    small.write_text(fleet_of(1000))
    large.write_text(fleet_of(10_000))
    assert seconds(large) / seconds(small) <= 20
    tracemalloc.start()
    try:
        assert len(read(large)) == 10_000
        assert tracemalloc.get_traced_memory()[1] <= 64 * 1024**2
    finally:
        tracemalloc.stop()


def test_ten_thousand_mistakes(tmp_path: Path) -> None:
    """A file that is wrong everywhere is refused about as quickly as a good one is read."""
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(fleet_of(10_000))
    bad.write_text(fleet_of(10_000).replace("groups: [pis", "groups: [pies").replace("address", "adress"))
    began = time.process_time()
    with pytest.raises(InventoryError, match="and 90 more"):
        read(bad)
    assert time.process_time() - began <= 3 * seconds(good)
