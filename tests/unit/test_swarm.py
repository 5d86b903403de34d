"""The step `swarm`: what it plans from what a host and its Swarm's manager say, and how those answers are read."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.facts import MACHINE
from fleet.facts.daemon import DAEMON
from fleet.facts.docker_info import Info, Membership
from fleet.job import Shared
from fleet.model import Blocked, Catalog, Change, EnterSwarm, Facts, LeaveSwarm, Run, Satisfied, Situation, Unavailable, Verdict
from fleet.queries import Swarm, SwarmNode, SwarmQuery
from fleet.steps.swarm import SwarmOptions, SwarmStep
from fleet.tasks.swarming import read
from tests.support.golden import golden

HOST = golden("converged-engine29").facts
ME = HOST[MACHINE].machine_id
LABELS = {"architecture": "arm64"}
NODE = SwarmNode("n1", "pi-1", "worker", "active", LABELS)


def _with(member: Membership, *, live_restore: bool = False) -> Facts:
    return HOST.but(DAEMON, replace(HOST[DAEMON], info=Info(member=member), live_restore=live_restore))


def _verdict(facts: Facts, answer: Swarm | Unavailable, **options: Any) -> Verdict:
    wanted = SwarmOptions(manager="nas", **{"labels": LABELS, **options})
    return SwarmStep().verdict(Situation(facts, wanted, Catalog({SwarmQuery("nas"): answer})))


OUTSIDE = _with(Membership())
INSIDE = _with(Membership("active", "n1"))


def test_the_manager_begins() -> None:
    """On the host that is the manager itself, without a word of what `docker swarm init` prints: that is a token."""
    found = _verdict(OUTSIDE, Swarm(ME), advertise="eth0")
    assert isinstance(found, Change)
    begin, labels = found.actions
    assert isinstance(begin, Run)
    assert begin.script == "docker swarm init --advertise-addr eth0 >/dev/null"
    assert labels == EnterSwarm("nas", "manager", "active", (("architecture", "arm64"),), join=False, advertise="eth0")


def test_others_join() -> None:
    """With the role that they have, also when the manager has not begun yet; no token is in the plan."""
    found = _verdict(OUTSIDE, Swarm("other"), role="manager")
    assert isinstance(found, Change)
    assert found.why == "join the Swarm of nas as manager"
    assert found.actions == (EnterSwarm("nas", "manager", "active", (("architecture", "arm64"),), join=True),)


def test_a_bare_host_joins_too() -> None:
    """Where no daemon runs yet the plan is the same."""
    assert isinstance(_verdict(golden("debian-trixie").facts, Swarm("other")), Change)


def test_as_wanted() -> None:
    """Labels that the recipe does not name are somebody else's."""
    node = replace(NODE, labels={**LABELS, "rack": "2"})
    assert isinstance(_verdict(INSIDE, Swarm("other", "n0", (node,))), Satisfied)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"role": "manager"}, "in the Swarm: role worker → manager"),
        ({"availability": "drain"}, "in the Swarm: availability active → drain"),
        ({"labels": {"architecture": "amd64"}}, "in the Swarm: label architecture=amd64"),
        ({"labels": {"architecture": ""}}, "in the Swarm: label architecture="),
    ],
)
def test_what_differs_is_changed(options: dict[str, Any], why: str) -> None:
    """Without joining anew."""
    found = _verdict(INSIDE, Swarm("other", "n0", (NODE,)), **options)
    assert isinstance(found, Change)
    assert found.why == why
    (action,) = found.actions
    assert isinstance(action, EnterSwarm)
    assert not action.join


def test_a_label_without_a_value_need_not_be_there() -> None:
    """An empty fact, such as the board's model of a PC, is no label."""
    assert isinstance(_verdict(INSIDE, Swarm("other", "n0", (NODE,)), labels={**LABELS, "model": ""}), Satisfied)


BOSS, SECOND = replace(NODE, role="manager"), SwarmNode("n2", "pi-2", "manager", "active")


@pytest.mark.parametrize(
    ("nodes", "options", "why"),
    [
        ((NODE, SECOND), {}, "leave the Swarm of nas"),
        ((BOSS, SECOND), {}, "leave the Swarm of nas, demoted first"),
        ((BOSS,), {"end": True}, "leave the Swarm of nas (the last manager, so it ends)"),
    ],
)
def test_leaving(nodes: tuple[SwarmNode, ...], options: dict[str, Any], why: str) -> None:
    """A worker as it is, a manager demoted, the last one only when that is allowed."""
    found = _verdict(INSIDE, Swarm("other", "n0", nodes), state="absent", **options)
    assert isinstance(found, Change)
    assert (found.why, found.actions) == (why, (LeaveSwarm("nas", bool(options)),))


def test_the_last_manager_does_not_leave() -> None:
    """The services of all would go with it."""
    found = _verdict(INSIDE, Swarm("other", "n0", (BOSS, NODE)), state="absent")
    assert isinstance(found, Blocked)
    assert "last manager" in found.why
    assert "end: true" in found.hint


def test_who_is_out_stays_out() -> None:
    """Without a question to the manager, which may be gone; in another Swarm it is left there."""
    options = SwarmOptions(manager="nas", state="absent")
    assert SwarmStep().queries(OUTSIDE, options) == ()
    assert SwarmStep().queries(INSIDE, options) == (SwarmQuery("nas"),)
    assert SwarmStep().verdict(Situation(OUTSIDE, options, Catalog())) == Satisfied("in no Swarm")
    assert "another Swarm" in _verdict(INSIDE, Swarm("other"), state="absent").why


@pytest.mark.parametrize(
    ("facts", "answer", "why"),
    [
        (INSIDE, Swarm("other"), "it is in another Swarm than nas"),
        (_with(Membership("locked")), Swarm("other"), "state locked"),
        (_with(Membership("error", error="certificate expired")), Swarm("other"), "state error: certificate expired"),
        (_with(Membership(), live_restore=True), Swarm("other"), "live-restore"),
        (OUTSIDE, Unavailable("nas could not be asked: no route", "Switch it on."), "no route"),
    ],
)
def test_what_can_not_be(facts: Facts, answer: Swarm | Unavailable, why: str) -> None:
    """Blocked with a way out, and left as it is."""
    found = _verdict(facts, answer)
    assert isinstance(found, Blocked)
    assert why in found.why
    assert found.hint


@pytest.mark.parametrize(
    "options",
    [
        {"manager": "-x"},
        {"manager": "nas", "role": "boss"},
        {"manager": "nas", "labels": {"a b": "x"}},
        {"manager": "nas", "labels": {"a": "x\ny"}},
        {"manager": "nas", "advertise": "-x"},
        {"manager": "nas", "advertise": "a; b"},
    ],
)
def test_options_that_are_refused(options: dict[str, Any]) -> None:
    """What is no host, no role, no label and no address."""
    with pytest.raises(ValidationError):
        SwarmOptions.model_validate(options)


def test_no_manager_is_named() -> None:
    """Nobody is asked, and it is said what to write."""
    options = SwarmOptions()
    assert SwarmStep().queries(OUTSIDE, options) == ()
    found = SwarmStep().verdict(Situation(OUTSIDE, options, Catalog()))
    assert isinstance(found, Blocked)
    assert "swarm: {manager: NAME}" in found.hint


# ── what a manager answers ───────────────────────────────────────────────────────────────────────────────────────────


def test_reading_a_manager() -> None:
    """In the shapes of the Engine API's SystemInfo.Swarm and Node (docs.docker.com/reference/api/engine)."""
    own = {"NodeID": "n0", "NodeAddr": "192.0.2.1", "LocalNodeState": "active", "ControlAvailable": True}
    spec = {"Role": "worker", "Availability": "drain", "Labels": {"a": "b"}}
    node = {"ID": "n1", "Spec": spec, "Description": {"Hostname": "pi-1"}, "Status": {"State": "ready"}}
    found = read(f"abc\n{json.dumps(own)}\n{json.dumps(node)}\n")
    assert found == Swarm("abc", "n0", (SwarmNode("n1", "pi-1", "worker", "drain", {"a": "b"}),))
    assert found.nodes[0].labels == {"a": "b"}


@pytest.mark.parametrize("text", ["abc\n", 'abc\n{"LocalNodeState":"inactive"}\n', "abc\nnull\n"])
def test_reading_a_manager_to_be(text: str) -> None:
    """Without Docker, or in no Swarm yet."""
    assert read(text) == Swarm("abc")


def test_asked_once_for_all() -> None:
    """However many workers want to know at the same moment, one of them asks; an error is everybody's."""
    shared, asked, go = Shared(), [], threading.Event()

    def ask() -> str:
        asked.append(1)
        go.wait(5)
        return "answer"

    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(shared.get("key", ask))) for _ in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert answers == ["answer"] * 4
    assert len(asked) == 1
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            shared.get("bad", lambda: 1 // 0)
