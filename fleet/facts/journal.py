"""The journal's settings: every file that systemd-journald reads, and which of them has the last word."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model import Probe

DROP_IN = "/etc/systemd/journald.conf.d/99-fleet.conf"
PENDING = "/run/fleet/journald.pending"
"""There while the drop-in is written and journald was not restarted yet."""

_FOLDERS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
"""A file in an earlier one masks one of the same name in a later one (systemd-journald: journald.conf(5))."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One ``Key=value`` line and the file that it is in."""

    key: str
    value: str
    path: str


@dataclass(frozen=True, slots=True)
class Journal:
    """``text`` is the drop-in of ours, empty for none; ``pending``: journald has not read it yet.

    ``settings`` are in the order in which they are read, so that the last one of a key counts.
    """

    text: str = ""
    pending: bool = False
    settings: tuple[Setting, ...] = ()


def name_of(setting: Setting) -> str:
    """The name of a drop-in, by which journald sorts them; empty for journald.conf, which comes before all."""
    folder, _, name = setting.path.rpartition("/")
    return name if folder.endswith(".d") else ""


def read_journal(text: str) -> Journal:
    """Read the answer of the probe ``journal``: ``pending``, then lines ``path:text``."""
    files: dict[str, list[str]] = {}
    for line in text.splitlines():
        path, colon, said = line.partition(":")
        if colon and path.startswith("/"):
            files.setdefault(path, []).append(said)
    ours = "".join(f"{line}\n" for line in files.get(DROP_IN, ()))
    settings = tuple(setting for path in _in_order(files) for setting in _settings(path, files[path]))
    return Journal(ours, text.startswith("pending\n"), settings)


def _in_order(files: dict[str, list[str]]) -> list[str]:
    """journald.conf first, then the drop-ins by name; of one name, the one in the first folder alone."""
    by_name: dict[tuple[bool, str], str] = {}
    for path in files:
        folder, _, name = path.rpartition("/")
        place = (folder.endswith(".d"), name)
        if place not in by_name or _rank(path) < _rank(by_name[place]):
            by_name[place] = path
    return [by_name[place] for place in sorted(by_name)]


def _rank(path: str) -> int:
    return next((n for n, folder in enumerate(_FOLDERS) if path.startswith(f"{folder}/")), len(_FOLDERS))


def _settings(path: str, lines: list[str]) -> list[Setting]:
    split = (line.strip().partition("=") for line in lines if not line.lstrip().startswith(("#", ";")))
    return [Setting(key.strip(), value.strip(), path) for key, sign, value in split if sign]


# One process for all files; only lines that set something, and the whole of ours.
JOURNAL = Probe(
    name="journal",
    script=f"""
[ -e {PENDING} ] && echo pending
set -- {" ".join(f"{folder}/journald.conf {folder}/journald.conf.d/*.conf" for folder in _FOLDERS)}
grep -H -e '^[[:space:]]*[A-Z][A-Za-z]*[[:space:]]*=' -e '^# Written by fleet' -e '^\\[Journal\\]' "$@"
""",
    parse=read_journal,
    unknown=Journal(),
)
