"""Limits of running containers: those that Docker says it has set, beside those that the kernel really holds them to.

Where a controller is missing, `docker run -m` exits with 0 and the limit is dropped: inspect says 0 then, and only the
control group tells. Files: Linux, admin-guide/cgroup-v2 and cgroup-v1 (memory, cpu, pids).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.facts.daemon import where_it_runs
from fleet.formats.limits import Limits
from fleet.model import Probe

_UNLIMITED = 1 << 62
"""Version 1 control groups say this and more for no limit."""


@dataclass(frozen=True, slots=True)
class Limited:
    """A running container: what Docker says (``asked``) and what its control group says (``held``).

    ``project`` and ``service`` are those of Compose, by its labels (compose-spec; docker/compose, pkg/api/labels.go).
    """

    name: str
    asked: Limits
    held: Limits
    project: str = ""
    service: str = ""


def read_limits(text: str) -> tuple[Limited, ...]:
    """Read the answer of the probe ``limits``: a line a container, of ``key=value`` parted by tabs."""
    rows = (dict(part.partition("=")[::2] for part in line.split("\t")) for line in text.splitlines() if line)
    return tuple(_limited(row) for row in rows if "name" in row)


def _limited(row: dict[str, str]) -> Limited:
    nano = _number(row.get("nano", ""))
    asked = Limits(
        memory=_number(row.get("memory", "")),
        cpus=nano / 1e9 if nano else _ratio(row.get("quota", ""), row.get("period", "")),
        pids=_number(row.get("pids", "")),
    )
    return Limited(row["name"], asked, read_held(row), row.get("project", ""), row.get("service", ""))


def read_held(row: Mapping[str, str]) -> Limits:
    """What `HELD` tells of a control group of version 2 (cgroup-v2.rst) or version 1 (cgroup-v1/memory.rst, sched-bwc.rst)."""
    quota, period = [*row.get("held_cpu", "").split(), "", ""][:2]
    return Limits(
        memory=_number(row.get("held_memory", "")),
        cpus=_ratio(quota, period),
        pids=_number(row.get("held_pids", "")),
    )


def _number(text: str) -> int | None:
    """A limit; 0, -1, ``max`` and the largest numbers are none."""
    number = int(text) if text.isdecimal() else 0
    return number if 0 < number < _UNLIMITED else None


def _ratio(quota: str, period: str) -> float | None:
    """Processors, of microseconds in each period (100 000 where it is not said)."""
    part, whole = _number(quota), _number(period) or 100_000
    return part / whole if part else None


HELD = r"""
sub line { open(my $f, "<", $_[0]) or return; my $l = <$f> // ""; chomp $l; return $l }
sub held {
  my ($groups, $controller, $new, @old) = @_;
  my ($one) = $groups =~ /^\d+:(?:[^:\n]*,)?$controller(?:,[^:\n]*)?:(.*)$/m;
  my ($two) = $groups =~ /^0::(.*)$/m;
  my ($top, $path, @files) = defined $one ? ("/sys/fs/cgroup/$controller", $one, @old) : ("/sys/fs/cgroup", $two // "", $new);
  $path =~ s{^/[^/]+}{} while $path && ! -d "$top$path";
  my @said = map { $path ? line("$top$path/$_") : () } @files;
  return join " ", map { $_ // "" } @said;
}
sub all_held {
  open(my $f, "<", "/proc/$_[0]/cgroup") or return ();
  my $groups = join "", <$f>;
  return (
    held_memory => held($groups, "memory", "memory.max", "memory.limit_in_bytes"),
    held_cpu => held($groups, "cpu", "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"),
    held_pids => held($groups, "pids", "pids.max", "pids.max"),
  );
}
"""
"""Perl: what the control groups of a process, by its number, hold it to; empty when there is no such process.

In a container's namespace the path begins elsewhere than the file system shows, so that its head is cut until it fits.
"""

_ASK = r"""
sub field { return $_[0] =~ /(?<!\\)"$_[1]":\s*"?([^",}]*)/ ? $1 : "" }
for my $id ((get("/containers/json"))[1] =~ /"Id":"([0-9a-f]{64})","Names":/g) {
  my $c = (get("/containers/$id/json"))[1] or next;
  my ($state) = $c =~ /"State":\{(.*?)\}/; my $pid = field($state // "", "Pid") || 0;
  my ($limits) = $c =~ /(?<!\\)"HostConfig":(.*)/; $limits //= "";
  my %held = all_held($pid) or next;
  my %said = (
    name => $c =~ m{"Name":"/([\w.-]+)","RestartCount"} ? $1 : substr($id, 0, 12),
    memory => field($limits, "Memory"), nano => field($limits, "NanoCpus"), quota => field($limits, "CpuQuota"),
    period => field($limits, "CpuPeriod"), pids => field($limits, "PidsLimit"),
    project => field($c, "com.docker.compose.project"), service => field($c, "com.docker.compose.service"),
    %held,
  );
  print join("\t", map { "$_=$said{$_}" } sort keys %said), "\n";
}
"""

_NONE: tuple[Limited, ...] = ()

LIMITS = Probe(
    name="limits",
    script=where_it_runs(HELD + _ASK),
    parse=read_limits,
    unknown=_NONE,
    as_root=True,
)
