"""apt sources by which `apt-get update` breaks, now or as soon as Docker's is added."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlsplit

from fleet.doctor.releases import ARCHIVED, ENDS, INTERIM
from fleet.doctor.system import TODAY
from fleet.doctor.words import as_root, error, lines, note
from fleet.facts.sources import SOURCES, Source, read_source_file
from fleet.model import Facts, Finding, Probe
from fleet.shell import quote, words


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
    """The first key that is named for a suite holds for it, and every other is a conflict (apt-pkg,
    debReleaseIndex::SetSignedBy); that a later one names none is one too for apt 2.6, and none for apt 3.0."""
    first: dict[tuple[str, str], Source] = {}
    for source in sorted(all_of, key=_reading_order):
        before = first.get((source.uri, source.suite))
        if before is None or not before.signed_by:
            first[(source.uri, source.suite)] = source
        elif source.signed_by != before.signed_by:
            make, who = (error, "every command of apt fails") if source.signed_by else (note, "older versions of apt fail")
            yield make(
                "sources",
                f"{source.uri} {source.suite} is named twice with different keys (Signed-By), so that {who}",
                "; ".join(f"{s.path}: {s.signed_by[:60] or 'no key'}" for s in (before, source)),
                lines("Keep the right one; to be without the second:", _away((source,))),
            )


def _reading_order(source: Source) -> tuple[bool, str]:
    return source.path != "/etc/apt/sources.list", source.path


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
                as_root(f"sed -i 's#//{old}#//{new}#' {quote(path)} && apt-get update"),
                "An upgrade of the system is the better way.",
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
