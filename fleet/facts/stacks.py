"""Stacks on a host: the files that fleet has put there, what ran when they were last in order, and what runs now."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from fleet.facts.daemon import GET
from fleet.facts.limits import HELD, read_held
from fleet.formats.limits import Limits
from fleet.model import Probe

FOLDER = "/opt/fleet/stacks"
SECRETS = "/run/fleet/secrets"
"""In memory (file-hierarchy(7)): gone at a reboot, and never on a disk."""
MANIFEST = ".fleet"
"""In a stack's folder: its files and secrets by name, and the containers of its last successful start with their images."""
BACK = "fleet.back.yml"
"""Among a stack's files when it went back, and a name of an image has come to stand for another one since."""

_PROJECT, _SERVICE, _HASH = (f"com.docker.compose.{word}" for word in ("project", "service", "config-hash"))
"""Labels that Compose gives its containers (docker/compose, pkg/api/labels.go)."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a stack, in the Engine API's words: State; health is empty without a health check.

    ``image`` is the ID of the image that it was made from, and ``held`` what its control groups hold it to.
    """

    service: str
    hash: str
    state: str
    health: str = ""
    held: Limits | None = None
    image: str = ""

    @property
    def essence(self) -> tuple[str, str, str]:
        """What the manifest says of it."""
        return self.service, self.hash, self.state


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack. ``expected`` is empty and ``is_whole`` False when its last start was not a success.

    ``since`` is when it was started as it is, ``kept`` when the good one was that can be gone back to (0: there is none),
    in seconds of the Unix epoch, as the host's clock had it.
    """

    name: str
    files: tuple[tuple[str, str], ...] = ()
    expected: tuple[tuple[str, str, str], ...] = ()
    containers: tuple[Container, ...] = ()
    secrets: tuple[str, ...] = ()
    is_whole: bool = False
    since: int = 0
    kept: int = 0

    def content(self, file: str) -> str | None:
        """The content of one of its files."""
        return dict(self.files).get(file)

    def of(self, service: str) -> tuple[Container, ...]:
        """The containers of one of its services."""
        return tuple(container for container in self.containers if container.service == service)


@dataclass(frozen=True, slots=True)
class Stacks:
    """All stacks of a host, and the projects of Compose that are not fleet's."""

    found: tuple[Stack, ...] = ()

    def find(self, name: str) -> Stack | None:
        """The stack of that name."""
        return next((stack for stack in self.found if stack.name == name), None)

    def but(self, name: str, stack: Stack | None) -> Stacks:
        """With this one in place of the one of that name."""
        others = tuple(each for each in self.found if each.name != name)
        return Stacks((*others, stack) if stack else others)


def read_stacks(text: str) -> Stacks:
    """Read the answer of the probe ``stacks``."""
    found: dict[str, Stack] = {}
    groups: dict[str, Limits] = {}
    containers: list[Any] = []
    for line in text.split("\n"):
        word, *values = line.split("\t")
        match word, values:
            case "stack", [name]:
                found[name] = Stack(name)
            case "manifest", [name, content]:
                found[name] = replace(found[name], expected=_expected(_plain(content)), is_whole=True)
            case "since", [name, moment]:
                found[name] = replace(found[name], since=int(moment))
            case "kept", [name, moment]:
                found[name] = replace(found[name], kept=int(moment))
            case "file", [name, file, content]:
                found[name] = replace(found[name], files=(*found[name].files, (file, _plain(content))))
            case "secret", [name, secret]:
                found[name] = replace(found[name], secrets=(*found[name].secrets, secret))
            case "group", [container, *said]:
                groups[container] = read_held(dict(part.partition("=")[::2] for part in said))
            case "containers", [listed]:
                containers += json.loads(listed)
    for name, stack in found.items():
        own = [_container(each, groups) for each in containers if _is_of(each, name)]
        found[name] = replace(stack, containers=tuple(sorted(own, key=lambda each: each.essence)))
    return Stacks(tuple(found.values()))


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _expected(manifest: str) -> tuple[tuple[str, str, str], ...]:
    rows = [tuple(line.split(" ")[1:]) for line in manifest.splitlines() if line.startswith("container ")]
    return tuple(sorted((row[0], row[1], row[2]) for row in rows if len(row) >= 3))


def _is_of(said: dict[str, Any], name: str) -> bool:
    labels = said.get("Labels") or {}
    return labels.get(_PROJECT) == name and labels.get("com.docker.compose.oneoff") != "True"


def _container(said: dict[str, Any], groups: dict[str, Limits]) -> Container:
    """One item of the answer to GET /containers/json; health stands in brackets in Status there."""
    labels = said.get("Labels") or {}
    health = re.search(r"\((healthy|unhealthy|health: starting)\)", str(said.get("Status", "")))
    return Container(
        service=str(labels.get(_SERVICE, "")),
        hash=str(labels.get(_HASH, "")),
        state=str(said.get("State", "")),
        health=health[1].rpartition(" ")[2] if health else "",
        held=groups.get(str(said.get("Id"))),
        image=str(said.get("ImageID", "")),
    )


_ASK = rf"""
sub plain {{ my $t = shift; $t =~ s{{([\\\t\n\r\0])}}{{sprintf "\\%03o", ord $1}}ge; $t }}
sub slurp {{ local (@ARGV, $/) = (shift); -f $ARGV[0] ? scalar(<>) : undef }}
my @names = map {{ m{{/([a-z0-9][a-z0-9_-]*)$}} ? $1 : () }} glob "{FOLDER}/*";
my @known;
for my $name (@names) {{
  my $folder = "{FOLDER}/$name";
  my $manifest = slurp("$folder/{MANIFEST}") // slurp("$folder/{MANIFEST}.tried") // next;
  push @known, $name;
  print "stack\t$name\n";
  print "manifest\t$name\t", plain($manifest), "\n" if -f "$folder/{MANIFEST}";
  for my $row ([since => "{MANIFEST}"], [kept => ".previous/manifest"]) {{
    my $moment = (stat "$folder/$row->[1]")[9];
    print "$row->[0]\t$name\t$moment\n" if $moment;
  }}
  for my $file ($manifest =~ /^file (.+)$/mg) {{
    my $text = slurp("$folder/$file");
    print "file\t$name\t$file\t", plain($text), "\n" if defined $text;
  }}
  for my $place ("{SECRETS}/$name", "$folder/.secrets") {{
    print "secret\t$name\t", m{{([^/]+)$}}, "\n" for glob "$place/*";
  }}
}}
exit unless @known && ($ARGV[0] // "") eq "up";
my $all = "";
for my $name (@known) {{
  my ($head, $list) = get("/containers/json?all=1&filters=%7B%22label%22%3A%5B%22{_PROJECT}%3D$name%22%5D%7D");
  print "containers\t$list\n" if $list;
  $all .= $list;
}}
for my $id ($all =~ /"Id":"([0-9a-f]{{64}})","Names":/g) {{
  my ($pid) = (get("/containers/$id/json"))[1] =~ /"Pid":([1-9]\d*)/ or next;
  my %held = all_held($pid) or next;
  print join("\t", "group", $id, map {{ "$_=$held{{$_}}" }} sort keys %held), "\n";
}}
"""
"""Like the probe of the daemon: perl is on every Debian, and one process asks all."""

STACKS = Probe(
    name="stacks",
    script=rf"""
if [ -d {FOLDER} ]; then
p=; read -r p </var/run/docker.pid; [ -n "$p" ] && [ -d "/proc/$p" ] && p=up
perl -e '{GET}{HELD}{_ASK}' -- "$p" </dev/null
fi
""",
    parse=read_stacks,
    unknown=Stacks(),
    as_root=True,
)
