"""YAML text becomes plain data that knows its lines; what surprises people is refused with a remedy."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import FileError, InventoryError
from fleet.files import documents
from fleet.files.documents import LARGEST, load, parse
from fleet.files.scalars import Decimal, is_text, resolve


def refused(content: str | bytes) -> FileError:
    """The error that this content gives."""
    with pytest.raises(FileError) as caught:
        parse(content, "f.yml")
    return caught.value


def test_data_and_lines() -> None:
    """Every key and list item has its line, and an unknown place has that of the nearest one around it."""
    document = parse("a: 1\nb:\n  c: [x,\n    y]\n  d:\n", "f.yml")
    assert document.data == {"a": 1, "b": {"c": ["x", "y"], "d": None}}
    assert [document.locate(place)[1] for place in [("a",), ("b", "c"), ("b", "c", 1), ("b", "nope", 3)]] == [
        1,
        3,
        4,
        2,
    ]
    assert document.locate(("nowhere",)) == ("f.yml", None)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, documents._LOADER])
def test_both_parsers_agree(loader: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML without its C part gives the same data, lines and refusals."""
    monkeypatch.setattr(documents, "_LOADER", loader)
    text = "a: {b: [1, 'two', 3.50]}\nc: |\n  text\nd: null\n"
    assert parse(text, "f.yml").data == {"a": {"b": [1, "two", 3.5]}, "c": "text\n", "d": None}
    assert str(refused("a: 1\na: 2\n")) == "f.yml:2: a is there twice; first in line 1"
    assert "anchors (&x)" in str(refused("a: &x 1\n"))
    assert "a tab is used for indentation" in str(refused("a:\n\tb: 1\n"))
    assert "nested more than 32" in str(refused("a: " + "[" * 60 + "]" * 60))
    assert "not valid YAML" in str(refused("a: 'x\n"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("0", 0), ("-12", -12), ("+3", 3),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("2024-01-01", "2024-01-01"), ("22:22", "22:22"), ("1_000", "1_000"),
        ("10.0.0.1", "10.0.0.1"), ("1.2.3", "1.2.3"), ("-", "-"), (".", "."), ("0.5", 0.5), ("1e3", 1000.0),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    """Only true and false are booleans; dates and numbers with colons or underscores are text."""
    found = resolve(text)
    assert (found, type(found) is bool) == (value, type(value) is bool)


@pytest.mark.parametrize("text", ["0755", "-007", "0x1F", "0o17", ".inf", ".NaN", "1e999", "12345678901234567890"])
def test_odd_numbers_are_refused(text: str) -> None:
    """Numbers that programs read differently must be quoted, and the hint says how."""
    error = refused(f"a: {text}\n")
    assert text in str(error)
    assert f'quote it: "{text}"' in error.hint
    assert parse(f'a: "{text}"\n', "f.yml").data == {"a": text}


def test_a_number_knows_how_it_was_written() -> None:
    """28.10 equals 28.1, and still remembers the nought."""
    number = parse("version: 28.10\n", "f.yml").data["version"]
    assert isinstance(number, Decimal)
    assert (number, number.text) == (28.1, "28.10")


@pytest.mark.parametrize("key", ["no", "On", "YES", "1", "28.10", "2024-01-01", "22:22", "0x1F", "true", "null", "~", "010"])
def test_keys_must_be_text(key: str) -> None:
    """A host that is called `no` must be quoted, since half of the world's readers see false there."""
    error = refused(f"{key}: x\n")
    assert f"the key {key} is not text" in str(error)
    assert error.hint == f'quote it: "{key}":'
    assert parse(f'"{key}": x\n', "f.yml").data == {key: "x"}
    assert not is_text(key)


def test_all_mistakes_come_at_once() -> None:
    """Mistakes that allow reading on are told together, each with its line, and the hints are not repeated."""
    error = refused("a: &x 1\nb: *x\nc: !t 1\n1: d\n")
    assert [line.split(" ")[0] for line in str(error).splitlines()] == ["f.yml:1:", "f.yml:2:", "f.yml:3:", "f.yml:4:"]
    assert str(error).count("gigabytes") == 0
    assert "gigabytes" in error.hint


def test_a_flood_of_mistakes_stays_readable() -> None:
    """Ten mistakes are shown, the rest is counted."""
    error = refused("".join(f"{number}: x\n" for number in range(50)))
    assert len(str(error).splitlines()) == 11
    assert str(error).endswith("and 40 more")


def test_a_byte_order_mark_is_no_mistake() -> None:
    """Editors on Windows write one."""
    assert parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f.yml").data == {"a": 1, "b": 2}


def test_escapes_may_give_any_character() -> None:
    """In double quotes a control character is meant; whoever uses it has to check it."""
    assert parse('a: "\\x1b\\0"\n', "f.yml").data == {"a": "\x1b\0"}


def test_load_names_the_file(tmp_path: Path) -> None:
    """A missing file, a folder, a device and a file that is too large are refused before they are read."""
    with pytest.raises(InventoryError, match="there is no such file"):
        load(tmp_path / "none.yml", InventoryError)
    for odd in (tmp_path, Path(os.devnull)):
        with pytest.raises(InventoryError, match="expected a file"):
            load(odd, InventoryError)
    large = tmp_path / "large.yml"
    large.write_bytes(b"a: " + b"x" * LARGEST)
    with pytest.raises(InventoryError, match="larger than 4 MiB"):
        load(large, InventoryError)


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    """A named pipe without a writer would block for ever."""
    pipe = tmp_path / "pipe.yml"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match="expected a file"):
        load(pipe)


def test_every_error_of_the_parser_is_told_in_place() -> None:
    """What libyaml complains about has a line and no traceback."""
    for text in [
        "a: [1\n",
        "a: b: c\n",
        "a: @x\n",
        "a: %x\n- b\n",
        "%YAML 9.9\n---\na: 1\n",
        '"a\n',
        "a: |x\n",
        "{a: }}",
    ]:
        assert refused(text).line


INVISIBLE = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufffe\uffff"
"""Refused in a file, but for escapes."""
TEXT = st.text(st.characters(codec="utf-8", exclude_characters=INVISIBLE, exclude_categories=["Cc", "Cs"]), max_size=20)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXT, DATA, min_size=1, max_size=4))
def test_json_is_read_as_what_it_is(data: dict[str, object]) -> None:
    """What a program writes as JSON, which is YAML as well, comes back unchanged."""
    assert parse(json.dumps(data, ensure_ascii=False), "f.json").data == data


def test_invisible_characters_are_read_as_escapes_alone() -> None:
    """As JSON has them by default; as themselves they could make a file look like another one."""
    for character in INVISIBLE:
        assert parse(json.dumps({"a": character}), "f.json").data == {"a": character}
        assert "invisible" in str(refused(json.dumps({"a": character}, ensure_ascii=False)))


@given(st.text("ab:-[]{}&*!|>'\"%@`#?,~<=.\t\n 019", max_size=60))
def test_no_text_surprises_the_reader(text: str) -> None:
    """Any text is read, or refused with an error of ours; what is read has a line for every key."""
    try:
        document = parse(text, "f.yml")
    except FileError:
        return
    assert all(document.locate((key,))[1] for key in document.data)
