"""Plans for people: what would change and why, hosts with equal plans together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet.console.stream import Stream, clean
from fleet.console.words import counted, marked, wrapped
from fleet.model import (
    Blocked,
    Change,
    Plan,
    Planned,
    Satisfied,
    Skipped,
    Verdict,
    title_of,
)


def tell_plans(stream: Stream, plans: Sequence[Plan], *, verbose: int = 0, diff: bool = False) -> None:
    """Print plans, those of which the same is to be said as one."""
    together: dict[tuple[str, ...], list[str]] = {}
    for plan in plans:
        together.setdefault(tuple(_said(stream, plan, verbose, diff)), []).append(plan.host)
    for number, ((head, *steps), hosts) in enumerate(together.items()):
        if number:
            stream.line()
        for line in wrapped(f"{', '.join(hosts)}: {head}", stream.width, "  ", ""):
            stream.line(stream.paint(line, "bold"))
        for line in steps:
            stream.line(line)


def _said(stream: Stream, plan: Plan, verbose: int, diff: bool) -> Iterator[str]:
    """A head, then a line a step; satisfied steps only when asked for or when they warn, skipped ones together by reason."""
    yield f"{in_short(plan)} (recipe {plan.recipe})"
    width = max((len(step.step) for step in plan.steps), default=0)
    skipped: dict[str, list[str]] = {}
    for step in plan.steps:
        if isinstance(step.verdict, Skipped):
            skipped.setdefault(step.verdict.why, []).append(step.step)
        elif verbose or not isinstance(step.verdict, Satisfied) or step.verdict.warnings:
            yield from _step_lines(stream, step, width, verbose, diff)
    for name, why in plan.unmet if verbose else ():
        yield from wrapped(f"not for this host: {name}: {why}", stream.width, " " * 11, " " * 11)
    for why, names in skipped.items():
        first, *others = wrapped(f"{', '.join(names)}: {why}", stream.width, " " * 11, "  skipped  ")
        yield first.replace("skipped", stream.paint("skipped", "skipped"), 1)
        yield from others


def in_short(plan: Plan) -> str:
    """5 changes, 1 blocked."""
    blocked = f", {len(plan.blocked)} blocked" if plan.blocked else ""
    return f"{counted(len(plan.changes), 'change')}{blocked}"


def _step_lines(stream: Stream, step: Planned, width: int, verbose: int, diff: bool) -> Iterator[str]:
    word, style = _word(step.verdict)
    lead = f"  {word:<7}  {step.step:<{width}}  "
    indent = " " * len(lead)
    first, *others = wrapped(step.verdict.why, stream.width, indent, lead)
    yield first.replace(word, stream.paint(word, style), 1)
    yield from others
    if isinstance(step.verdict, Blocked):
        yield from marked(stream, "hint", step.verdict.hint, indent)
    if isinstance(step.verdict, Change):
        if verbose:
            for action in step.verdict.actions:
                yield from wrapped(title_of(action), stream.width, f"{indent}  ", f"{indent}> ")
        if diff and step.verdict.diff:
            yield from (indent + painted_diff(stream, line) for line in step.verdict.diff.splitlines())
    if isinstance(step.verdict, Change | Satisfied):
        for warning in step.verdict.warnings:
            yield from marked(stream, "warning", warning, indent)


def _word(verdict: Verdict) -> tuple[str, str]:
    match verdict:
        case Change():
            return "change", "change"
        case Blocked():
            return "blocked", "blocked"
        case Skipped():
            return "skipped", "skipped"
        case Satisfied():
            return "ok", "ok"


def painted_diff(stream: Stream, line: str) -> str:
    """A line of a unified diff in its colour."""
    styles = {"+": "added", "-": "removed", "@": "dim"}
    text = clean(line)
    return stream.paint(text, styles[text[0]]) if text[:1] in styles else text
