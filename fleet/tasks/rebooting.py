"""Reboot a host and go on with it: the order, the wait, and the certainty that it is another boot."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from fleet.errors import AuthenticationError, ConnectionLost, Interrupted, RebootFailed, RemoteError, Unreachable
from fleet.job import Job
from fleet.model import Done, Reboot
from fleet.remote import execute
from fleet.tasks.fab import reconnect

# A container has its machine's boot id, which stays; there the start of process 1 (field 22 of /proc/1/stat, proc(5)) is
# another one after a reboot. On a machine it is much the same at every boot, but the boot id is not. So both count.
BOOT = """
read -r id </proc/sys/kernel/random/boot_id
read -r stat </proc/1/stat
set -- ${stat##*) }
echo "$id ${20}"
"""

# In a session of its own, and a moment later: the answer is on its way before sshd goes down (paramiko would wait for it).
_ORDER = "setsid sh -c 'sleep 1; systemctl reboot || reboot' </dev/null >/dev/null 2>&1 &"

# What starts at boot may hold locks or want the network; a unit that hangs or has failed is no reason to wait for ever.
_SETTLED = "timeout 120 systemctl is-system-running --wait || :"

_FIRST_PAUSE, _LONGEST_PAUSE = 3.0, 10.0
_NEWS = 60.0
"""Seconds between two notes that it is still waited for."""

_TIME = 60


def reboot(c: Any, job: Job, action: Reboot) -> None:
    """Reboot and log in again. Raises RebootFailed, Interrupted, HostKeyError, or RemoteError if ``until`` does not hold then."""
    before = _boot(c)
    with suppress(ConnectionLost):  # it may be gone before it has answered
        execute(c, _ORDER, root=True, sudo_password=job.run.sudo.known, timeout=_TIME)
    started = time.monotonic()
    job.run.reporter.note(job.host.name, "rebooting")
    try:
        _wait(c, job, before, action.timeout)
    except Interrupted:
        hint = "When it is up, run the same command again: it goes on where it was."
        raise Interrupted("stopped by Ctrl-C while the host rebooted", hint) from None
    job.run.reporter.note(job.host.name, f"back {time.monotonic() - started:.0f} s after the order to reboot")
    _ask(c, _SETTLED, 130)
    if action.until and _ask(c, action.until, _TIME).code:
        hint = f"See what it has booted: fleet run {job.host.name} -- 'uname -r; cat /proc/cmdline'"
        raise RemoteError(action.unmet, hint)


def _wait(c: Any, job: Job, before: str, timeout: float) -> None:
    """Try to log in again and again; before and in the middle of a boot that fails in many ways, all of which pass."""
    started = told = time.monotonic()
    pause, last = _FIRST_PAUSE, ""
    while time.monotonic() - started < timeout:
        job.run.stop.wait(pause)
        pause = min(pause * 1.25, _LONGEST_PAUSE)
        try:
            reconnect(c, attempts=1)
            if _boot(c) != before:
                return
            last = "it can be reached, and has not gone down"
        except (Unreachable, AuthenticationError, RemoteError) as error:  # pam_nologin refuses logins for a while
            last = error.message
        if time.monotonic() - told > _NEWS:
            told = time.monotonic()
            job.run.reporter.note(job.host.name, f"waiting for it to come back for {told - started:.0f} s: {last}")
    raise RebootFailed(
        f"{job.host.name} did not come back within {timeout:.0f} s: {last}",
        "Look at its screen or lights, switch it off and on, and run the same command again when it is up. If it does not"
        " boot at all: what fleet changed on a Pi's card has its old text beside it, in cmdline.txt.fleet-backup.",
    )


def _boot(c: Any) -> str:
    done = _ask(c, BOOT, _TIME)
    if done.code or not done.out.strip():
        raise RemoteError("The host does not tell which boot it is.", "Is /proc mounted there?")
    return done.out.strip()


def _ask(c: Any, script: str, timeout: float) -> Done:
    return execute(c, script, timeout=timeout)
