"""Who builds for whom in a run: threads stand for the workers of the hosts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.shipping.foundry import Foundry, Make, Nobody, Take, Ware

WARE = Ware("shop/web:1", "label", "linux/arm64")
OTHER = WARE._replace(platform="linux/amd64")
Answer = Make | Take | Nobody


class Worker(threading.Thread):
    """Asks what one host is to do, and keeps the answer."""

    def __init__(self, foundry: Foundry, host: str, *, able: bool = True, seconds: float = 30, stop: bool = False) -> None:
        super().__init__(daemon=True)
        self.told: list[tuple[str, ...]] = []
        self.answer: Answer | BaseException | None = None
        self._ask: Callable[[], Answer] = lambda: foundry.assign(
            host, WARE, able=able, seconds=seconds, check=self._check, tell=self.told.append
        )
        self._stop_at_once = stop
        self.start()

    def _check(self) -> None:
        if self._stop_at_once and self.told:
            raise InterruptedError

    def run(self) -> None:
        """Ask."""
        try:
            self.answer = self._ask()
        except BaseException as error:
            self.answer = error

    def waits(self, *hosts: str) -> bool:
        """Whether it comes to wait for just these hosts, the best first."""
        end = time.monotonic() + 10
        while self.is_alive() and time.monotonic() < end:
            if self.told and self.told[-1] == hosts:
                return True
            time.sleep(0.01)
        return False

    def said(self) -> Answer | BaseException | None:
        """The answer, which must come soon."""
        self.join(10)
        assert not self.is_alive()
        return self.answer


def foundry(strangers: float = 60, **ranks: int) -> Foundry:
    """A run with these hosts at work, each of which would build."""
    made = Foundry(strangers)
    for name, rank in ranks.items():
        made.begin(name)
        if rank:
            made.plans(name, (rank,), frozenset({WARE}), frozenset())
    return made


def test_the_best_builds_and_the_others_take() -> None:
    """Those that are worse wait for it; of equals the first by name is the best."""
    run = foundry(small=1, large=4, larger=4)
    waiting = [Worker(run, "small"), Worker(run, "larger")]
    assert waiting[0].waits("large", "larger")
    assert waiting[1].waits("large")
    assert Worker(run, "large").said() == Make()
    run.made("large", WARE)
    assert [worker.said() for worker in waiting] == [Take("large"), Take("large")]


def test_one_at_a_time_never_waits() -> None:
    """With --parallel 1 nobody else is at work: the first host builds, the next takes from it, though it has ended."""
    run = foundry(small=1)
    assert Worker(run, "small").said() == Make()
    run.made("small", WARE)
    run.end("small")
    run.begin("large")
    run.plans("large", (4,), frozenset({WARE}), frozenset())
    assert Worker(run, "large").said() == Take("small")


def test_a_better_host_waits_for_one_that_builds_already() -> None:
    """It came too late to be the builder."""
    run = foundry(small=1)
    assert Worker(run, "small").said() == Make()
    run.begin("large")
    run.plans("large", (4,), frozenset({WARE}), frozenset())
    late = Worker(run, "large")
    assert late.waits("small")
    run.made("small", WARE)
    assert late.said() == Take("small")


def test_a_builder_that_fails() -> None:
    """The next best builds. When two have failed, the others fail with the reasons of both."""
    run = foundry(a=3, b=2, c=1)
    second, third = Worker(run, "b"), Worker(run, "c")
    assert Worker(run, "a").said() == Make()
    run.failed("a", WARE, "exit code 7")
    assert second.said() == Make()
    assert third.waits("b")
    run.failed("b", WARE, "exit code 8")
    assert third.said() == Nobody("a: exit code 7; b: exit code 8")


@pytest.mark.parametrize("rank", [0, 4])
def test_a_better_host_that_leaves(rank: int) -> None:
    """Whether its plan was known or it died while it was being probed, it is waited for no more."""
    run = foundry(large=rank, small=1)
    waiting = Worker(run, "small")
    assert waiting.waits("large")
    run.end("large")
    assert waiting.said() == Make()


def test_a_stranger_that_turns_out_to_be_none_of_us() -> None:
    """Another platform, nothing to build, or worse: once that is known, nobody waits for it."""
    run = foundry(stranger=0, small=2)
    waiting = Worker(run, "small")
    assert waiting.waits("stranger")
    run.plans("stranger", (9,), frozenset({OTHER}), frozenset({OTHER}))
    assert waiting.said() == Make()


def test_a_stranger_is_not_waited_for_for_ever() -> None:
    """A host that hangs in its probe holds up nobody for long."""
    assert Worker(foundry(strangers=0.2, stranger=0, small=1), "small").said() == Make()


def test_a_better_host_is_not_waited_for_for_ever() -> None:
    """When its time is over, the next one builds."""
    assert Worker(foundry(large=4, small=1), "small", seconds=0.2).said() == Make()


def test_what_a_host_had_before() -> None:
    """Nobody builds what one of them has, be it at work still or not."""
    run = foundry(large=4, small=1)
    run.begin("old")
    run.plans("old", (), frozenset(), frozenset({WARE}))
    run.end("old")
    assert Worker(run, "large").said() == Take("old")


def test_a_source_that_does_not_give_it() -> None:
    """Another source is taken, or it is built."""
    run = foundry(large=4, small=1)
    for name in ("x", "y"):
        run.plans(name, (), frozenset(), frozenset({WARE}))
    assert Worker(run, "large").said() == Take("x")
    run.failed("x", WARE, "no route to host")
    assert Worker(run, "large").said() == Take("y")


def test_a_host_that_must_not_build() -> None:
    """It waits for whoever may, be that one worse; and it builds in no case."""
    run = foundry(builder=1)
    run.begin("weak")
    run.plans("weak", (9,), frozenset(), frozenset())
    waiting = Worker(run, "weak", able=False)
    assert waiting.waits("builder")
    run.failed("builder", WARE, "exit code 7")
    assert waiting.said() == Nobody("builder: exit code 7")
    assert Worker(run, "weak", able=False).said() == Nobody("builder: exit code 7")


def test_a_stop_ends_the_waiting() -> None:
    """Ctrl-C is not held up by it."""
    assert isinstance(Worker(foundry(large=4, small=1), "small", stop=True).said(), InterruptedError)


def test_many_hosts_all_at_once() -> None:
    """Whatever the order, one builds and nobody is left waiting."""
    run = foundry(**{f"h{number}": number % 3 + 1 for number in range(20)})
    built: list[str] = []

    def work(host: str) -> None:
        found = run.assign(host, WARE, able=True, seconds=30, check=lambda: None, tell=lambda hosts: None)
        if isinstance(found, Make):
            built.append(host)
            run.made(host, WARE)
        run.end(host)

    threads = [threading.Thread(target=work, args=(f"h{number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert built == ["h11"]


def test_done_once_for_all() -> None:
    """The first worker's file is everybody's, and so is its error."""
    run, done = foundry(), []
    assert [run.once("k", lambda: done.append(1) or len(done), lambda: None) for _ in range(3)] == [1, 1, 1]  # type: ignore[func-returns-value]
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            run.once("bad", lambda: 1 // 0, lambda: None)


def test_turns() -> None:
    """One after the other, and the next one sees what was noted; one that fails notes nothing."""
    run = foundry()
    with pytest.raises(ZeroDivisionError), run.turn("k", lambda: None) as turn:
        turn.by = str(1 // 0)
    with run.turn("k", lambda: None) as turn:
        assert turn.by == ""
        turn.by = "a"
    with run.turn("k", lambda: None) as turn:
        assert turn.by == "a"


def test_nothing_is_left_on_the_laptop() -> None:
    """Archives are gone with the run."""
    run = foundry()
    place: Path = run.place()
    place.write_text("x")
    assert run.place() != place
    run.close()
    assert not place.parent.exists()
