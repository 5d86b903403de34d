"""What apt, dpkg and docker say when something goes wrong, and the remedies."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleet.errors import RemoteError
from fleet.model import Done, Host, Run
from fleet.plan import addressed
from fleet.steps.apt import CLOCK_REMEDY

LOCKED = ("could not get lock", "unable to acquire the dpkg frontend lock", "unable to lock")
"""What apt and dpkg say (in the C locale) while another program holds a lock."""

_HOLDER = re.compile(r"^(?:Waiting for cache lock: |E: )?Could not get lock .* held by (process \d+ \([^)]*\))")
"""How apt names who holds the lock, while it waits for it itself and when it has given up."""

_STALE = re.compile(
    r"^W: (?:Failed to fetch (?P<url>\S+) +(?P<why>.*)|(?P<other>GPG error: .*|The repository .* does not have .*))"
)
"""How apt names a source that it could not refresh."""


def lock_holder(line: str) -> str:
    """The process that holds a lock of apt's, if that is what the line says."""
    found = _HOLDER.search(line)
    return found[1] if found else ""


def stale_source(line: str) -> str:
    """The source that apt could not refresh, and why, if that is what the line says."""
    found = _STALE.match(line)
    if not found:
        return ""
    return f"{found['url']} ({found['why'].strip()})" if found["url"] else found["other"]


def is_locked(done: Done) -> bool:
    """Whether it failed since another program holds a lock of apt's or dpkg's."""
    said = done.err.lower()
    return any(words in said for words in LOCKED)


def last_words(done: Done) -> str:
    """The last telling line that a command printed: apt's own E: line if there is one."""
    lines = [line.strip() for line in (done.err.strip() or done.out.strip()).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "Error:", "error:", "dpkg: error"))]
    return (errors or lines or ["it printed nothing"])[0 if errors else -1].removeprefix("error: ")


def failed(host: Host, action: Run, done: Done) -> RemoteError:
    """The error for a script that ended on this host with another exit code than 0."""
    hint = next((hint for words, hint in HINTS if words in (done.err + done.out).lower()), "The whole output is in the log.")
    return RemoteError(f"{action.title}: exit code {done.code}: {last_words(done)}", addressed(hint, host))


HINTS: Sequence[tuple[str, str]] = (
    (LOCKED[0], "Another program uses apt; wait until it is done (ps ax | grep -E 'apt|dpkg'), or raise apt: {lock_timeout: …}."),
    (LOCKED[1], "Another program uses apt; wait until it is done (ps ax | grep -E 'apt|dpkg'), or raise apt: {lock_timeout: …}."),
    ("not valid yet", f"The host's clock is behind. {CLOCK_REMEDY}"),
    ("conflicting values set for option signed-by", "Two sources name one repository with different keys; remove one of them."),
    ("temporary failure resolving", "The host can't resolve names: look at its DNS (resolvectl status; /etc/resolv.conf)."),
    ("could not resolve", "The host can't resolve names: look at its DNS (resolvectl status; /etc/resolv.conf)."),
    ("no space left on device", "Its disk is full: sudo apt-get clean; sudo journalctl --vacuum-size=50M; docker system prune."),
    (
        "is not bound",
        "A key of the distribution is out of date: install its newer keyring package (raspberrypi-archive-keyring).",
    ),
    ("no_pubkey", "A key of one of the host's apt sources is missing; install that repository's keyring package."),
    ("failed to fetch", "The host can't reach one of its apt sources; look at its network, or remove a source that is gone."),
    ("does not have a release file", "One of the host's apt sources is gone; remove it from /etc/apt/sources.list.d."),
    ("toomanyrequests", "Docker Hub's limit is used up (it counts per address); wait, log in, or use a mirror."),
    ("dockerd refuses the new", "Correct daemon: {…} in the recipe; the file on the host is as it was."),
    ("so the old one is back", "Correct daemon: {…} in the recipe; Docker runs with what it had before."),
    (
        "unable to configure the docker daemon",
        "Mend /etc/docker/daemon.json on the host (sudo dockerd --validate tells whether it is right), and run again.",
    ),
    ("no basic auth credentials", "Let the recipe log root in at that registry: login: {registries: [{registry: …}]}."),
    ("gave http response to https client", "It has no TLS: name it in daemon: {insecure_registries: [HOST:PORT]}."),
    ("dpkg was interrupted", "On the host: sudo dpkg --configure -a"),
)
"""Remedies by what apt, dpkg and docker say."""
