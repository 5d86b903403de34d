"""The daemon's settings: merged, in force, reloaded or restarted, and never by stopping containers unasked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.facts.daemon import DAEMON, UNIT_STATES, Units, read_units
from fleet.facts.daemon_json import DAEMON_JSON, DaemonJson, read_daemon_json
from fleet.facts.docker_info import Info, Membership
from fleet.model import Blocked, Change, Facts, Run, Satisfied, Verdict
from fleet.plan.saved import plan_to_data
from fleet.report import _plain
from fleet.shell import Secret
from fleet.steps.daemon_keys import key_of
from fleet.steps.daemon_options import DaemonOptions, merged, wanted_keys
from tests.support.golden import golden
from tests.support.planning import DEFAULT, changed, effects, plan, verdict

BARE = golden("debian-trixie").facts.but(DAEMON_JSON, DaemonJson())
HOST = golden("daemon-settings").facts
"""One container runs, live-restore is on."""
LOCAL = {"log_driver": "local", "log_opts": {"max-size": "10m", "max-file": 3}}


def recipe(**options: Any) -> dict[str, Any]:
    """The default recipe with this section `daemon`."""
    return {**DEFAULT, "daemon": options}


def host(*, running: int | None = 0, live_restore: bool = False, active: bool = True, **file: Any) -> Facts:
    """A converged host with this in daemon.json, and a daemon that goes by it."""
    daemon = replace(HOST[DAEMON], running=running, live_restore=live_restore, info=Info("json-file", live_restore))
    text = Secret(json.dumps(file, indent=4)) if file else None
    facts = HOST.but(DAEMON, daemon).but(DAEMON_JSON, DaemonJson(text))
    if active:
        return facts
    units = [replace(u, active="inactive") if u.name == "docker.service" else u for u in facts[UNIT_STATES].units]
    return facts.but(UNIT_STATES, Units(tuple(units)))


def look(facts: Facts, **options: Any) -> Verdict:
    """The step's verdict."""
    return verdict(plan(facts, recipe(**options)), "daemon")


def change(facts: Facts, **options: Any) -> Change:
    """The step's verdict, which is a change."""
    found = look(facts, **options)
    assert isinstance(found, Change), found
    return found


def script(found: Change) -> str:
    """What its one action runs."""
    (action,) = found.actions
    assert isinstance(action, Run)
    return action.script


def ways(found: Change) -> list[str]:
    """How Docker is told, in order."""
    lines = [line.partition(" || ") for line in script(found).splitlines()]
    return [first for first, _, rest in lines if rest.startswith("give_up")]


# ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bare_host_gets_its_file_and_one_restart() -> None:
    """The package starts the engine, and the settings that need it cost one restart; afterwards nothing is left to do."""
    found = plan(BARE, recipe(**LOCAL))
    assert changed(found) == ["keyring", "source", "engine", "daemon", "group", "compose"]
    seen = verdict(found, "daemon")
    assert isinstance(seen, Change)
    assert ways(seen) == ["restart"]
    assert '+    "max-file": "3"' in seen.diff
    assert not plan(effects(BARE, found), recipe(**LOCAL)).changes


def test_what_others_wrote_stays() -> None:
    """Keys that the recipe does not name are kept, in their place, and objects are merged."""
    have = {"dns": ["192.0.2.1"], "log-driver": "local", "log-opts": {"max-size": "1m", "compress": "false"}}
    wanted = wanted_keys(DaemonOptions(log_driver="local", log_opts={"max-size": "10m"}, live_restore=True))
    assert merged(have, wanted, ()) == {
        "dns": ["192.0.2.1"],
        "log-driver": "local",
        "log-opts": {"max-size": "10m", "compress": "false"},
        "live-restore": True,
    }
    assert merged(have, {}, ("dns",)) == {key: have[key] for key in ("log-driver", "log-opts")}


@pytest.mark.parametrize("before", [{}, {"log-driver": "json-file"}])
def test_options_of_another_log_driver_go(before: dict[str, Any]) -> None:
    """dockerd does not start with options that its log driver does not know."""
    have = {**before, "log-opts": {"labels": "x"}}
    assert merged(have, {"log-driver": "local"}, ()) == {"log-driver": "local"}


def test_log_options_become_strings_and_loopback_stays_insecure() -> None:
    """dockerd wants "3" and "true"; and since 29.10 a list of insecure registries no longer has the host itself in it."""
    options = DaemonOptions(log_opts={"max-file": 3, "compress": True}, insecure_registries=("registry.lan:5000",))
    assert wanted_keys(options) == {
        "log-opts": {"max-file": "3", "compress": "true"},
        "insecure-registries": ["registry.lan:5000", "127.0.0.0/8", "::1/128"],
    }
    assert wanted_keys(DaemonOptions(insecure_registries=())) == {"insecure-registries": []}


@pytest.mark.parametrize(
    "options",
    [
        {"registry_mirrors": ["https://mirror.example/path"]},
        {"registry_mirrors": ["https://ann:secret@mirror.example"]},
        {"insecure_registries": ["http://registry.lan"]},
        {"insecure_registries": ["a b"]},
        {"config": {"log-driver": "local"}},
        {"config": {"Bad Key": 1}},
        {"log_driver": "$(reboot)"},
        {"log_opts": {"max-size": ["10m"]}},
    ],
)
def test_mistakes_are_refused(options: dict[str, Any]) -> None:
    """What dockerd would refuse, what has an option of its own, and what is no word."""
    with pytest.raises(ValidationError):
        DaemonOptions.model_validate_json(json.dumps(options))


# ── reload or restart ────────────────────────────────────────────────────────────────────────────────────────────────


def test_reload_where_that_is_enough() -> None:
    """Containers run, and nothing stops them."""
    found = change(host(running=2), live_restore=True, registry_mirrors=["https://mirror.example"])
    assert ways(found) == ["reload"]
    assert not found.warnings


def test_restart_that_stops_containers_is_blocked_until_allowed() -> None:
    """The reason names key and number; unknown is no excuse."""
    found = look(host(running=1), **LOCAL)
    assert isinstance(found, Blocked)
    assert "log-driver, log-opts count only after a restart of Docker, which stops 1 running container" in found.why
    assert "--allow-restart" in found.hint
    assert isinstance(look(host(running=None), **LOCAL), Blocked)
    assert ways(change(host(running=1), **LOCAL, allow_restart=True)) == ["restart"]


def test_live_restore_keeps_containers_over_a_restart() -> None:
    """On already: restart. Turned on by this change: reloaded first, and then the restart spares them."""
    assert ways(change(host(running=1, live_restore=True, **{"live-restore": True}), **LOCAL)) == ["restart"]
    found = change(host(running=1), **LOCAL, live_restore=True)
    assert ways(found) == ["reload", "restart"]
    assert "keep the log settings" in found.warnings[0]


@pytest.mark.parametrize("key", ["data-root", "bip", "userns-remap"])
def test_live_restore_does_not_help_against_everything(key: str) -> None:
    """With another network or another folder, containers are not found again; and with it turned off they are not kept."""
    on = host(running=1, live_restore=True, **{"live-restore": True})
    assert isinstance(look(on, config={key: "x"}), Blocked)
    assert isinstance(look(on, live_restore=False, **LOCAL), Blocked)


def test_images_left_behind_are_told() -> None:
    """Another data-root hides what is there."""
    found = change(host(), config={"data-root": "/srv/docker"})
    assert "images and containers made so far stay" in found.warnings[0]


def test_a_stopped_daemon_is_only_written_for() -> None:
    """The step after this one starts it."""
    found = plan(host(active=False), recipe(**LOCAL))
    assert changed(found)[-2:] == ["daemon", "service"]
    seen = verdict(found, "daemon")
    assert isinstance(seen, Change)
    assert ways(seen) == []


# ── in force ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_right_in_the_file_and_not_in_force() -> None:
    """Somebody has written the file, and the daemon runs with what was there before: told by the daemon itself."""
    facts = host(**{"log-driver": "local"})
    found = change(facts, log_driver="local")
    assert found.why == "log-driver not in force yet (restart)"
    assert not found.diff
    assert isinstance(look(effects(facts, plan(facts, recipe(log_driver="local"))), log_driver="local"), Satisfied)


def test_keys_that_the_daemon_does_not_tell_of() -> None:
    """They count as read when the file is older than the daemon, or was reloaded by fleet since."""
    file = DaemonJson(Secret('{"max-concurrent-downloads": 2}'))
    wanted = {"config": {"max-concurrent-downloads": 2}}
    assert isinstance(look(host().but(DAEMON_JSON, file), **wanted), Satisfied)
    assert ways(change(host().but(DAEMON_JSON, replace(file, newer=True)), **wanted)) == ["reload"]
    read = replace(file, newer=True, told=file.sha256)
    assert isinstance(look(host().but(DAEMON_JSON, read), **wanted), Satisfied)


def test_a_converged_host() -> None:
    """Every setting is seen to be in force on a recorded host; another value of any of them is seen too."""
    section = dict(golden("daemon-settings").recipe["daemon"])
    assert isinstance(look(HOST, **section), Satisfied)
    for other in ({"registry_mirrors": []}, {"live_restore": False}, {"insecure_registries": ["192.0.2.7"]}):
        assert ways(change(HOST, **{**section, **other})) == ["reload"]


def test_nothing_asked_for() -> None:
    """An empty section leaves even a broken file alone."""
    assert isinstance(look(host().but(DAEMON_JSON, DaemonJson(Secret("{")))), Satisfied)


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{\n  "debug": true,\n}', "line 3, column 1"),
        ('{"a": 1} x', "line 1, column 10: extra data"),
        ("[]", "not an object"),
    ],
)
def test_a_broken_file_is_not_overwritten(text: str, why: str) -> None:
    """Blocked, with the position."""
    found = look(host().but(DAEMON_JSON, DaemonJson(Secret(text))), **LOCAL)
    assert isinstance(found, Blocked)
    assert why in found.why
    assert "fleet run pi-kitchen --sudo" in found.hint


@pytest.mark.parametrize("text", ["", " \n", "\ufeff{}", "{}"])
def test_a_file_without_settings(text: str) -> None:
    """dockerd takes these for empty."""
    assert DaemonJson(Secret(text)).content() == {}


def test_flags_of_the_unit_clash() -> None:
    """dockerd does not start when a key is a flag too; the package's own -H is known on a bare host."""
    assert "hosts (-H)" in getattr(look(BARE, config={"hosts": ["tcp://127.0.0.1:2375"]}), "why", "")
    shown = "Id=docker.service\nActiveState=active\nExecStart={ path=/d ; argv[]=/d --log-driver=local -D ; ignore_errors=no ; }"
    facts = host().but(UNIT_STATES, read_units(shown))
    found = look(facts, **LOCAL)
    assert isinstance(found, Blocked)
    assert "log-driver (--log-driver=local)" in found.why
    assert "systemctl cat docker.service" in found.hint


def test_another_configuration_file() -> None:
    """What dockerd does not read is not written."""
    unit = replace(HOST[UNIT_STATES].find("docker.service"), flags=("--config-file", "/srv/docker.json"))
    found = look(host().but(UNIT_STATES, Units((unit,))), **LOCAL)
    assert "/srv/docker.json" in getattr(found, "why", "")


def test_live_restore_in_a_swarm() -> None:
    """dockerd refuses to start with both."""
    facts = host()
    daemon = facts[DAEMON]
    assert daemon.info
    facts = facts.but(DAEMON, replace(daemon, info=replace(daemon.info, member=Membership("active"))))
    assert isinstance(look(facts, live_restore=True), Blocked)


@pytest.mark.parametrize(
    ("flag", "key"),
    [
        ("-H", "hosts"), ("--host=fd://", "hosts"), ("--registry-mirror", "registry-mirrors"), ("--label=a=b", "labels"),
        ("--insecure-registry=x", "insecure-registries"), ("--add-runtime", "runtimes"), ("--dns", "dns"), ("fd://", ""),
    ],
)  # fmt: skip
def test_keys_of_flags(flag: str, key: str) -> None:
    """Plurals and short forms (docs.docker.com/reference/cli/dockerd)."""
    assert key_of(flag) == key


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_proxys_password_is_shown_nowhere() -> None:
    """It stays in the file, and is in no diff, no plan and no facts."""
    text = json.dumps({"proxies": {"http-proxy": "http://ann:canary@proxy.example:3128"}}, indent=2)
    facts = host().but(DAEMON_JSON, read_daemon_json(f"told=\nnewer=\n{text}"))
    found = plan(facts, recipe(**LOCAL))
    assert "canary" in script(verdict(found, "daemon"))  # type: ignore[arg-type]
    for shown in (repr(verdict(found, "daemon").diff), plan_to_data(found), _plain(facts.answers)):  # type: ignore[union-attr]
        assert "canary" not in json.dumps(shown)
