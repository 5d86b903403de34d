"""What the doctor found: a block for each host with findings, then a table of all hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet.console.stream import Stream, clean
from fleet.console.summary import tell_total
from fleet.console.words import columns, counted, duration, joined, marked, wrapped
from fleet.events import Report
from fleet.facts import named
from fleet.model import Finding, HostReport, Severity
from fleet.report import findings_of, result_of

WELL = "all well"
_TYPED = ("fleet ", "sudo ")
"""How a line of a remedy begins that is to be typed as it stands, so that it is not wrapped."""


def findings_in_short(findings: Sequence[Finding]) -> str:
    """2 errors, 1 note; or: all well."""
    numbers = {severity: sum(f.severity is severity for f in findings) for severity in Severity}
    told = [counted(number, str(severity)) for severity, number in numbers.items() if number]
    if not any(finding.is_wrong for finding in findings):
        return ", ".join((WELL, *told))
    return ", ".join(told)


def tell_findings(stream: Stream, report: Report) -> None:
    """Findings, the table, and the sum."""
    for host in report.hosts:
        if findings_of(host):
            stream.line("\n".join(_block(stream, host)) + "\n")
    for line in _table(stream, report):
        stream.line(line)
    stream.line()
    tell_total(stream, _total(report))


def _block(stream: Stream, host: HostReport) -> Iterator[str]:
    found = findings_of(host)
    yield f"{stream.paint(clean(host.host), 'bold')}: {findings_in_short(found)}"
    for finding in found:
        yield from marked(stream, str(finding.severity), f"{finding.check}: {finding.why}", "  ")
        yield from wrapped(f"evidence: {finding.evidence}", stream.width, "      ", "    ")
        yield from _remedy(stream, finding.remedy)


def _remedy(stream: Stream, remedy: str) -> Iterator[str]:
    head, *others = clean(remedy).split("\n") if remedy else ["none is known"]
    lead = f"    {stream.paint('remedy', 'remedy')}: "
    yield from [lead + head] if head.startswith(_TYPED) else marked(stream, "remedy", head, "    ")
    for line in others:
        yield from [f"      {line}"] if line.startswith(_TYPED) else wrapped(line, stream.width, "      ")


def _table(stream: Stream, report: Report) -> Iterator[str]:
    rows = [[h.host, findings_in_short(findings_of(h)), duration(h.seconds), _what(h)] for h in report.hosts]
    head, *lines = columns(("HOST", "FOUND", "TIME", "SYSTEM"), rows, right=(2,))
    yield stream.paint(joined(head), "bold")
    for host, cells in zip(report.hosts, lines, strict=True):
        cells[1] = stream.paint(cells[1], str(result_of(host)))
        yield joined(cells)


def _what(host: HostReport) -> str:
    facts = named(host.facts) if host.facts else {}
    return f"{facts.get('distro') or '-'} {facts.get('codename') or ''} {facts.get('architecture') or ''}".rstrip()


def _total(report: Report) -> str:
    """doctor: 3 hosts in 1.2s: 2 all well, 1 not (2 errors, 1 warning)."""
    ill = [h for h in report.hosts if any(f.is_wrong for f in findings_of(h))]
    lead = f"doctor: {counted(len(report.hosts), 'host')} in {duration(report.seconds)}: "
    stopped = "; interrupted" if report.interrupted else ""
    if not ill:
        return f"{lead}{WELL}{stopped}."
    found = findings_in_short([f for h in ill for f in findings_of(h) if f.is_wrong])
    well = len(report.hosts) - len(ill)
    return f"{lead}{f'{well} {WELL}, {len(ill)} not' if well else 'none well'} ({found}){stopped}."
