"""The sh text of everything that is asked of a host's Docker."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.shell import words

REFUSED = 246
"""The exit code of a script that did not come to Docker at all; the line on stderr says why."""
MISSING, DENIED = "@fleet-docker missing", "@fleet-docker denied"

# A socket that is there and can't be written is Docker's way to say "not you" (docs.docker.com, linux-postinstall).
_GUARD = f"""\
fleet_no() {{ printf '%s\\n' "$1" >&2; exit {REFUSED}; }}
command -v docker >/dev/null || fleet_no '{MISSING}'
socket=/var/run/docker.sock
[ -n "${{DOCKER_HOST:-}}" ] || [ ! -S "$socket" ] || [ -w "$socket" ] || fleet_no '{DENIED}'
"""

# stdin stays open for as long as somebody waits; its end, also that of a broken connection, ends the command. Without it a
# command that prints nothing would live on: sshd closes its pipes and tells it nothing.
_WATCHED = """\
exec 3<&0 </dev/null
watched() {
    "$@" & command=$!
    ( while read -r beat; do :; done; kill "$command" ) <&3 & watch=$!
    wait "$command"; code=$?
    kill "$watch" 2>/dev/null; wait "$watch" 2>/dev/null
    return "$code"
}
"""

_FIELDS = (
    '"id":{{json .Id}},"name":{{json .Name}},"image":{{json .Config.Image}},"state":{{json .State.Status}},'
    '"health":{{with index .State "Health"}}{{json .Status}}{{else}}""{{end}},"code":{{json .State.ExitCode}},'
    '"started":{{json .State.StartedAt}},"finished":{{json .State.FinishedAt}},"restarts":{{json .RestartCount}},'
    '"labels":{{json .Config.Labels}},"ports":{{json .NetworkSettings.Ports}}'
)
_STATS = "{{json .}}"
END = "@fleet-end"
"""Follows each look at what the containers use."""


def listing() -> str:
    """Tells the host's clock, then a JSON object for each container, running or not.

    One that is removed between the two commands makes `docker inspect` complain: see `is_racing`.
    """
    inspect = words("docker", "inspect", "--type", "container", "--format", f"{{{_FIELDS}}}")
    return (
        f'{_GUARD}all=$(docker ps -aq --no-trunc) || exit\ndate +%s\n[ -z "$all" ] || printf \'%s\\n\' "$all" | xargs {inspect}\n'
    )


def is_racing(err: str) -> bool:
    """True when all that went wrong with a listing is that containers were removed meanwhile."""
    said = [line for line in err.splitlines() if line.strip()]
    return bool(said) and all("no such " in line.lower() for line in said)


def command(given: Sequence[str]) -> str:
    """Any docker command, ended when nobody waits for it any more."""
    return f"{_GUARD}{_WATCHED}watched {words('docker', *given)}\n"


def logs(ids: Sequence[str], *, follow: bool, tail: str, since: str) -> str:
    """The logs of several containers at once, each line with the container's place in ``ids`` in front, then its time.

    What goes wrong with one is told on stderr by its place and exit code, and holds up no other.
    """
    options = ["--timestamps", "--tail", tail, *(["--since", since] if since else []), *(["--follow"] if follow else [])]
    each = "\n".join(f"one {place} {words(*options, container)} &" for place, container in enumerate(ids))
    return f"""{_GUARD}{_WATCHED}exec 4>&2
one() {{
    place=$1; shift
    {{ watched docker logs "$@" 2>&1 || printf '%s %s\\n' "$place" "$code" >&4; }} | sed -u "s/^/$place /"
}}
{each}
wait
"""


def usage(pause: float | None) -> str:
    """What the running containers use: once, or again and again with so many seconds between."""
    look = f"docker stats --no-stream --no-trunc --format {words(_STATS)}"
    if pause is None:
        return f"{_GUARD}{look}\n"
    return f"{_GUARD}{_WATCHED}looks() {{ while {look}; do echo {END}; sleep {pause:g} & wait $!; done; }}\nwatched looks\n"
