"""Compose plugins wherever the docker command looks for them.

The order is the one that docker/cli really walks (cli-plugins/manager, getPluginDirs): the first hit wins and hides the
others, so that a copy of long ago in a home folder outlives every upgrade of the package.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from fleet.model import Probe

SYSTEM_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""Searched for everybody, in this order, after the folder in the user's home."""

USER_FOLDER = ".docker/cli-plugins"
FILE = "docker-compose"
PACKAGE_PATH = f"{SYSTEM_FOLDERS[-1]}/{FILE}"
"""Where the package docker-compose-plugin puts it."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One copy of the Compose plugin; ``version`` is what it says of itself, empty when it does not run.

    The package's copy is not asked, for dpkg knows its version.
    """

    path: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Plugins:
    """All copies found, in no particular order."""

    found: tuple[Plugin, ...] = ()

    def at(self, path: str) -> Plugin | None:
        """The copy at this path."""
        return next((p for p in self.found if p.path == path), None)

    def first(self, home: str) -> Plugin | None:
        """The copy that `docker compose` runs for the user with this home."""
        folders = (f"{home.rstrip('/')}/{USER_FOLDER}", *SYSTEM_FOLDERS)
        by_path = {p.path: p for p in self.found}
        return next((by_path[path] for folder in folders if (path := f"{folder}/{FILE}") in by_path), None)

    def plus(self, plugin: Plugin) -> Plugins:
        """With one more copy, in the place of the one at its path."""
        return replace(self, found=(*(p for p in self.found if p.path != plugin.path), plugin))


def read_plugins(text: str) -> Plugins:
    """Read ``path<TAB>metadata`` lines; the metadata is the plugin's own JSON."""
    found = []
    for line in text.splitlines():
        path, tab, metadata = line.partition("\t")
        if tab and path.startswith("/"):
            found.append(Plugin(path, _version(metadata)))
    return Plugins(tuple(found))


def _version(metadata: str) -> str:
    try:
        said = json.loads(metadata)
    except ValueError:
        return ""
    version = said.get("Version") if isinstance(said, dict) else None
    return version.removeprefix("v") if isinstance(version, str) else ""


# A copy in somebody's home is run as that user, never as root: to ask it for its version is no reason to trust it.
PLUGINS = Probe(
    name="plugins",
    script=rf"""
ask() {{
  f=$1; shift
  [ -f "$f" ] && [ -x "$f" ] || return 0
  printf '%s\t' "$f"; timeout -k 1 30 "$@" "$f" docker-cli-plugin-metadata </dev/null | head -c 4000 | tr -d '\n'; echo
}}
for d in {" ".join(SYSTEM_FOLDERS[:-1])}; do ask "$d/{FILE}"; done
[ -f {PACKAGE_PATH} ] && [ -x {PACKAGE_PATH} ] && printf '%s\t\n' {PACKAGE_PATH}
getent passwd | awk -F: '($3 == 0 || $3 >= 1000) && $6 ~ /^\// {{ print $1 ":" $6 }}' | while IFS=: read -r u h; do
  ask "${{h%/}}/{USER_FOLDER}/{FILE}" runuser -u "$u" --
done
""",
    parse=read_plugins,
    unknown=Plugins(),
    as_root=True,
)
