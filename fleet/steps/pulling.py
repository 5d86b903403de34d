"""How a host is told to pull an image: by digest, for one platform, again when the network breaks."""

from __future__ import annotations

from fleet.formats.references import parse
from fleet.model import Run
from fleet.shell import words

DOCKER = ("docker", "-H", "unix:///var/run/docker.sock")
"""The host's own daemon, whatever root's settings name."""

PULL_SECONDS = 3600
_PAUSES = "2 6 18"
"""Seconds between the attempts. dockerd itself asks for a layer five times (docs.docker.com/reference/cli/dockerd,
max-download-attempts) and goes on in the middle of it; this is for what it does not try again, such as a name that is not found
or a registry that is away while it is asked for the manifest."""

# What another attempt does not change, in the words of moby (errdefs, distribution/errors.go) and of registries.
_FINAL = "denied|unauthorized|manifest unknown|not found|no matching manifest|no space left|toomanyrequests|read-only file system"


def pull(reference: str, digest: str, platform: str) -> Run:
    """Pull the image of this digest, and give it the name of the reference."""
    parsed = parse(reference)
    exact = f"{parsed.repository_name}@{digest}"
    lines = [
        f"for pause in {_PAUSES} ''; do",
        f"  if said=$({words(*DOCKER, 'pull', '--quiet', '--platform', platform, '--', exact)} 2>&1); then break; fi",
        '  printf "%s\\n" "$said" >&2',
        f'  if [ -z "$pause" ] || printf "%s\\n" "$said" | grep -qiE {words(_FINAL)}; then exit 1; fi',
        '  echo "trying again in $pause s"',
        '  sleep "$pause"',
        "done",
    ]
    if not parsed.digest:
        lines.append(words(*DOCKER, "tag", exact, parsed.familiar))
    return Run(f"pull {reference}", "\n".join(lines), timeout=PULL_SECONDS)
