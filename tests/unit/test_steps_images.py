"""The step `images`: every host gets the digest of the lock, after a look at platform, room and the Hub's quota."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.facts.daemon import DAEMON, Image
from fleet.facts.docker_info import Info
from fleet.facts.system import DISK, Disk
from fleet.model import Blocked, Catalog, Change, Facts, Query, Run, Satisfied, Unavailable, Verdict
from fleet.plan import Missing, build, chosen
from fleet.queries import ImageQuery, ImageSize, Quota, QuotaQuery, RemoteImage, SizeQuery
from fleet.steps import STEPS
from fleet.steps.images import ImagesOptions
from fleet.steps.pulling import pull as pulling
from tests.support.golden import golden
from tests.support.network import DIGEST, LOCKED, image
from tests.support.planning import DEFAULT, HOST, attempt, changed, effects, options_of, plan, verdict

CONVERGED = golden("converged-engine29").facts
PLATFORM = "linux/arm64"
EXACT = f"busybox@{DIGEST}"


def pull(*references: str) -> dict[str, Any]:
    """The default recipe with images."""
    return {**DEFAULT, "images": {"pull": list(references)}}


def with_images(*images: Image, **daemon: Any) -> Facts:
    """The converged host with exactly these images."""
    return CONVERGED.but(DAEMON, replace(CONVERGED[DAEMON], images=images, **daemon))


def found_with(facts: Facts, recipe: Mapping[str, Any], answers: Mapping[Query[Any], object]) -> Verdict:
    """The verdict of the step when the network says this."""
    catalog = Catalog({**LOCKED.answers, **answers})
    found = build(HOST, "test", chosen(STEPS, tuple(recipe)), facts, options_of(recipe), catalog)
    assert not isinstance(found, Missing), found
    return verdict(found, "images")


def test_missing_image_is_pulled_by_its_digest_and_gets_its_name() -> None:
    """By the host's own daemon, for the host's platform; and it is there afterwards."""
    found = verdict(plan(CONVERGED, pull("alpine:3.22", "busybox")), "images")
    assert isinstance(found, Change)
    assert found.why == "pull busybox (4.2 MB)"
    (action,) = found.actions
    assert isinstance(action, Run)
    assert f"docker -H unix:///var/run/docker.sock pull --quiet --platform {PLATFORM} -- {EXACT}" in action.script
    assert action.script.endswith(f"docker -H unix:///var/run/docker.sock tag {EXACT} busybox:latest")
    later = effects(CONVERGED, plan(CONVERGED, pull("busybox")))
    assert later[DAEMON].has("busybox:latest") == later[DAEMON].has(EXACT) is not None


@pytest.mark.parametrize("reference", ["alpine:3.22", "docker.io/library/alpine:3.22", "library/alpine:3.22"])
def test_image_that_is_there_is_found_by_any_of_its_names(reference: str) -> None:
    """What the daemon lists as alpine:3.22."""
    answers = {ImageQuery(reference): image("alpine:3.22")}
    assert isinstance(found_with(CONVERGED, pull(reference), answers), Satisfied)


def test_image_with_the_name_but_not_the_digest_of_the_lock_is_replaced() -> None:
    """The tag has moved, or somebody built something under this name; the old image keeps no name."""
    old = Image(("busybox:latest", "mine:1"), ("busybox@sha256:" + "9" * 64,), PLATFORM)
    found = verdict(plan(with_images(old), pull("busybox")), "images")
    assert isinstance(found, Change)
    assert found.why == "replace busybox by the locked sha256:000000000000… (4.2 MB)"
    later = found.after(with_images(old))[DAEMON]
    assert later.has("mine:1") == replace(old, tags=("mine:1",))
    assert later.has("busybox:latest") == Image(("busybox:latest",), (EXACT,), PLATFORM)


def test_image_that_was_sent_or_built_is_left_alone_and_told() -> None:
    """It came from no registry, so nothing tells whether it is the locked one; to replace it would undo `fleet images push`."""
    found = found_with(with_images(Image(("busybox:latest",), ("other@" + DIGEST,), PLATFORM)), pull("busybox"), {})
    said = "busybox was sent or built and not pulled: whether it is the locked one can't be told"
    assert found == Satisfied("1 there", (said,))


def test_image_named_by_its_digest_is_asked_for_only_while_it_is_missing() -> None:
    """There is nothing to lock."""
    recipe = pull(EXACT)
    found = attempt(with_images(), recipe)
    assert isinstance(found, Missing)
    assert found.queries == (ImageQuery(EXACT),)
    assert not isinstance(attempt(with_images(Image((), (EXACT,), PLATFORM)), recipe), Missing)
    action = found_with(
        with_images(),
        recipe,
        {
            ImageQuery(EXACT): RemoteImage(DIGEST, (PLATFORM,)),
            SizeQuery(EXACT, PLATFORM): ImageSize(1),
            QuotaQuery(1): Quota(None),
        },
    )
    assert isinstance(action, Change)
    assert " tag " not in str(action.actions)


def test_image_for_another_platform_does_not_count() -> None:
    """Somebody pulled it for amd64 on a Pi."""
    foreign = with_images(Image(("busybox:latest",), (EXACT,), "linux/amd64"))
    assert isinstance(verdict(plan(foreign, pull("busybox")), "images"), Change)


def test_image_that_lacks_the_platform_is_refused_before_the_first_byte() -> None:
    """One of several is enough, since all of them were asked for; the rest of the plan stands, and no size is looked up."""
    found = plan(golden("pi4-userland32").facts, pull("busybox", "example/no-arm32"))
    blocked = verdict(found, "images")
    assert isinstance(blocked, Blocked)
    assert "64-bit system would" in blocked.hint
    assert changed(found) == ["keyring", "source", "engine", "group", "compose"]


def test_image_that_nobody_knows_is_blocked_with_the_networks_words() -> None:
    """What the registry says is passed on."""
    found = verdict(plan(CONVERGED, pull("example/nowhere")), "images")
    assert isinstance(found, Blocked)
    assert "nobody answers" in found.why


def test_image_that_is_there_is_enough_while_the_registry_does_not_answer() -> None:
    """Built or sent by hand, or a laptop without a network: told, and nothing is stopped by it."""
    found = found_with(
        with_images(Image(("example/nowhere:latest",), (), PLATFORM)),
        pull("example/nowhere"),
        {ImageQuery("example/nowhere"): Unavailable("no network")},
    )
    assert found == Satisfied("1 there", ("example/nowhere is there, but is not locked: no network",))


# ── room ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_full_disk_blocks_a_pull() -> None:
    """Where Docker or containerd keeps its images, whichever is fuller."""
    full = CONVERGED.but(DISK, Disk((("/", 9_000_000), ("/var/lib/containerd", 200_000))))
    found = verdict(plan(full, pull("busybox")), "images")
    assert isinstance(found, Blocked)
    assert "195 MiB" in found.why


def test_an_image_that_is_larger_than_the_room_blocks_too() -> None:
    """Unpacked, it takes a multiple of what is fetched; where the size is not known, the least that any image takes counts."""
    some = CONVERGED.but(DISK, Disk((("/", 1_000_000),)))
    large = {SizeQuery("busybox", PLATFORM): ImageSize(500_000_000), QuotaQuery(1): Quota(None)}
    found = found_with(some, pull("busybox"), large)
    assert isinstance(found, Blocked)
    assert "busybox: 500 MB to fetch, some 2 GB on the disk" in found.why
    unknown = {**large, SizeQuery("busybox", PLATFORM): Unavailable("no answer")}
    assert isinstance(found_with(some, pull("busybox"), unknown), Change)


# ── the Hub's quota ──────────────────────────────────────────────────────────────────────────────────────────────────


def quota(left: int | None) -> dict[Query[Any], object]:
    """What the Hub grants."""
    sizes = {SizeQuery(name, PLATFORM): ImageSize(1) for name in ("busybox", "alpine:3.22")}
    return {**sizes, **{QuotaQuery(n): Quota(left, 100, 21600, "192.0.2.1") for n in (1, 2)}}


def test_a_run_that_exceeds_the_quota_is_blocked_before_the_first_byte() -> None:
    """With the numbers, for whom they are counted, and ways out."""
    found = found_with(with_images(), pull("busybox", "alpine:3.22"), quota(1))
    assert isinstance(found, Blocked)
    assert "Docker Hub grants 1 more of its 100 pulls in 6 hours, and this host needs 2" in found.why
    assert "192.0.2.1" in found.why
    assert all(way in found.hint for way in ("Wait (at most 6 hours)", "log the hosts in", "mirror", "fleet images push"))


@pytest.mark.parametrize("left", [2, None])
def test_enough_quota_or_none_that_is_counted(left: int | None) -> None:
    """A paid account has no headers."""
    assert isinstance(found_with(with_images(), pull("busybox", "alpine:3.22"), quota(left)), Change)


MIRROR = {"info": Info(mirrors=("https://mirror.lan/",))}


@pytest.mark.parametrize(("reference", "daemon"), [("busybox", MIRROR), ("ghcr.io/a/b:1", {})], ids=["mirror", "another"])
def test_the_quota_is_not_asked_where_it_does_not_count(reference: str, daemon: dict[str, Any]) -> None:
    """A mirror asks the Hub once for all; other registries have no part in it."""
    known = {ImageQuery(reference): image("busybox"), SizeQuery(reference, PLATFORM): ImageSize(1)}
    assert isinstance(found_with(with_images(**daemon), pull(reference), known), Change)


# ── the pull itself, with a docker that is a few lines of sh ─────────────────────────────────────────────────────────


def run_pull(folder: Path, *answers: str) -> tuple[int, list[str], str]:
    """Run the script where `docker pull` fails with these words, one after the other, and then succeeds."""
    (folder / "answers").write_text("".join(f"{answer}\n" for answer in answers))
    for name, body in {
        "docker": 'echo "$3" >>calls\n[ "$3" = pull ] || exit 0\nread -r said <answers || exit 0\n'
        'sed -i 1d answers\necho "$said" >&2\nexit 1',
        "sleep": 'echo "sleep $1" >>calls',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    script = f"set -e\n{pulling('busybox', DIGEST, PLATFORM).script}\n"
    done = subprocess.run(
        ["sh", "-c", script], cwd=folder, env={"PATH": f"{folder}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    return done.returncode, (folder / "calls").read_text().splitlines(), done.stderr


def test_a_pull_that_the_network_broke_is_tried_again(tmp_path: Path) -> None:
    """With growing pauses, and the tag is set once it is whole."""
    code, calls, _ = run_pull(tmp_path, "unexpected EOF", "i/o timeout")
    assert (code, calls) == (0, ["pull", "sleep 2", "pull", "sleep 6", "pull", "tag"])


def test_a_pull_is_not_tried_for_ever(tmp_path: Path) -> None:
    """Four attempts; the last words are those of docker, and nothing is tagged."""
    code, calls, error = run_pull(tmp_path, *["connection reset by peer"] * 9)
    assert (code, calls.count("pull"), "tag" in calls) == (1, 4, False)
    assert error.splitlines()[-1] == "connection reset by peer"


@pytest.mark.parametrize(
    "words",
    [
        "Error response from daemon: manifest for busybox@sha256:0 not found: manifest unknown",
        "Error response from daemon: pull access denied for x, repository does not exist",
        "toomanyrequests: You have reached your pull rate limit.",
        "write /var/lib/docker/tmp/x: no space left on device",
    ],
)
def test_a_pull_that_can_not_succeed_is_not_tried_again(tmp_path: Path, words: str) -> None:
    """What another attempt does not change."""
    code, calls, error = run_pull(tmp_path, words, words)
    assert (code, calls, error.strip()) == (1, ["pull"], words)


@pytest.mark.parametrize("reference", ["-v", "busybox;reboot", "$(id)", "A/B", "", "x:", "a b"])
def test_image_references_are_checked(reference: str) -> None:
    """A reference ends in a command line of root's."""
    with pytest.raises(ValidationError):
        ImagesOptions(pull=(reference,))
