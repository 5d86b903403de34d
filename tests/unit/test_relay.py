"""An image from host to host: whose turn it is, the sieve for what need not travel, and what hosts tell each other."""

from __future__ import annotations

import io
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.errors import Interrupted, RemoteError
from fleet.facts.daemon import Daemon
from fleet.facts.docker_info import Info
from fleet.model import Host
from fleet.shipping.archive import open_archive
from fleet.shipping.exchange import READERS, TRIES, Exchange, closeness
from fleet.shipping.relay import Offer, fetching, read_key, read_offer, serving
from fleet.shipping.sieve import SCALE, SIEVE
from fleet.shipping.stock import Stock, spare
from tests.support.archives import Image, layout, new_save, noise, sha256, tar, unpack

A, B, C, D = (Host(name, f"10.0.{net}.{number}") for name, net, number in (("a", 1, 1), ("b", 1, 2), ("c", 2, 3), ("d", 2, 4)))
KEY = f"ssh-ed25519 {'A' * 68}"
SOON = 20.0


def calm() -> None:
    """Nobody wants to stop."""


class Turn:
    """A host that waits for its turn in a thread, and keeps it until it is told to end."""

    def __init__(self, exchange: Exchange, host: Host, *tried: str, check: Callable[[], None] = calm) -> None:
        self.giver: Host | str | None = "waiting"
        self.failure: BaseException | None = None
        self._got, self._end = threading.Event(), threading.Event()
        self._work = (exchange, host, tried, check)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        exchange, host, tried, check = self._work
        try:
            with exchange.turn("linux/arm64", host, tried, check) as self.giver:
                self._got.set()
                self._end.wait(SOON)
        except BaseException as error:
            self.failure = error
        self._got.set()

    def got(self) -> Host | str | None:
        """From whom it may take the image, as soon as that is known."""
        assert self._got.wait(SOON)
        return self.giver

    def waits(self) -> bool:
        """Whether it still has no turn after a moment."""
        return not self._got.wait(0.5)

    def end(self) -> None:
        """It is done."""
        self._end.set()
        self._thread.join(SOON)


def test_one_host_gets_it_from_the_laptop_and_the_others_from_it() -> None:
    """While one is being sent to, those who could take it from there wait; and then at most so many read at once."""
    exchange = Exchange(1)
    exchange.hear(A)
    first = Turn(exchange, A)
    assert first.got() is None
    others = [Turn(exchange, host) for host in (B, C)]
    assert all(turn.waits() for turn in others)
    exchange.offer("linux/arm64", A)
    first.end()
    assert [turn.got() for turn in others] == [A] * READERS
    last = Turn(exchange, D)
    assert last.waits()
    others[0].end()
    assert last.got() == A


def test_each_platform_has_its_own() -> None:
    """A host of another platform gives nothing to these."""
    exchange = Exchange(1)
    exchange.hear(A)
    exchange.offer("linux/amd64", B)
    assert Turn(exchange, A).got() is None


def test_a_host_that_was_not_reached_is_not_asked_again() -> None:
    """The copy that is sent then may help others that can't reach the first one either; but not without end."""
    exchange = Exchange(1)
    exchange.hear(A)
    exchange.offer("linux/arm64", A)
    second = Turn(exchange, C, "a")
    assert second.got() is None
    third = Turn(exchange, D, "a")
    assert third.waits()
    exchange.offer("linux/arm64", C)
    second.end()
    assert third.got() == C
    tired = Turn(exchange, B, *(f"tried-{number}" for number in range(TRIES)))
    assert tired.got() is None


def test_when_the_laptop_fails_at_one_host_the_next_one_is_sent_to() -> None:
    """Nobody waits for somebody who is gone."""
    exchange = Exchange(1)
    exchange.hear(A)
    first, second = Turn(exchange, A), None
    assert first.got() is None
    second = Turn(exchange, B)
    assert second.waits()
    first.end()
    assert second.got() is None


def test_a_host_that_may_have_it_is_waited_for() -> None:
    """Until all that are asked have answered, or for a while: one of them may spare the laptop everything."""
    exchange = Exchange(2)
    exchange.hear(A)
    first = Turn(exchange, A)
    assert first.waits()
    exchange.offer("linux/arm64", B)
    exchange.hear(B)
    assert first.got() == B
    began = time.monotonic()
    assert Turn(Exchange(2, patience=0.5), C).got() is None
    assert time.monotonic() - began >= 0.5


def test_a_wish_to_stop_ends_the_wait() -> None:
    """Ctrl-C is not for later."""

    def stop() -> None:
        raise Interrupted("stopped")

    turn = Turn(Exchange(2), A, check=stop)
    turn.got()
    assert isinstance(turn.failure, Interrupted)


def test_the_nearest_gives_first() -> None:
    """Of those that are free, the one in the same network; names say nothing of where they are."""
    exchange = Exchange(1)
    for host in (A, D):
        exchange.offer("linux/arm64", host)
    assert Turn(exchange, C).got() == D
    assert Turn(exchange, B).got() == A
    assert closeness("10.0.1.1", "10.0.1.1") == 32
    assert (closeness("10.0.1.1", "pi.local"), closeness("10.0.1.1", "fd00::1")) == (0, 0)


# ── the sieve ────────────────────────────────────────────────────────────────────────────────────────────────────────


def sieved(data: bytes, spare: list[str], folder: Path) -> bytes:
    """What comes out on a host."""
    (folder / "spare").write_text("".join(f"{digest.removeprefix('sha256:')}\n" for digest in spare))
    return subprocess.run(["perl", "-e", SIEVE, folder / "spare"], input=data, capture_output=True, check=True).stdout


def names(data: bytes) -> list[str]:
    """What is in a tar."""
    with tarfile.open(fileobj=io.BytesIO(data)) as made:
        return made.getnames()


ONE, TWO, SMALL = noise(1, 0.2), noise(2, 0.3), noise(3, 0.001)
APP = Image([ONE, TWO, SMALL])


def test_the_sieve_takes_large_blobs_out(tmp_path: Path) -> None:
    """Those of the list, and nothing else; what is small stays, as manifests are, and without a list all does."""
    data = new_save("app:1", APP)
    assert sieved(data, [], tmp_path) == data
    gone = sorted(set(names(data)) - set(names(sieved(data, [sha256(ONE), sha256(SMALL)], tmp_path))))
    assert gone == [f"blobs/sha256/{sha256(ONE)[7:]}"]


@pytest.mark.parametrize("size", ["octal", "binary", "pax"])
def test_the_sieve_reads_every_kind_of_header(size: str, tmp_path: Path) -> None:
    """GNU's binary sizes, and POSIX's records that tell it beforehand, as they stand for what is larger than 8 GiB."""
    out = io.BytesIO()
    kind = tarfile.PAX_FORMAT if size == "pax" else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=out, mode="w", format=kind) as made:
        for name, data in ((f"blobs/sha256/{'a' * 64}", ONE), ("x" * 150, b"long name"), (f"blobs/sha256/{'b' * 64}", TWO)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if size == "pax":
                info.pax_headers = {"size": str(len(data)), "SCHILY.xattr.user.a": "b"}
            made.addfile(info, io.BytesIO(data))
    data = out.getvalue()
    if size == "binary":
        data = data.replace(f"{len(ONE):011o}\0".encode(), b"\x80" + len(ONE).to_bytes(11, "big"), 1)
    left = names(sieved(data, ["a" * 64], tmp_path))
    assert left == ["x" * 150, f"blobs/sha256/{'b' * 64}"]


def test_a_broken_stream_stays_broken(tmp_path: Path) -> None:
    """The sieve does not make a whole archive of half of one."""
    with pytest.raises(subprocess.CalledProcessError):
        sieved(new_save("app:1", APP)[:100_000], [], tmp_path)


def test_only_the_archive_is_passed_on(tmp_path: Path) -> None:
    """What root's ~/.bashrc prints on the giver comes before the mark; the bytes after it are counted."""
    archive = b"\x1f\x8b\x00\036image\n\xff" * 50_000
    stream = b"welcome, root\n\036image\n" + archive
    done = subprocess.run(["perl", "-e", SCALE, tmp_path / "count"], input=stream, capture_output=True, check=True)
    assert done.stdout == archive
    assert int((tmp_path / "count").read_text()) == len(archive)


def test_what_need_not_travel(tmp_path: Path) -> None:
    """Of layers that are there, both names; where blobs count, only that of the blob, since the other is none of its own."""
    (image,) = open_archive(unpack(layout([APP]), tmp_path / "layout")).named("app:1")
    found = Stock((1, 2), is_whole=False)
    layer = image.layers[0]
    assert layer.digest != layer.diff_id
    assert spare(image, found, Daemon("28.0")) == {layer.digest, layer.diff_id}
    assert spare(image, found, Daemon("29.0", info=Info(containerd_store=True))) == {layer.digest}


# ── what hosts tell each other ───────────────────────────────────────────────────────────────────────────────────────


def test_an_offer_is_read_and_passed_on() -> None:
    """The address that the laptop reaches it at comes first, IPv4 before IPv6, and not without end."""
    said = [
        "port 4714",
        f"host-key {KEY}",
        *(f"address {a}" for a in ("fd00::1", "10.0.0.9", "192.168.1.2", "10.9.0.1", "fd00::2")),
    ]
    offer = read_offer(said, "192.168.1.2")
    assert offer == Offer(4714, KEY, ("192.168.1.2", "10.0.0.9", "10.9.0.1", "fd00::1"))
    assert offer.document([f"sha256:{'a' * 64}"]).decode().splitlines() == [
        "4714",
        KEY,
        "192.168.1.2 10.0.0.9 10.9.0.1 fd00::1",
        "a" * 64,
    ]


@pytest.mark.parametrize(
    "said", [[], ["port x"], ["port 1", f"host-key {KEY} x"], ["port 1", f"host-key {KEY}", "address -oProxy"]]
)
def test_a_host_that_talks_nonsense_is_not_believed(said: list[str]) -> None:
    """What one host says gets into the other's command line."""
    with pytest.raises(RemoteError):
        read_offer(said, "")


@pytest.mark.parametrize("key", [f"{KEY}\nssh-ed25519 x", f'command="sh" {KEY}', f"{KEY} x", "ssh-rsa AAAA", ""])
def test_a_key_lets_in_nobody_else(key: str) -> None:
    """A key that a host tells becomes a line of a file that lets people in."""
    with pytest.raises(RemoteError):
        read_key(key)


@pytest.mark.parametrize("script", [serving("app:1", KEY), fetching("app:1")], ids=["serving", "fetching"])
def test_the_scripts_are_sh(script: str) -> None:
    """Every place is filled, and a POSIX shell can read it."""
    assert "%sieve%" not in script
    subprocess.run(["dash", "-n"], input=script.encode(), check=True)


def test_equal_archives_are_equal(tmp_path: Path) -> None:
    """What is taken out of a tar leaves a tar that others read."""
    path = tmp_path / "left.tar"
    path.write_bytes(sieved(tar(layout([APP], "docker.io/library/app:1")), [], tmp_path))
    assert open_archive(path).names == ("app:1",)
