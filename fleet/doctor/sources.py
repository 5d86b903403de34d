"""apt sources by which `apt-get update` breaks, now or as soon as Docker's is added."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlsplit

from fleet.doctor.releases import ARCHIVED, ENDS, INTERIM
from fleet.doctor.system import TODAY
from fleet.doctor.words import as_root, error, lines
from fleet.facts.sources import SOURCES, Source, read_source_file
from fleet.model import Facts, Finding, Probe
from fleet.shell import words


@dataclass(frozen=True, slots=True)
class AptSources:
    """Every source of apt, without user names and passwords; and the key files that they name and that are not there."""

    sources: tuple[Source, ...] = ()
    missing_keys: tuple[str, ...] = ()


def read_apt_sources(text: str) -> AptSources:
    """Read ``path:line`` lines, as `grep -H ''` prints them, and ``no_key<TAB>path``."""
    files: dict[str, list[str]] = {}
    for row in text.split("\n"):
        path, colon, line = row.partition(":")
        if colon and path.startswith("/"):
            files.setdefault(path, []).append(line)
    found = (s for path, rows in files.items() for s in read_source_file(path, rows))
    plain = tuple(replace(s, uri=re.sub(r"//[^/@]*@", "//", s.uri)) for s in found)
    return AptSources(plain, tuple(re.findall(r"(?m)^no_key\t(.+)$", text)))


_FILES = "/etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources"

APT_SOURCES = Probe(
    name="apt_sources",
    script=f"""
grep -asH '' {_FILES}
grep -ahsvE '^[[:space:]]*#' {_FILES} | grep -oiE 'signed-by *[:=] *[^] #]+' | grep -oE '/[^], ]+' | sort -u |
while read -r f; do [ -s "$f" ] || printf 'no_key\\t%s\\n' "$f"; done
""",
    parse=read_apt_sources,
    unknown=AptSources(),
    as_root=True,
)


def sources(facts: Facts) -> tuple[Finding, ...]:
    """All that is wrong with them. Of those that serve Docker, ours is `provision`'s to heal, and any other has to go."""
    found = facts[APT_SOURCES]
    others = tuple(s for s in found.sources if not s.serves_docker)
    return (
        *_foreign(facts[SOURCES].foreign()),
        *_conflicting(others),
        *_without_key(others, found.missing_keys),
        *_moved(others, facts[TODAY]),
    )


def _foreign(foreign: tuple[Source, ...]) -> Iterator[Finding]:
    if foreign:
        yield error(
            "sources",
            "Docker's repository is named already by a source that is not fleet's, and two such can stop apt altogether",
            f"{', '.join(_files(foreign))}: {foreign[0].uri} {foreign[0].suite}",
            _away(foreign),
        )


def _conflicting(all_of: tuple[Source, ...]) -> Iterator[Finding]:
    """apt: "Conflicting values set for option Signed-By regarding source …", and every command of apt fails."""
    by_place: dict[tuple[str, str], list[Source]] = {}
    for source in all_of:
        by_place.setdefault((source.uri, source.suite), []).append(source)
    for (uri, suite), group in by_place.items():
        keys = {s.signed_by for s in group}
        if len(keys) > 1:
            yield error(
                "sources",
                f"{uri} {suite} is named more than once with different keys (Signed-By), so every command of apt fails",
                "; ".join(sorted(f"{s.path}: {s.signed_by[:60] or 'no key'}" for s in group)),
                lines("Keep the right one; to be without the last:", _away((group[-1],))),
            )


def _without_key(all_of: tuple[Source, ...], missing: tuple[str, ...]) -> Iterator[Finding]:
    for key in missing:
        users = tuple(s for s in all_of if key in re.split(r"[\s,]+", s.signed_by))
        if users:
            yield error(
                "sources",
                f"the key of a source is not there, so that apt refuses {users[0].uri}",
                f"{', '.join(_files(users))} names {key}",
                lines("Bring the key back as that repository's own instructions say, or do without it:", _away(users)),
            )


def _moved(all_of: tuple[Source, ...], today: date | None) -> Iterator[Finding]:
    """Releases are taken from the usual servers some time after their end."""
    for path, old, new in sorted({(s.path, *where) for s in all_of if (where := _new_place(s, today))}):
        yield error(
            "sources",
            f"{old} does not have this release any more; it is on {new}",
            path,
            lines(
                as_root(f"sed -i 's#//{old}#//{new}#' {path} && apt-get update"), "An upgrade of the system is the better way."
            ),
        )


def _new_place(source: Source, today: date | None) -> tuple[str, str] | None:
    server, codename = _server(source), re.split(r"[-/]", source.suite)[0]
    if server.endswith("ubuntu.com") and server != "old-releases.ubuntu.com" and codename in INTERIM:
        ended = today is not None and today > ENDS[("ubuntu", codename)]
        return (server, "old-releases.ubuntu.com") if ended else None
    if codename not in ARCHIVED:
        return None
    if server.endswith(("raspbian.org", "raspbian.raspberrypi.org")) and server != "legacy.raspbian.org":
        return server, "legacy.raspbian.org"
    if server.endswith("debian.org") and server != "archive.debian.org":
        return server, "archive.debian.org"
    return None


def _server(source: Source) -> str:
    try:
        return urlsplit(source.uri).hostname or ""
    except ValueError:
        return ""


def _files(found: tuple[Source, ...]) -> list[str]:
    return sorted({s.path for s in found})


def _away(found: tuple[Source, ...]) -> str:
    """Files in sources.list.d are renamed, and apt passes over them (sources.list(5)); in sources.list it is some lines."""
    return lines(*dict.fromkeys(map(_without, found)))


def _without(source: Source) -> str:
    if source.path != "/etc/apt/sources.list":
        return as_root(words("mv", source.path, f"{source.path}.disabled"))
    return as_root(words("sed", "-i", f"s|^deb .*{source.uri}|# &|", source.path))
