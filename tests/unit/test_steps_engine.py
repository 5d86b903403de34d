"""The steps that bring the engine: key, source, conflicts, packages, pin, service."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.facts.daemon import DAEMON, UNIT_STATES, Unit, Units
from fleet.facts.packages import PACKAGES
from fleet.facts.sources import PIN_PATH, SOURCE_PATH
from fleet.facts.system import MACHINE
from fleet.model import Blocked, Catalog, Change, Facts, Remove, Run, Satisfied, Unavailable, Write
from fleet.plan import build, chosen
from fleet.queries import Key, KeyQuery, Suite, SuiteQuery
from fleet.steps import STEPS
from fleet.steps.apt import AptOptions, apt_get, is_installed
from fleet.steps.engine import EngineOptions
from fleet.steps.keyring import DOCKER_FINGERPRINT, KeyringOptions
from fleet.steps.pinning import wanted_pin
from fleet.steps.platform import PlatformOptions
from fleet.steps.source import SourceOptions
from tests.support.golden import golden
from tests.support.network import DOCKER_KEY, answer
from tests.support.planning import DEFAULT, HOST, changed, effects, options_of, plan, verdict

BARE = golden("debian-trixie").facts
CONVERGED = golden("converged-engine29").facts


def runs(facts: Facts, step: str, recipe: dict[str, Any] | None = None) -> list[Run]:
    """The commands of one step's change."""
    found = verdict(plan(facts, recipe or DEFAULT), step)
    assert isinstance(found, Change), found
    return [action for action in found.actions if isinstance(action, Run)]


def with_answer(query_type: type[object], given: object, step: str, facts: Facts = BARE) -> object:
    """The verdict of a step when the network answers this to all queries of a type."""
    known: dict[Any, object] = {}
    while True:
        found = build(HOST, "t", chosen(STEPS, tuple(DEFAULT)), facts, options_of({}), Catalog(known))
        if not hasattr(found, "queries"):
            return verdict(found, step)
        known |= {q: given if isinstance(q, query_type) else answer(q) for q in found.queries}


# ── apt ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words", ["DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=l", "--force-confold", "DPkg::Lock::Timeout="]
)
def test_apt_runs_unattended(words: str) -> None:
    """Nobody is there to answer a question, and a changed configuration file stays."""
    assert words in apt_get("update")


def test_update_fails_when_an_index_can_not_be_had() -> None:
    """Without --error-on=any, apt-get update exits 0 over a repository that is gone (apt-get(8))."""
    last = runs(BARE, "source")[0].script.splitlines()[-1]
    assert last.count("--error-on=any") == 1, "Docker's own source has the last word"
    assert f"SourceList={SOURCE_PATH}" in last


def test_lock_timeout_reaches_every_run_of_apt() -> None:
    """The option of the step `apt` counts for the steps after it."""
    found = plan(BARE, {**DEFAULT, "apt": {"lock_timeout": 7}})
    actions = [a for p in found.changes for a in p.verdict.actions if isinstance(a, Run) and "apt-get" in a.script]  # type: ignore[union-attr]
    assert len(actions) >= 3
    assert {a.lock_timeout for a in actions} == {7}


def test_index_is_refreshed_once() -> None:
    """The source's own refresh serves engine and Compose; on a host with the source in place the engine's does."""
    scripts = [a.script for p in plan(BARE).changes for a in p.verdict.actions if isinstance(a, Run)]  # type: ignore[union-attr]
    assert sum("--error-on=any" in s for s in scripts) == 1
    assert "--error-on=any" in runs(golden("removed-not-purged").facts, "engine")[0].script


def test_interrupted_dpkg_is_left_alone_while_somebody_works() -> None:
    """With a lock held it is no interruption but work in progress: it is waited for, with a warning."""
    facts = golden("interrupted-dpkg").facts
    busy = facts.but(PACKAGES, replace(facts[PACKAGES], lock_holders=("/var/lib/dpkg/lock (apt 12)",)))
    found = verdict(plan(busy), "apt")
    assert isinstance(found, Satisfied)
    assert "apt 12" in found.warnings[0]


@pytest.mark.parametrize(
    ("printed", "expected"), [("installed 1.0", 0), ("config-files 1.0", 1), ("installed 1.1", 1), ("not-installed ", 1)]
)
def test_guard_is_not_deceived_by_a_removed_package(printed: str, expected: int, tmp_path: Path) -> None:
    """dpkg-query prints the version of a package that was removed and not purged; run here with a stand-in for dpkg-query."""
    stand_in = tmp_path / "dpkg-query"
    stand_in.write_text(f"#!/bin/sh\nprintf '%s' '{printed}'\n")
    stand_in.chmod(0o755)
    script = f"PATH={tmp_path}:$PATH\n{is_installed({'docker-ce': '1.0'})}\n"
    assert subprocess.run(["dash"], input=script, text=True, check=False).returncode == expected


def test_version_of_a_hostile_mirror_is_a_word_and_no_command() -> None:
    """Versions come from the network; the scripts that hold them are run by root."""
    script = is_installed({"docker-ce": "1'; touch /tmp/fleet-canary; echo '"})
    done = subprocess.run(["dash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0
    assert "'\"'\"'" in script


@pytest.mark.parametrize(("skew", "blocked"), [(0, False), (299, False), (-300, False), (301, True), (-301, True)])
def test_clock_that_apt_would_stumble_over(skew: int, blocked: bool) -> None:
    """Five minutes are let pass; beyond that the direction is named. A converged host needs no clock."""
    found = verdict(plan(BARE.but(MACHINE, replace(BARE[MACHINE], clock_skew=skew))), "source")
    assert isinstance(found, Blocked) is blocked
    if isinstance(found, Blocked):
        assert ("ahead of" if skew > 0 else "behind") in found.why
    assert plan(CONVERGED.but(MACHINE, replace(CONVERGED[MACHINE], clock_skew=9999))).is_empty


# ── platform ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_half_a_platform_is_blocked() -> None:
    """distribution and codename belong together."""
    found = plan(BARE, {**DEFAULT, "platform": {"distribution": "debian"}})
    assert isinstance(verdict(found, "platform"), Blocked)
    assert changed(found) == []


def test_platform_option_does_not_overrule_the_processor() -> None:
    """A recipe can name a codename; it can't make an ARMv6 run ARMv7 code."""
    found = plan(golden("pi-zero-w").facts, {**DEFAULT, "platform": {"distribution": "debian", "codename": "bookworm"}})
    assert "ARMv6" in getattr(verdict(found, "platform"), "why", "")


@pytest.mark.parametrize("codename", ["trixie; reboot", "../x", "Trixie", "", "x"])
def test_codename_is_a_plain_word(codename: str) -> None:
    """It ends in a URL and in apt's source."""
    with pytest.raises(ValidationError):
        PlatformOptions(distribution="debian", codename=codename)


# ── keyring ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_key_is_written_as_it_is_served() -> None:
    """The armored text reaches the host unchanged, and only over what the plan saw there."""
    found = verdict(plan(BARE), "keyring")
    assert isinstance(found, Change)
    assert found.actions == (Write("/etc/apt/keyrings/docker.asc", DOCKER_KEY, was=""),)
    replaced = verdict(plan(golden("wrong-key").facts), "keyring")
    assert isinstance(replaced, Change)
    assert isinstance(replaced.actions[0], Write)
    assert len(replaced.actions[0].was) == 64


@pytest.mark.parametrize("fingerprints", [("A" * 40,), (DOCKER_FINGERPRINT, "A" * 40), ()])
def test_key_other_than_the_pinned_one_never_reaches_a_host(fingerprints: tuple[str, ...]) -> None:
    """Another key, or one more beside the right one, stops here with both named."""
    found = with_answer(KeyQuery, Key("text", fingerprints), "keyring")
    assert isinstance(found, Blocked)
    assert DOCKER_FINGERPRINT in found.why


@pytest.mark.parametrize("text", ["9dc8 5822 9fc7 dd38 854a  e2d8 8d81 803c 0ebf cd88", DOCKER_FINGERPRINT])
def test_fingerprint_may_be_written_as_it_is_printed(text: str) -> None:
    """With blanks and in lower case it is the same one."""
    assert KeyringOptions.model_validate({"fingerprint": text}).fingerprint == DOCKER_FINGERPRINT


@pytest.mark.parametrize("text", ["0EBFCD88", DOCKER_FINGERPRINT + "0", "G" * 40])
def test_short_key_ids_are_no_fingerprints(text: str) -> None:
    """Short ids can be forged."""
    with pytest.raises(ValidationError, match="40 hexadecimal digits"):
        KeyringOptions.model_validate({"fingerprint": text})


# ── source ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_mirror_is_used_for_all_that_comes_from_docker() -> None:
    """URL and channel of the recipe are in the source, and in the question after the suite."""
    found = verdict(plan(BARE, {**DEFAULT, "source": {"url": "https://mirror.example/docker", "channel": "test"}}), "source")
    assert isinstance(found, Change)
    assert isinstance(found.actions[0], Write)
    assert "URIs: https://mirror.example/docker/linux/debian\nSuites: trixie\nComponents: test\n" in found.actions[0].content


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        (Suite(exists=False), "does not publish packages for trixie"),
        (Suite(exists=True, serves=False), "has no stable packages for amd64"),
        (Unavailable("the mirror is down", "Wait a minute."), "the mirror is down"),
    ],
)
def test_suite_that_can_not_serve_blocks(suite: object, words: str) -> None:
    """Nothing is written for a suite that is not there, lacks the architecture or can't be asked after."""
    found = with_answer(SuiteQuery, suite, "source")
    assert isinstance(found, Blocked)
    assert words in found.why


def test_hint_for_a_foreign_source_can_be_typed() -> None:
    """The command names the very file, quoted if need be."""
    found = verdict(plan(golden("foreign-source").facts), "source")
    assert isinstance(found, Blocked)
    assert found.hint.endswith("fleet run pi-kitchen --sudo -- rm /etc/apt/sources.list.d/docker.list")


def test_channel_is_one_of_dockers() -> None:
    """nightly is history."""
    with pytest.raises(ValidationError):
        SourceOptions.model_validate({"channel": "nightly"})


# ── engine ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, "29.10.0"),
        ("29", "29.10.0"),
        ("29.8", "29.8.1"),
        ("28", "28.5.2"),
        ("28.5", "28.5.2"),
        ("28.1", "28.1.1"),
        ("28.5.1", "28.5.1"),
    ],
)
def test_version_is_resolved_on_whole_components(version: str | None, expected: str) -> None:
    """The newest within the wanted one, for client and daemon alike."""
    script = runs(BARE, "engine", {**DEFAULT, "engine": {"version": version}})[-1].script
    for name in ("docker-ce", "docker-ce-cli"):
        assert f"{name}=5:{expected}-1~debian.13~trixie" in script


@pytest.mark.parametrize("version", ["28.x", "5:28.5.2", "28.5.2-1", "latest", "", "28.5.2.1", "28 ", "-28", "2\n8"])
def test_version_is_upstreams(version: str) -> None:
    """No deb version, no pattern: it is resolved per host."""
    with pytest.raises(ValidationError):
        EngineOptions.model_validate({"version": version})


def test_packages_are_named_so_that_recommends_can_stay_out() -> None:
    """buildx is only recommended by the client; ca-certificates and apparmor come along where they are missing."""
    script = runs(BARE, "engine")[-1].script
    assert "--no-install-recommends" in script
    assert "docker-buildx-plugin=" in script
    assert " apparmor" in script
    assert " ca-certificates" not in script


@pytest.mark.parametrize(("version", "pattern"), [("28", "5:28.*"), ("28.5", "5:28.5.*"), ("28.5.2", "5:28.5.2-*")])
def test_pin_keeps_to_the_wanted_version(version: str, pattern: str) -> None:
    """So that an upgrade by hand stays in it; over 1000 it may also go down (apt_preferences(5))."""
    assert f"Pin: version {pattern}\nPin-Priority: 1001\n" in wanted_pin(version)
    assert wanted_pin(None) == ""


def test_pin_comes_with_the_version_and_goes_with_it() -> None:
    """Written before the install, and removed when the recipe no longer names a version."""
    first = verdict(plan(BARE, {**DEFAULT, "engine": {"version": "28.5"}}), "engine")
    assert isinstance(first, Change)
    assert isinstance(first.actions[0], Write)
    assert first.actions[0].path == PIN_PATH
    dropped = verdict(plan(golden("stale-pin").facts), "engine")
    assert isinstance(dropped, Change)
    assert [type(action) for action in dropped.actions] == [Remove]


def test_pin_alone_restarts_nothing() -> None:
    """A host which has the right version already only gets the pin, with containers running."""
    found = verdict(plan(CONVERGED, {**DEFAULT, "engine": {"version": "29.10"}}), "engine")
    assert isinstance(found, Change)
    assert [type(action) for action in found.actions] == [Write]


@pytest.mark.parametrize(
    ("running", "words"), [(1, "1 running container"), (2, "2 running containers"), (None, "an unknown number")]
)
def test_running_containers_are_not_stopped_unasked(running: int | None, words: str) -> None:
    """Changing the version restarts the daemon; not knowing counts as running."""
    facts = CONVERGED.but(DAEMON, replace(CONVERGED[DAEMON], running=running))
    found = verdict(plan(facts, {**DEFAULT, "engine": {"version": "28"}}), "engine")
    assert isinstance(found, Blocked)
    assert words in found.why
    assert "--allow-restart" in found.hint


@pytest.mark.parametrize("change", [{"running": 0}, {"running": 3, "live_restore": True}])
def test_nothing_to_stop_needs_no_permission(change: dict[str, Any]) -> None:
    """Without containers, or with live-restore, the version moves at once."""
    facts = CONVERGED.but(DAEMON, replace(CONVERGED[DAEMON], **change))
    assert isinstance(verdict(plan(facts, {**DEFAULT, "engine": {"version": "28"}}), "engine"), Change)


def test_missing_half_of_the_engine_gets_the_version_of_the_other() -> None:
    """Client and daemon belong together, also when there is a newer one."""
    old = "5:28.5.1-1~debian.13~trixie"
    packages = CONVERGED[PACKAGES].minus(("docker-ce-cli",)).plus({"docker-ce": old})
    script = runs(CONVERGED.but(PACKAGES, packages), "engine")[-1].script
    assert f"docker-ce-cli={old}" in script
    assert "docker-ce=" not in script


def test_release_candidates_are_never_chosen() -> None:
    """Not by "the newest", not by "30"."""
    tail = "-1~debian.13~trixie"
    versions = dict.fromkeys(("docker-ce", "docker-ce-cli"), (f"5:30.0.0~rc.1{tail}", f"5:29.10.0{tail}"))
    others = dict.fromkeys(("containerd.io", "docker-buildx-plugin", "docker-compose-plugin"), (f"1{tail}",))
    found = with_answer(SuiteQuery, Suite(exists=True, versions={**versions, **others}), "engine")
    assert isinstance(found, Change)
    assert "29.10.0" in found.why


def test_incomplete_mirror_is_named() -> None:
    """A mirror without a package is told from a version that is not there."""
    found = with_answer(SuiteQuery, Suite(exists=True, versions={"docker-ce": ("5:29.10.0-1~debian.13~trixie",)}), "engine")
    assert isinstance(found, Blocked)
    assert "has no package docker-ce-cli" in found.why


def test_masked_unit_stays_masked_after_an_install() -> None:
    """The package does not unmask what somebody masked, so the plan says that too."""
    masked = Units((Unit("docker.service", load="masked", active="inactive", enabled="masked"),))
    found = plan(BARE.but(UNIT_STATES, masked))
    assert isinstance(verdict(found, "service"), Blocked)
    assert "engine" in changed(found)


# ── conflicts, service ───────────────────────────────────────────────────────────────────────────────────────────────


def test_only_installed_conflicts_are_removed() -> None:
    """apt fails on a name that it has never heard of, so only those that are there are named."""
    (removal,) = runs(golden("docker-io").facts, "conflicts", {**DEFAULT, "conflicts": {"remove": True}})
    assert removal.script.endswith("remove docker.io containerd runc")
    assert removal.unless


def test_masked_socket_is_blocked_too() -> None:
    """docker.service requires docker.socket, so its start would fail."""
    units = Units((*CONVERGED[UNIT_STATES].units[:2], Unit("docker.socket", "masked", "inactive", "masked")))
    found = verdict(plan(CONVERGED.but(UNIT_STATES, units)), "service")
    assert isinstance(found, Blocked)
    assert "systemctl unmask docker.socket" in found.hint


@pytest.mark.parametrize(
    ("active", "enabled", "satisfied"),
    [("active", "enabled", True), ("reloading", "enabled", True), ("active", "disabled", False), ("failed", "enabled", False),
     ("activating", "enabled", False), ("inactive", "enabled", False), ("active", "enabled-runtime", True)],
)  # fmt: skip
def test_service_runs_now_and_after_a_boot(active: str, enabled: str, satisfied: bool) -> None:
    """Both must be so; a failed one is told to forget its failures before it is started."""
    units = Units((Unit("docker.service", "loaded", active, enabled), Unit("containerd.service", "loaded", "active", "enabled")))
    found = verdict(plan(CONVERGED.but(UNIT_STATES, units)), "service")
    assert isinstance(found, Satisfied) is satisfied
    if isinstance(found, Change):
        assert isinstance(found.actions[0], Run)
        assert found.actions[0].script.startswith("systemctl reset-failed docker.service")


def test_all_scripts_of_a_plan_are_sound() -> None:
    """dash reads every script and every guard that a plan for these hosts would run."""
    scripts: list[str] = []
    for name in (
        "debian-trixie",
        "docker-io-allowed",
        "failed-service",
        "interrupted-dpkg",
        "closed-keyring-folder",
        "no-buildx",
    ):
        host = golden(name)
        for planned in plan(host.facts, {**host.recipe, "images": {"pull": ["busybox"]}}).changes:
            assert isinstance(planned.verdict, Change)
            scripts += [text for a in planned.verdict.actions if isinstance(a, Run) for text in (a.script, a.unless)]
    assert len(scripts) > 20
    for script in scripts:
        done = subprocess.run(["dash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), script


def test_engine_brings_group_and_service() -> None:
    """What the package does by itself is known beforehand, so that the plan for a bare host is exact."""
    later = effects(BARE, plan(BARE))
    assert later[UNIT_STATES].find("docker.service").is_running
    assert later[DAEMON].version == "29.10.0"


def test_defaults_are_documented() -> None:
    """The numbers that people rely on."""
    assert AptOptions.model_validate({}).lock_timeout == 600
    assert KeyringOptions.model_validate({}).fingerprint == DOCKER_FINGERPRINT
