"""Docker's daemon goes by the wanted settings: in daemon.json, beside what else is there, and in force.

A reload is enough for some keys and a restart is needed for others; a restart stops containers, unless live-restore is on
(docs.docker.com/engine/daemon/live-restore). Where the recipe turns live-restore on, it is reloaded before the restart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from fleet.facts.daemon import DAEMON, UNIT_STATES, Daemon
from fleet.facts.daemon_json import DAEMON_JSON, PATH, DaemonJson, without_logins
from fleet.facts.sources import sha256_of
from fleet.model import Blocked, Change, Facts, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import Secret, diff_lines
from fleet.steps.daemon_keys import HIDING, NOT_RESTORED, PACKAGE_FLAGS, RELOADABLE, clashes, in_force, other_file, told
from fleet.steps.daemon_options import DaemonOptions, merged, wanted_keys
from fleet.steps.daemon_script import change_script

SERVICE = "docker.service"
SECONDS = 300


class DaemonStep(Step[DaemonOptions]):
    """Merges keys into daemon.json; what others have written there stays."""

    name = "daemon"
    title = "the daemon's settings"
    requires = ("engine",)
    probes = (DAEMON_JSON, DAEMON, UNIT_STATES)
    options = DaemonOptions

    def verdict(self, situation: Situation[DaemonOptions]) -> Verdict:
        """Compare the file with what is wanted, and the running daemon with the file."""
        options, file = situation.options, situation.facts[DAEMON_JSON]
        wanted = wanted_keys(options)
        if not wanted and not options.without:
            return Satisfied("nothing asked for")
        try:
            have = file.content()
        except ValueError as error:
            return _not_json(str(error))
        due = _due(situation.facts, file, have, merged(have, wanted, options.without), wanted)
        refused = _refused(situation.facts, due)
        if refused:
            return refused
        if not due.changed and not due.waiting:
            return Satisfied(f"as wanted: {', '.join(wanted)}" if wanted else "as wanted")
        return _would_stop(due, options) or _change(file, due)


def _not_json(why: str) -> Blocked:
    return Blocked(
        f"{PATH} can't be read, by Docker neither: {why}",
        f"Mend it: fleet run HOST --sudo -- 'dockerd --validate; cat -n {PATH}'; then edit it on the host.",
    )


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be done: ``changed`` keys differ in the file, ``waiting`` ones are there and not in force yet."""

    have: dict[str, Any]
    keys: dict[str, Any]
    changed: tuple[str, ...]
    waiting: tuple[str, ...]
    daemon: Daemon
    running: bool
    flags: tuple[str, ...]

    @property
    def restarts(self) -> tuple[str, ...]:
        """The keys that count only from a start on."""
        return tuple(key for key in (*self.changed, *self.waiting) if key not in RELOADABLE) if self.running else ()

    @property
    def ways(self) -> tuple[str, ...]:
        """How a running daemon takes them over."""
        if not self.running:
            return ()
        if not self.restarts:
            return ("reload",)
        return ("reload", "restart") if self.saved_by_reload else ("restart",)

    @property
    def saved_by_reload(self) -> bool:
        """Live-restore is off, and comes with this very change, in time to keep containers over the restart."""
        return self.keeps and not self.daemon.live_restore and self.daemon.running != 0

    @property
    def keeps(self) -> bool:
        """Containers can go on over a restart."""
        stays_on = self.keys.get("live-restore", self.daemon.live_restore) is True
        return stays_on and not set(self.restarts) & NOT_RESTORED


def _due(facts: Facts, file: DaemonJson, have: dict[str, Any], keys: dict[str, Any], wanted: dict[str, Any]) -> _Due:
    unit = facts[UNIT_STATES].find(SERVICE)
    changed = tuple(key for key in {**have, **keys} if have.get(key) != keys.get(key))
    waiting = tuple(key for key in wanted if key not in changed and not _is_in_force(facts[DAEMON], file, key, keys[key]))
    return _Due(
        have, keys, changed, waiting if unit.is_running else (), facts[DAEMON], unit.is_running, unit.flags or PACKAGE_FLAGS
    )


def _is_in_force(daemon: Daemon, file: DaemonJson, key: str, value: Any) -> bool:
    """As the daemon says; where it does not, it has read the file since that was changed."""
    seen = in_force(key, value, daemon.info) if daemon.info else None
    return file.is_read if seen is None else seen


# ── what must not be done ────────────────────────────────────────────────────────────────────────────────────────────


def _refused(facts: Facts, due: _Due) -> Blocked | None:
    """What Docker would not start with."""
    look = f"See where that comes from: fleet run HOST -- systemctl cat {SERVICE}"
    if elsewhere := other_file(due.flags):
        return Blocked(f"{SERVICE} does not read {PATH} but {elsewhere} (--config-file)", look)
    if found := clashes(due.keys, due.flags):
        both = " and ".join(f"{key} ({flag})" for key, flag in found)
        return Blocked(
            f"{SERVICE} sets {both} by a flag, and with both dockerd does not start", f"{look}; or leave it out of {PATH}."
        )
    if due.keys.get("live-restore") is True and due.daemon.info and due.daemon.info.swarm:
        return Blocked(
            "live-restore can't be on in a Swarm, and this host is part of one", "Take live_restore: true out of the recipe."
        )
    return None


def _would_stop(due: _Due, options: DaemonOptions) -> Blocked | None:
    running = due.daemon.running
    if not due.restarts or running == 0 or due.keeps or options.allow_restart:
        return None
    count = "an unknown number of" if running is None else str(running)
    return Blocked(
        f"{_words(due.restarts)} {'counts' if len(due.restarts) == 1 else 'count'} only after a restart of Docker,"
        f" which stops {count} running container{'' if running == 1 else 's'}",
        "Allow it with --allow-restart (or daemon: {allow_restart: true} in the recipe); those with a restart policy come back."
        + ("" if set(due.restarts) & NOT_RESTORED else " With live_restore: true they would go on."),
    )


# ── the change ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _change(file: DaemonJson, due: _Due) -> Change:
    had = file.text.reveal() if file.text else ""
    text = json.dumps(due.keys, indent=2, ensure_ascii=False) + "\n" if due.changed else had
    flags = due.flags if not any(set("$%*") & set(flag) for flag in due.flags) else ()
    script = change_script(text, sha256_of(text), file.sha256, flags, due.ways)
    title = " and ".join((*((f"write {PATH}",) if due.changed else ()), *(f"{way} Docker" for way in due.ways)))
    shown = (without_logins(had).splitlines(), without_logins(text).splitlines())
    return Change(
        _why(due),
        (Run(title, script, timeout=SECONDS),),
        diff=diff_lines(*shown, PATH),
        after=lambda facts: _after(facts, due, text),
        warnings=_warnings(due),
    )


def _why(due: _Due) -> str:
    parts = [f"set {_words(due.changed)}"] if due.changed else []
    parts += [f"{_words(due.waiting)} not in force yet"] if due.waiting else []
    return "; ".join(parts) + (f" ({' and '.join(due.ways)})" if due.ways else "")


def _words(keys: tuple[str, ...]) -> str:
    return ", ".join(keys)


def _warnings(due: _Due) -> tuple[str, ...]:
    """What a person may not expect."""
    found = []
    if {"log-driver", "log-opts"} & set(due.restarts) and due.daemon.running != 0:
        found.append("containers that are there keep the log settings that they were made with, until they are made anew")
    if hiding := tuple(key for key in due.changed if key in HIDING and due.daemon.version):
        found.append(f"{_words(hiding)}: images and containers made so far stay where Docker no longer looks for them")
    return tuple(found)


def _after(facts: Facts, due: _Due, text: str) -> Facts:
    daemon = due.daemon
    if due.ways:
        daemon = replace(daemon, live_restore=due.keys.get("live-restore") is True)
        daemon = replace(daemon, info=told(daemon.info, due.keys)) if daemon.info else daemon
    return facts.but(DAEMON_JSON, DaemonJson(Secret(text), told=sha256_of(text))).but(DAEMON, daemon)
