"""Fingerprints against gpg's opinion, and files that two readers could understand differently."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.formats.openpgp import is_armored, primary_fingerprints
from tests.support.keys import BEGIN, END, armored, public_key

SYSTEM_KEYS = sorted([*Path("/usr/share/keyrings").glob("*.gpg"), *Path("/etc/apt/trusted.gpg.d").glob("*.asc")])

needs_gpg = pytest.mark.skipif(not shutil.which("gpg"), reason="gpg is the judge here, and it is not installed")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder of gpg's with one key of each common kind."""
    folder = tmp_path_factory.mktemp("gpg")
    folder.chmod(0o700)
    for kind in ("rsa2048", "ed25519", "nistp256"):
        _gpg(folder, "--passphrase", "", "--quick-generate-key", f"{kind} <{kind}@test.invalid>", kind)
    yield folder
    subprocess.run(["gpgconf", "--homedir", str(folder), "--kill", "all"], check=True)


def _gpg(folder: Path, *words: str) -> bytes:
    argv = ["gpg", "--homedir", str(folder), "--batch", "--no-tty", "--quiet", *words]
    return subprocess.run(argv, check=True, capture_output=True).stdout


def _judged(folder: Path, file: Path) -> tuple[str, ...]:
    records = [line.split(":") for line in _gpg(folder, "--show-keys", "--with-colons", str(file)).decode().splitlines()]
    heads = [record for record in records if record[0] in ("pub", "sub", "fpr")]
    return tuple(after[9] for before, after in pairwise(heads) if before[0] == "pub")


@needs_gpg
@pytest.mark.parametrize("kind", ["rsa2048", "ed25519", "nistp256"])
@pytest.mark.parametrize("armor", ["--armor", "--no-armor"])
def test_fingerprints_are_those_of_gpg(home: Path, tmp_path: Path, kind: str, armor: str) -> None:
    """Primary keys alone, of each kind, in the binary and the ASCII form."""
    file = tmp_path / "key"
    file.write_bytes(_gpg(home, armor, "--export", kind))
    assert primary_fingerprints(file.read_bytes()) == _judged(home, file)
    assert len(primary_fingerprints(file.read_bytes())) == 1
    assert is_armored(file.read_bytes()) is (armor == "--armor")


@needs_gpg
def test_all_keys_of_a_file_are_seen(home: Path, tmp_path: Path) -> None:
    """A file of three keys has three primary fingerprints, in its order."""
    file = tmp_path / "key"
    file.write_bytes(_gpg(home, "--armor", "--export"))
    assert primary_fingerprints(file.read_bytes()) == _judged(home, file)
    assert len(_judged(home, file)) == 3


@needs_gpg
@pytest.mark.skipif(not SYSTEM_KEYS, reason="this machine has no keyrings of apt")
def test_real_archive_keys(home: Path) -> None:
    """The distribution's own keyrings read as gpg reads them."""
    checked = 0
    for file in SYSTEM_KEYS:
        data = file.read_bytes()
        if b"\x04" in data[:6] or data.startswith(b"-----"):
            assert primary_fingerprints(data) == _judged(home, file), file
            checked += 1
    assert checked


@needs_gpg
def test_a_secret_key_is_nopublic_key(home: Path) -> None:
    """An exported secret key is refused, in both forms."""
    for armor in ("--armor", "--no-armor"):
        secret = _gpg(home, armor, "--passphrase", "", "--pinentry-mode", "loopback", "--export-secret-keys", "rsa2048")
        with pytest.raises(ValueError, match=r"armor|no part of a public key"):
            primary_fingerprints(secret)


def test_armor_in_all_its_forms() -> None:
    """Header lines, a checksum, CRLF, blanks at line ends and text around the block change nothing."""
    key = public_key(b"x" * 200)
    expected = primary_fingerprints(key)
    plain = armored(key)
    forms = [
        plain,
        plain.replace(b"\n", b"\r\n"),
        plain.replace(END, b"=abcd\n" + END),
        armored(key, b"Version: GnuPG v2", b"Comment: a, b", b"Charset:"),
        b"Some words before.\n\n" + plain + b"\nand after\n",
        plain.rstrip(b"\n"),
        plain.replace(b"\n", b" \n"),
    ]
    for form in forms:
        assert primary_fingerprints(form) == expected, form
        assert is_armored(form)
    assert primary_fingerprints(plain + plain.replace(b"x", b"x")) == expected * 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no OpenPGP public key"),
        (b"<html>log in to the hotel</html>", "not an OpenPGP packet"),
        (b"\x99\x00", "cut-off"),
        (b"\x99\x00\x10\x04abc", "cut-off"),
        (b"\xc6", "cut-off"),
        (b"\xc6\xff\x00", "cut-off"),
        (b"\x9b\x04abc", "without a length"),
        (b"\xc6\xe1ab", "in parts"),
        (b"\x99\x00\x04\x03abc", "version other than 4"),
        (b"\x9a" + (70_000).to_bytes(4) + b"\x04" + b"x" * 69_999, "too long"),
        (BEGIN + b"\nnot*base64\n" + END, "broken ASCII armor"),
        (BEGIN + b"\nAAA\n" + END, "broken ASCII armor"),
        (BEGIN + b"\n" + END, "broken ASCII armor"),
        (BEGIN + b"\nAAAA\n", "broken ASCII armor"),
        (armored(b"\x99\x00")[:-3], "broken ASCII armor"),
    ],
)
def test_what_is_no_key_is_refused(data: bytes, words: str) -> None:
    """Cut-off, foreign and broken data: a ValueError with a few words, never another error."""
    with pytest.raises(ValueError, match=words):
        primary_fingerprints(data)


def test_a_key_can_not_be_smuggled_past() -> None:
    """What another reader could take for a second key is refused as a whole, wherever it hides."""
    good, evil = public_key(b"good"), public_key(b"evil")
    compressed = b"\xa3" + b"\x00" + evil
    for hidden in (
        armored(good) + armored(evil).replace(b"PUBLIC KEY BLOCK", b"ARMORED FILE"),
        armored(good) + armored(evil).replace(b"PUBLIC KEY BLOCK", b"MESSAGE"),
        armored(good) + armored(evil).replace(b"-----END", b"-----end"),
        armored(good).replace(END, b"-----END of it\n") + END,
        good + compressed,
        armored(good + b"\xc8\x01\x00"),
    ):
        with pytest.raises(ValueError, match=r"armor|no part|without a length"):
            primary_fingerprints(hidden)
    assert len(primary_fingerprints(armored(good) + armored(evil))) == 2
    assert len(primary_fingerprints(armored(good + evil))) == 2


@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_never_surprise(data: bytes, ascii_form: bool) -> None:
    """Any bytes give fingerprints or a ValueError."""
    try:
        found = primary_fingerprints(armored(data) if ascii_form else data)
    except ValueError:
        return
    assert all(len(f) == 40 for f in found)
