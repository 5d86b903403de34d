"""Limits of running containers: those that Docker says it has set, beside those that the kernel really holds them to.

Where a controller is missing, `docker run -m` exits with 0 and the limit is dropped: inspect says 0 then, and only the
control group tells. Files: Linux, admin-guide/cgroup-v2 and cgroup-v1 (memory, cpu, pids).
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.facts.daemon import GET
from fleet.model import Probe

_PAGE = 1 << 16
"""The kernel rounds memory down to a page; the largest of ARM has 64 KiB."""
_UNLIMITED = 1 << 62
"""Version 1 control groups say this and more for no limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``memory`` in bytes, ``cpus`` as a number of processors, ``pids`` as a number of processes; None: no limit."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None


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


def not_held(wanted: Limits, held: Limits) -> tuple[str, ...]:
    """What is wanted and not so, each in a few words: ``memory: 64 MiB wanted, none in force``. Empty when all is kept."""
    pairs = (
        ("memory", wanted.memory, held.memory, _PAGE),
        ("cpus", wanted.cpus, held.cpus, 0.01),
        ("pids", wanted.pids, held.pids, 0.5),
    )
    return tuple(
        f"{name}: {_shown(name, want)} wanted, {_shown(name, have)} in force"
        for name, want, have, slack in pairs
        if want is not None and (have is None or abs(want - have) >= slack)
    )


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value / (1 << 20):.3g} MiB" if name == "memory" and value < 1 << 30 else _large(name, value)


def _large(name: str, value: float) -> str:
    return f"{value / (1 << 30):.3g} GiB" if name == "memory" else f"{value:g}"


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
    quota, period = [*row.get("held_cpu", "").split(), "", ""][:2]
    held = Limits(
        memory=_number(row.get("held_memory", "")),
        cpus=_ratio(quota, period),
        pids=_number(row.get("held_pids", "")),
    )
    return Limited(row["name"], asked, held, row.get("project", ""), row.get("service", ""))


def _number(text: str) -> int | None:
    """A limit; 0, -1, ``max`` and the largest numbers are none."""
    number = int(text) if text.isdecimal() else 0
    return number if 0 < number < _UNLIMITED else None


def _ratio(quota: str, period: str) -> float | None:
    """Processors, of microseconds in each period (100 000 where it is not said)."""
    part, whole = _number(quota), _number(period) or 100_000
    return part / whole if part else None


_ASK = r"""
sub field { return $_[0] =~ /(?<!\\)"$_[1]":\s*"?([^",}]*)/ ? $1 : "" }
sub line { open(my $f, "<", $_[0]) or return; my $l = <$f> // ""; chomp $l; return $l }
sub held {
  my ($pid, $id, $controller, $new, @old) = @_;
  open(my $f, "<", "/proc/$pid/cgroup") or return "";
  for (<$f>) {
    chomp; my (undef, $names, $path) = split /:/, $_, 3;
    my $folder = $names eq "" ? "" : "/$controller";
    next unless $names eq "" || ",$names," =~ /,$controller,/;
    my @files = $names eq "" ? $new : @old;
    for my $try ($path, $path =~ m{(/[^/]+/[^/]*$id.*)$} ? $1 : ()) {
      my @said = map { line("/sys/fs/cgroup$folder$try/$_") } @files;
      return join " ", @said if defined $said[0];
    }
  }
  return "";
}
for my $id ((get("/containers/json"))[1] =~ /"Id":"([0-9a-f]{64})","Names":/g) {
  my $c = (get("/containers/$id/json"))[1] or next;
  my ($state) = $c =~ /"State":\{(.*?)\}/; my $pid = field($state // "", "Pid") || 0;
  my ($limits) = $c =~ /(?<!\\)"HostConfig":(.*)/; $limits //= "";
  my %said = (
    name => $c =~ m{"Name":"/([\w.-]+)","RestartCount"} ? $1 : substr($id, 0, 12),
    memory => field($limits, "Memory"), nano => field($limits, "NanoCpus"), quota => field($limits, "CpuQuota"),
    period => field($limits, "CpuPeriod"), pids => field($limits, "PidsLimit"),
    project => field($c, "com.docker.compose.project"), service => field($c, "com.docker.compose.service"),
    held_memory => held($pid, $id, "memory", "memory.max", "memory.limit_in_bytes"),
    held_cpu => held($pid, $id, "cpu", "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"),
    held_pids => held($pid, $id, "pids", "pids.max", "pids.max"),
  );
  print join("\t", map { "$_=$said{$_}" } sort keys %said), "\n";
}
"""

_NONE: tuple[Limited, ...] = ()

# Docker's socket is systemd's: to ask there while the daemon is down would start it.
LIMITS = Probe(
    name="limits",
    script=f"""
if [ -S /var/run/docker.sock ]; then
p=; read -r p </var/run/docker.pid
[ -n "$p" ] && [ -d "/proc/$p" ] && perl -e '{GET}{_ASK}' </dev/null
fi
""",
    parse=read_limits,
    unknown=_NONE,
    as_root=True,
)
