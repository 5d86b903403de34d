"""Why a stack on a host is not what it is to be: its files, what runs, the images it runs, the limits it is held to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleet.facts.daemon import DAEMON
from fleet.facts.stacks import BACK, Container, Stack
from fleet.formats.limits import not_held
from fleet.model import Facts
from fleet.steps.stack_files import Pin, names_of
from fleet.steps.stack_options import StackOptions


def drift(facts: Facts, there: Stack | None, stack: StackOptions, files: Mapping[str, str], images: Mapping[str, Pin]) -> str:
    """Why the stack must be deployed; empty when it is as wanted."""
    return _why(there, files, stack) or ", ".join(_otherwise(facts, there, stack, images))


def _why(there: Stack | None, files: Mapping[str, str], stack: StackOptions) -> str:
    """Why the stack must be deployed, as far as its files tell; empty when they are as wanted."""
    if there is None:
        return f"deploy it ({', '.join(service.name for service in stack.compose.services)})"
    if not there.is_whole:
        return "its last deployment did not succeed: deploy it again"
    changed = [file for file in {**dict(there.files), **files} if there.content(file) != files.get(file)]
    if changed:
        return f"{', '.join(named(file) for file in changed)} changed"
    if set(stack.secrets) - set(there.secrets):
        return "its secrets are gone, as after a reboot: bring them again"
    return ""


def is_renewed(facts: Facts, there: Stack, stack: StackOptions, files: Mapping[str, str], images: Mapping[str, Pin]) -> bool:
    """True when its files or images become others, so that the host keeps what was; what is only mended is not kept."""
    return dict(there.files) != dict(files) or any(_outdated(facts, there, stack, images))


def named(file: str) -> str:
    """What one of a stack's files is to people."""
    return {"fleet.yml": "labels, images or secrets", ".env": "values", BACK: "images"}.get(file, file)


def _otherwise(facts: Facts, there: Stack | None, stack: StackOptions, images: Mapping[str, Pin]) -> Iterator[str]:
    """What runs otherwise than when the stack was in order, or than the images and limits are to be now."""
    if there:
        yield from amiss(there)
        for service, image in _outdated(facts, there, stack, images):
            yield f"{service} runs another image than {image} names now"
        yield from (f"the limits of {service} are not kept ({how})" for service, how in loose(there, stack))


def amiss(there: Stack) -> Iterator[str]:
    """What was changed by hand, or has ended."""
    now = [container.essence for container in there.containers]
    for essence in dict.fromkeys(there.expected):
        service, digest, state = essence
        if now.count(essence) < there.expected.count(essence):
            yield _how(service, there.of(service), digest, state)
    for container in there.containers:
        if container.service not in {service for service, _, _ in there.expected}:
            yield f"{container.service} is not part of it"
        elif container.health == "unhealthy":
            yield f"{container.service} is unhealthy"


def _how(service: str, found: tuple[Container, ...], digest: str, state: str) -> str:
    if not found:
        return f"{service} is gone"
    if any(container.hash != digest for container in found):
        return f"{service} was changed by hand"
    return f"{service} is {next((c.state for c in found if c.state != state), 'not all there')}"


def _outdated(facts: Facts, there: Stack, stack: StackOptions, images: Mapping[str, Pin]) -> Iterator[tuple[str, str]]:
    """Services, with the names of their images, that run another image than their name stands for on the host by now:
    it was pulled, pushed, built or sent anew."""
    for service in stack.compose.services:
        named = facts[DAEMON].has(names_of(service, images)[-1])
        if named and named.id and any(c.image not in ("", named.id) for c in there.of(service.name)):
            yield service.name, service.image


def loose(there: Stack, stack: StackOptions) -> Iterator[tuple[str, str]]:
    """Services with a limit that the control group of what runs does not have."""
    for service in stack.compose.services:
        for container in there.of(service.name):
            if container.held is not None and container.state == "running":
                yield from ((service.name, how) for how in not_held(service.limits, container.held))
