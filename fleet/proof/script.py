"""The sh that makes a proof on a host, as the user whom it is about.

It prints ``key=value`` lines, and docker's own words between them, all on stdout. What it tests is the engine of this
host, at its standard socket, which is what `fleet` provisions: a DOCKER_HOST, DOCKER_CONTEXT or current context of the
user's that leads elsewhere (docs.docker.com/engine/manage-resources/contexts) is reported, and not followed, since an
image must not be loaded into a machine that nobody named. The rest of the user's ~/.docker is in force.
"""

from __future__ import annotations

import base64
import re

from fleet.proof.image import archive, line, reference
from fleet.shell import one_line, quote

SECONDS = 660
"""How long a script may take at the very most, its cleaning up included: the sum of its own limits."""
_TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

_BROKEN_PLUGINS = "{{range .ClientInfo.Plugins}}{{if .Err}}{{.Name}}: {{.Err}}{{println}}{{end}}{{end}}"
"""What `docker info` is asked when `docker compose` fails: the one place where docker/cli says why a plugin is left out."""

# `--foreground`: the limits stay in the process group of the script, so that whoever stops the script stops the client
# too, and the trap cleans up at once. `--cap-drop ALL`, no network, read-only: the program needs none of it.
_BODY = r"""
exec 2>&1
LC_ALL=C; export LC_ALL
say() { printf '%s=%s\n' "$1" "$2"; }
stop() { say failed "$1"; say code "$2"; exit 1; }
limit() { timeout --foreground -k 5 "$@"; }
clean() {
    trap '' HUP INT TERM; trap - EXIT
    limit 25 docker rm -f "$container" >/dev/null 2>&1
    limit 25 docker image rm "$reference" >/dev/null 2>&1
}

say user "$(id -un)"
command -v docker >/dev/null || stop client 127
folder=${DOCKER_CONFIG:-$HOME/.docker}
for file in "$folder" "$folder/config.json"; do
    [ ! -e "$file" ] || [ -r "$file" ] || printf 'WARNING: Error loading config file: open %s: permission denied\n' "$file"
done
endpoint=$(limit 15 docker context inspect --format '{{.Name}} ({{.Endpoints.docker.Host}})')
case $endpoint in
    *'(unix:///var/run/docker.sock)' | *'(unix:///run/docker.sock)') ;;
    *) say elsewhere "${endpoint:-${DOCKER_CONTEXT:-unknown}}" ;;
esac
unset DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONTENT_TRUST DOCKER_DEFAULT_PLATFORM
DOCKER_HOST=unix:///var/run/docker.sock; export DOCKER_HOST

limit 60 docker version --format 'client={{.Client.Version}}{{with .Server}}{{println}}server={{.Version}}{{end}}' ||
    stop server $?
if [ -n "$compose" ]; then
    version=$(limit 60 docker compose version) || { code=$?; limit 20 docker info --format "$broken"; stop compose $code; }
    version=${version##* }; say compose "${version#v}"
fi

trap clean EXIT
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
printf '%s' "$archive" | base64 -d | limit 180 docker load >/dev/null || stop load $?
said=$(limit 180 docker run --rm --name "$container" --pull never --platform "$platform" \
    --network none --read-only --cap-drop ALL "$reference") || stop run $?
say said "$said"
[ "$said" = "$expected" ] || stop output 0
limit 30 docker image rm "$reference" >/dev/null || stop removal $?
trap - EXIT
"""

_AS_USER = r"""
exec 2>&1
entry=$(getent passwd "$user") || { printf 'user=%s\nfailed=user\ncode=1\n' "$user"; exit 1; }
home=$(printf '%s\n' "$entry" | cut -d: -f6)
cd /
exec runuser -u "$user" -- env -i HOME="$home" USER="$user" LOGNAME="$user" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "$script"
"""


def proof_script(*, platform: str, compose: bool, tag: str = "") -> str:
    """POSIX sh that proves that docker works for the user who runs it, and exits non-zero when it doesn't.

    ``tag`` becomes part of the image's and the container's name, so that two proofs at once on a host don't meet.
    ``compose``: whether `docker compose` is to work, too. ValueError for an unknown platform or a tag that can't be one.
    """
    if tag and not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} can't be an image's tag here: use up to 63 lower-case letters, digits, and . _ -")
    name = reference(platform, tag)
    words = {
        "platform": platform,
        "compose": "yes" if compose else "",
        "reference": name,
        "container": name.replace(":", "-"),
        "expected": line(platform),
        "broken": _BROKEN_PLUGINS,
        "archive": base64.b64encode(archive(platform, tag)).decode(),
    }
    return _assignments(words) + _BODY


def for_user(script: str, user: str) -> str:
    """A script for root that runs another as this user: with the user's groups as they are now, home and ~/.docker.

    Neither the user's profile nor root's environment is in force: a profile may print, or ask, or be broken.
    """
    return _assignments({"user": one_line(user), "script": script}) + _AS_USER


def _assignments(words: dict[str, str]) -> str:
    return "".join(f"{name}={quote(word)}\n" for name, word in words.items())
