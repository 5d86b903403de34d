"""The step `prune`: what nothing needs, by the facts as the steps before it leave them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.facts.daemon import DAEMON, Image
from fleet.facts.stacks import STACKS, Container, Stack, Stacks
from fleet.facts.uses import USES, Uses, needed, read_uses
from fleet.model import Change, Facts, Run, Satisfied
from fleet.steps.prune import PruneOptions
from tests.support.golden import golden
from tests.support.planning import DEFAULT, plan, verdict

HOST = golden("converged-engine29").facts
NOW, DAY = 1_800_000_000, 86400
OLD = Image((), ("example/app@sha256:" + "1" * 64,), "linux/arm64", 2_000_000, id="sha256:old")
NAMED = Image(("spare:1",), (), "linux/arm64", 1_000, id="sha256:spare")
USED = Image(("db:1",), (), "linux/arm64", id="sha256:db")


def facts(*images: Image, holders: tuple[tuple[str, str], ...] = (("", "sha256:db"),), days: int = 40) -> Facts:
    """A host with these images, all of an age."""
    named = {image.id: NOW - days * DAY for image in images if image.id}
    daemon = replace(HOST[DAEMON], images=images)
    return HOST.but(DAEMON, daemon).but(USES, Uses(NOW, holders, named))


def look(there: Facts, **sections: Any) -> Change | Satisfied:
    """The verdict of the step."""
    found = verdict(plan(there, {**DEFAULT, "prune": {}, **sections}), "prune")
    assert isinstance(found, Change | Satisfied)
    return found


def test_what_has_no_name_and_no_use() -> None:
    """By its digest, since an ID may stand for several names; after it, it is not there any more."""
    there = facts(OLD, NAMED, USED)
    found = look(there)
    assert isinstance(found, Change)
    assert found.why == "remove an image that nothing needs: example/app@sha256:111111111111 (2 MB)"
    (action,) = found.actions
    assert isinstance(action, Run)
    assert action.script.endswith(f"image rm -- {OLD.digests[0]}")
    assert "ancestor=sha256:old" in action.unless
    assert found.after(there)[DAEMON].images == (NAMED, USED)


@pytest.mark.parametrize(
    ("there", "sections"),
    [
        (facts(OLD, days=29), {}),
        (facts(OLD, NAMED, days=29), {"prune": {"unused": True}}),
        (facts(OLD, holders=(("", "sha256:old"),)), {}),
        (facts(OLD, holders=(("kept web", "sha256:old"),)), {}),
        (facts(NAMED), {}),
        (facts(NAMED), {"prune": {"unused": True, "keep": ["docker.io/library/spare:1"]}}),
        (facts(NAMED), {"prune": {"unused": True}, "images": {"pull": ["spare:1"]}}),
        (facts(replace(OLD, id="")), {}),
        (facts(OLD).but(USES, Uses()), {}),
    ],
    ids=["young", "young too", "in a container", "to go back to", "named", "to be kept", "of the recipe", "no id", "no answer"],
)
def test_what_stays(there: Facts, sections: dict[str, Any]) -> None:
    """What is held, wanted, young, or of unknown age."""
    assert look(there, **sections) == Satisfied("nothing to remove")


def test_unused_ones_with_a_name() -> None:
    """Only when the recipe says so; each of several names goes."""
    two = replace(NAMED, tags=("spare:1", "spare:2"))
    found = look(facts(two, USED), prune={"unused": True})
    assert isinstance(found, Change)
    assert found.why == "remove an image that nothing needs: spare:1 spare:2 (1 kB)"
    assert found.actions[0].script.endswith("image rm -- spare:1 spare:2")  # type: ignore[union-attr]


def test_what_a_stack_lets_go_of_in_the_same_run() -> None:
    """It keeps what it runs now, and no longer what it kept before: that is planned at once, not in the next run."""
    newer = Image(("app:1",), (), "linux/arm64", id="sha256:new")
    runs = replace(OLD, digests=(), id="sha256:now")
    there = facts(OLD, runs, newer, holders=(("web", "sha256:now"), ("kept web", "sha256:old")))
    sections = {"stacks": {"web": {"file": {"path": "c.yml", "content": "services: {a: {image: 'app:1'}}"}}}}
    change = verdict(plan(there, {**DEFAULT, **sections}), "stacks")
    assert isinstance(change, Change)
    files = change.after(there)[STACKS].found[0].files
    running = Container("a", "h1", "running", image="sha256:now")
    stack = Stack("web", files, (running.essence,), (running,), is_whole=True)
    found = look(there.but(STACKS, Stacks((stack,))), **sections)
    assert isinstance(found, Change)
    assert "example/app@sha256:111111111111" in found.why
    mended = replace(stack, containers=(replace(running, image="sha256:new", state="exited"),))
    assert look(there.but(STACKS, Stacks((mended,))), **sections) == Satisfied("nothing to remove")


def test_reading_the_probe() -> None:
    """Containers of projects and others, what stacks keep, and when images got their names."""
    containers = [{"ImageID": "sha256:1", "Labels": {"com.docker.compose.project": "web"}}, {"ImageID": "sha256:2", "Labels": {}}]
    text = "\n".join(
        (
            "now\t1700000000",
            f"containers\t{json.dumps(containers)}",
            "kept\tweb\tsha256:3",
            "named\tsha256:1\t2023-11-14T22:13:20.123456789",
            "named\tsha256:2\t0001-01-01T00:00:00",
        )
    )
    found = read_uses(text)
    assert (found.now, found.named) == (1_700_000_000, {"sha256:1": 1_700_000_000, "sha256:2": 0})
    assert found.held == {"sha256:1", "sha256:2", "sha256:3"}
    assert found.redeployed("web").held == {"sha256:1", "sha256:2"}
    assert found.redeployed("web").redeployed("web").held == {"sha256:2"}
    assert found.removed("web").held == {"sha256:2"}
    assert needed(HOST, "a:1")[USES].wanted == {"a:1"}
    assert read_uses("") == Uses()


@pytest.mark.parametrize("age", ["30", "a month", "-1d", "1w", "999999d"])
def test_what_is_no_age(age: str) -> None:
    """Refused with a word on how it is written."""
    with pytest.raises(ValidationError, match="is no age"):
        PruneOptions(older_than=age)
