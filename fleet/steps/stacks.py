"""Compose stacks run on the host as their files say: unchanged, healthy, and within the limits that are written there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fleet.facts.cmdline import CMDLINE
from fleet.facts.daemon import DAEMON
from fleet.facts.stacks import STACKS, Stack
from fleet.facts.uses import USES, needed
from fleet.model import Action, Blocked, Change, Facts, Fed, Query, Run, Satisfied, Situation, Step, Unavailable, Verdict
from fleet.queries import ImageQuery, SecretQuery
from fleet.shell import diff_lines
from fleet.steps.images import refused
from fleet.steps.memory import is_on
from fleet.steps.platform import platform
from fleet.steps.pulling import PULL_SECONDS
from fleet.steps.stack_drift import drift, is_renewed, loose
from fleet.steps.stack_files import files_of, missing, names_of, of_registries, pinnable, what_images_are
from fleet.steps.stack_options import SecretOptions, StackOptions, StacksOptions
from fleet.steps.stack_scripts import deploy, remove

_SLACK = 60
"""Seconds beyond those for pulling and for health, twice: a start that fails is followed by the one that goes back."""
S = Situation[StacksOptions]


class StacksStep(Step[StacksOptions]):
    """Compares files and running containers with the recipe; what is deployed goes back by itself if it gets not healthy."""

    name = "stacks"
    title = "stacks of containers"
    requires = ("service", "compose")
    probes = (STACKS, DAEMON, CMDLINE)
    paths = (("*", "file"), ("*", "files", "*"), ("*", "secrets", "*", "file"))
    options = StacksOptions

    def queries(self, facts: Facts, options: StacksOptions) -> tuple[Query[Any], ...]:
        """The marks of the secrets, and what the images are; those that are locked are known already."""
        present = [stack for stack in options.named.values() if stack.state == "present"]
        secrets = [SecretQuery(*secret.source) for stack in present for secret in stack.secrets.values()]
        return (*secrets, *(ImageQuery(image) for stack in present for image in of_registries(facts, stack)))

    def images(self, options: StacksOptions) -> tuple[str, ...]:
        """The images of all stacks, as far as the file itself does not name the platform."""
        present = [stack for stack in options.named.values() if stack.state == "present"]
        return tuple(dict.fromkeys(image for stack in present for image in pinnable(stack)))

    def verdict(self, situation: S) -> Verdict:
        """All of them in one verdict; the first that can't be stands for all."""
        facts, options = situation.facts, situation.options
        changes: list[Change] = []
        for name, stack in options.named.items():
            there = facts[STACKS].find(name)
            found = _removal(name, there) if stack.state == "absent" else _one(situation, name, stack, there)
            if isinstance(found, Blocked):
                return found
            if found:
                changes.append(found)
        if changes:
            return _together(changes)
        return Satisfied(", ".join(_in_words(name, stack) for name, stack in options.named.items()) or "none asked for")


def _in_words(name: str, stack: StackOptions) -> str:
    return f"{name} is {'away' if stack.state == 'absent' else 'as wanted'}"


def _together(changes: list[Change]) -> Change:
    def after(facts: Facts) -> Facts:
        for change in changes:
            facts = change.after(facts)
        return facts

    return Change(
        "; ".join(change.why for change in changes),
        tuple(action for change in changes for action in change.actions),
        diff="\n".join(change.diff for change in changes if change.diff),
        after=after,
    )


def _one(situation: S, name: str, stack: StackOptions, there: Stack | None) -> Change | Blocked | None:
    """What one stack needs: nothing, a deployment, or something that no deployment can do."""
    facts = situation.facts
    marks = _marks(situation, stack)
    if isinstance(marks, Blocked):
        return marks
    images = what_images_are(situation, stack)
    files = files_of(name, stack, marks, images)
    why = drift(facts, there, stack, files, images)
    if not why:
        return None
    cannot = _unkeepable(facts, name, stack) or next(filter(None, _refusals(situation, stack)), None)
    if cannot:
        return cannot
    change = _deployment(facts, name, stack, there, files, marks, why)
    renewed = there is not None and there.is_whole and is_renewed(facts, there, stack, files, images)
    names = [name for service in stack.compose.services for name in names_of(service, images)]

    def after(later: Facts) -> Facts:
        later = needed(change.after(later), *names)
        return later.but(USES, later[USES].redeployed(name)) if renewed else later

    return replace(change, after=after)


# ── what it is to be ─────────────────────────────────────────────────────────────────────────────────────────────────


def _marks(situation: S, stack: StackOptions) -> dict[str, str] | Blocked:
    """The marks of a stack's secrets by name, or why there is none."""
    marks: dict[str, str] = {}
    for name, secret in stack.secrets.items():
        found = situation.catalog[SecretQuery(*secret.source)]
        if isinstance(found, Unavailable):
            return Blocked(found.why, found.hint)
        marks[name] = found.mark
    return marks


# ── what can't be ────────────────────────────────────────────────────────────────────────────────────────────────────


def _refusals(situation: S, stack: StackOptions) -> Iterator[Blocked | None]:
    for image in missing(situation.facts, stack):
        yield refused(situation, image)


_PI = (
    "On a Raspberry Pi take the recipe pi (--recipe pi --allow-reboot), or put `memory: {}` into yours;"
    " elsewhere, take the limit out."
)


def _unkeepable(facts: Facts, name: str, stack: StackOptions) -> Blocked | None:
    """A limit that this kernel would silently not keep: Docker starts the container without it, and only warns."""
    limited = [service.name for service in stack.compose.services if service.limits.memory]
    if not limited or is_on(facts):
        return None
    return Blocked(f"{name}: the memory limit of {limited[0]} would not be kept, since the host's memory controller is off", _PI)


# ── what is done ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _deployment(
    facts: Facts,
    name: str,
    stack: StackOptions,
    there: Stack | None,
    files: Mapping[str, str],
    marks: Mapping[str, str],
    why: str,
) -> Change:
    anew = [c.service for c in there.containers if c.health == "unhealthy"] if there else []
    anew += [service for service, _ in loose(there, stack)] if there else []
    names = [service.name for service in stack.compose.services]
    wanted = platform(facts).image_platform
    script = deploy(
        name,
        {file: (content, 0o600 if file == ".env" else 0o644) for file, content in files.items()},
        tuple(marks),
        seconds=stack.timeout,
        platform=wanted if wanted.startswith("linux/arm/") else "",
        persist=stack.persist,
        again=[service for service in names if service in anew],
    )
    fed = tuple(_fed(secret, stack.secrets[secret], mark) for secret, mark in marks.items())
    seconds = PULL_SECONDS + 2 * (stack.timeout + _SLACK)
    actions: tuple[Action, ...] = (Run(f"deploy the stack {name}", script, timeout=seconds, secrets=fed),)
    whole = Stack(name, tuple(files.items()), secrets=tuple(marks), is_whole=True)
    return Change(
        f"{name}: {why}",
        actions,
        diff="\n".join(_diffs(name, there, files)),
        after=lambda later: later.but(STACKS, later[STACKS].but(name, whole)),
    )


def _fed(name: str, secret: SecretOptions, mark: str) -> Fed:
    return Fed(name, *secret.source, mark)


def _diffs(name: str, there: Stack | None, files: Mapping[str, str]) -> Iterator[str]:
    old = dict(there.files) if there else {}
    for file in {**files, **old}:
        before, after = old.get(file, "").splitlines(), files.get(file, "").splitlines()
        if before != after:
            yield diff_lines(before, after, f"{name}/{file}")


def _removal(name: str, there: Stack | None) -> Change | None:
    if there is None:
        return None
    return Change(
        f"{name}: take it away (volumes stay)",
        (Run(f"take down the stack {name}", remove(name), timeout=600),),
        after=lambda later: later.but(STACKS, later[STACKS].but(name, None)).but(USES, later[USES].removed(name)),
    )
