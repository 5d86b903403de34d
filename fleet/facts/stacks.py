"""Stacks on a host: the files that fleet has put there, what ran when they were last in order, and what runs now."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from fleet.model import Probe

FOLDER = "/opt/fleet/stacks"
SECRETS = "/run/fleet/secrets"
"""In memory (file-hierarchy(7)): gone at a reboot, and never on a disk."""
MANIFEST = ".fleet"
"""In a stack's folder: its files by name, and the containers of its last successful start."""

_PROJECT, _SERVICE, _HASH = (f"com.docker.compose.{word}" for word in ("project", "service", "config-hash"))
"""Labels that Compose gives its containers (docker/compose, pkg/api/labels.go)."""
_UNLIMITED = 1 << 60
"""A memory limit of version 1 control groups that is none: the largest number of pages (kernel, memory.rst)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the control groups of a container really hold it to; None stands for no limit."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a stack, in the Engine API's words: State; health is empty without a health check."""

    service: str
    hash: str
    state: str
    health: str = ""
    kept: Kept | None = None

    @property
    def essence(self) -> tuple[str, str, str]:
        """What the manifest says of it."""
        return self.service, self.hash, self.state


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack. ``expected`` is empty and ``is_whole`` False when its last start was not a success."""

    name: str
    files: tuple[tuple[str, str], ...] = ()
    expected: tuple[tuple[str, str, str], ...] = ()
    containers: tuple[Container, ...] = ()
    secrets: tuple[str, ...] = ()
    is_whole: bool = False

    def content(self, file: str) -> str | None:
        """The content of one of its files."""
        return dict(self.files).get(file)


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
    groups: dict[str, str] = {}
    containers: list[Any] = []
    for line in text.split("\n"):
        word, *values = line.split("\t")
        match word, values:
            case "stack", [name]:
                found[name] = Stack(name)
            case "manifest", [name, content]:
                found[name] = replace(found[name], expected=_expected(_plain(content)), is_whole=True)
            case "file", [name, file, content]:
                found[name] = replace(found[name], files=(*found[name].files, (file, _plain(content))))
            case "secret", [name, secret]:
                found[name] = replace(found[name], secrets=(*found[name].secrets, secret))
            case "group", [container, content]:
                groups[container] = _plain(content)
            case "containers", [said]:
                containers += json.loads(said)
    for name, stack in found.items():
        own = [_container(each, groups) for each in containers if _is_of(each, name)]
        found[name] = replace(stack, containers=tuple(sorted(own, key=lambda each: each.essence)))
    return Stacks(tuple(found.values()))


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _expected(manifest: str) -> tuple[tuple[str, str, str], ...]:
    rows = [tuple(line.split(" ")[1:]) for line in manifest.splitlines() if line.startswith("container ")]
    return tuple(sorted((row[0], row[1], row[2]) for row in rows if len(row) == 3))


def _is_of(said: dict[str, Any], name: str) -> bool:
    labels = said.get("Labels") or {}
    return labels.get(_PROJECT) == name and labels.get("com.docker.compose.oneoff") != "True"


def _container(said: dict[str, Any], groups: dict[str, str]) -> Container:
    """One item of the answer to GET /containers/json; health stands in brackets in Status there."""
    labels = said.get("Labels") or {}
    health = re.search(r"\((healthy|unhealthy|health: starting)\)", str(said.get("Status", "")))
    group = groups.get(str(said.get("Id")))
    return Container(
        service=str(labels.get(_SERVICE, "")),
        hash=str(labels.get(_HASH, "")),
        state=str(said.get("State", "")),
        health=health[1].rpartition(" ")[2] if health else "",
        kept=read_kept(group) if group is not None else None,
    )


def read_kept(text: str) -> Kept:
    """Read the files of a control group, ``name=first line`` each: of version 2 (kernel, cgroup-v2.rst) or version 1."""
    said = dict(line.partition("=")[::2] for line in text.splitlines())
    memory = _number(said.get("memory.max") or said.get("memory.limit_in_bytes"))
    quota, _, period = said.get("cpu.max", "").partition(" ")
    quota, period = quota or said.get("cpu.cfs_quota_us", ""), period or said.get("cpu.cfs_period_us", "")
    time, of = _number(quota), _number(period)
    return Kept(
        memory=memory if memory is not None and memory < _UNLIMITED else None,
        cpus=time / of if time and of else None,
        pids=_number(said.get("pids.max")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


_ASK = rf"""
$| = 1; alarm 15;
sub plain {{ my $t = shift; $t =~ s{{([\\\t\n\r\0])}}{{sprintf "\\%03o", ord $1}}ge; $t }}
sub slurp {{ local (@ARGV, $/) = (shift); -f $ARGV[0] ? scalar(<>) : undef }}
sub get {{
  my $s;
  socket($s, 1, 1, 0) && connect($s, pack("Sa108", 1, "/var/run/docker.sock")) or return "";
  syswrite $s, "GET $_[0] HTTP/1.0\r\nHost: docker\r\n\r\n";
  local $/; my ($head, $body) = split /\r\n\r\n/, <$s> // "", 2;
  $body =~ tr/\r\n\t//d;
  return $head =~ m{{^HTTP/1\.\d 200 }} ? $body : "";
}}
my @names = map {{ m{{/([a-z0-9][a-z0-9_-]*)$}} ? $1 : () }} glob "{FOLDER}/*";
my @known;
for my $name (@names) {{
  my $folder = "{FOLDER}/$name";
  my $manifest = slurp("$folder/{MANIFEST}") // slurp("$folder/{MANIFEST}.tried") // next;
  push @known, $name;
  print "stack\t$name\n";
  print "manifest\t$name\t", plain($manifest), "\n" if -f "$folder/{MANIFEST}";
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
  my $list = get("/containers/json?all=1&filters=%7B%22label%22%3A%5B%22{_PROJECT}%3D$name%22%5D%7D");
  print "containers\t$list\n" if $list;
  $all .= $list;
}}
for my $id ($all =~ /"Id":"([0-9a-f]{{64}})","Names":/g) {{
  my ($pid) = get("/containers/$id/json") =~ /"Pid":([1-9]\d*)/ or next;
  my $groups = slurp("/proc/$pid/cgroup") // next;
  my $said = "";
  for my $row ("memory memory.max memory.limit_in_bytes", "cpu cpu.max cpu.cfs_quota_us cpu.cfs_period_us", "pids pids.max") {{
    my ($controller, @files) = split / /, $row;
    my ($old) = $groups =~ /^\d+:(?:[^:\n]*,)?$controller(?:,[^:\n]*)?:(.*)$/m;
    my ($new) = $groups =~ /^0::(.*)$/m;
    my ($top, $path) = defined $old ? ("/sys/fs/cgroup/$controller", $old) : ("/sys/fs/cgroup", $new // "");
    $path =~ s{{^/[^/]+}}{{}} while $path && ! -d "$top$path";
    for my $file (@files) {{
      my $value = $path && slurp("$top$path/$file");
      $said .= "$file=$value" if $value;
    }}
  }}
  print "group\t$id\t", plain($said), "\n";
}}
"""
"""Like the probe of the daemon: perl is on every Debian, and one process asks all."""

STACKS = Probe(
    name="stacks",
    script=rf"""
if [ -d {FOLDER} ]; then
p=; read -r p </var/run/docker.pid; [ -n "$p" ] && [ -d "/proc/$p" ] && p=up
perl -e '{_ASK}' -- "$p" </dev/null
fi
""",
    parse=read_stacks,
    unknown=Stacks(),
    as_root=True,
)
