"""What a stack is made of on the host: its own files, the file that goes over them, and the images by their digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from fleet.facts.daemon import DAEMON
from fleet.files.composing import Service
from fleet.formats.references import parse
from fleet.model import Facts, Situation
from fleet.queries import ImageQuery, RemoteImage
from fleet.steps.images import is_there
from fleet.steps.platform import platform
from fleet.steps.stack_options import StackOptions, StacksOptions


@dataclass(frozen=True, slots=True)
class Pin:
    """What an image is: ``exact`` is its name with a digest, of a registry; ``built`` tells what fleet built it from."""

    exact: str = ""
    built: str = ""


def pinnable(stack: StackOptions) -> tuple[str, ...]:
    """The images that the file leaves to the host's own platform."""
    return tuple(dict.fromkeys(s.image for s in stack.compose.services if not s.own_platform))


def of_registries(facts: Facts, stack: StackOptions) -> tuple[str, ...]:
    """Images that were pulled or will be; what was built here, or brought, no registry knows."""
    return tuple(image for image in pinnable(stack) if image in missing(facts, stack) or _was_pulled(facts, image))


def _was_pulled(facts: Facts, image: str) -> bool:
    there = facts[DAEMON].has(parse(image).familiar)
    return there is not None and any(d.startswith(f"{parse(image).repository_name}@") for d in there.digests)


def what_images_are(situation: Situation[StacksOptions], stack: StackOptions) -> dict[str, Pin]:
    """What each image is, as far as it is known."""
    found: dict[str, Pin] = {}
    for image in pinnable(stack):
        remote = situation.catalog.get(ImageQuery(image)) if image in of_registries(situation.facts, stack) else None
        if isinstance(remote, RemoteImage) and not parse(image).digest:
            found[image] = Pin(exact=f"{parse(image).repository_name}@{remote.digest}")
        elif local := situation.facts[DAEMON].has(parse(image).familiar):
            found[image] = Pin(built=local.built)
    return found


def names_of(service: Service, images: Mapping[str, Pin]) -> tuple[str, ...]:
    """The names by which the daemon knows a service's image, also those by which it will."""
    pin = images.get(service.image, Pin()) if not service.own_platform else Pin()
    return (parse(service.image).familiar, *([pin.exact] if pin.exact else []))


def missing(facts: Facts, stack: StackOptions) -> tuple[str, ...]:
    """Images that will be pulled; those whose platform the file itself names are Compose's business."""
    wanted = platform(facts).image_platform
    images = dict.fromkeys(s.image for s in stack.compose.services if not s.own_platform)
    return tuple(image for image in images if not is_there(facts[DAEMON].has(parse(image).familiar), wanted))


def files_of(name: str, stack: StackOptions, marks: Mapping[str, str], images: Mapping[str, Pin]) -> dict[str, str]:
    """The files of a stack by name: the user's own, and what goes over them."""
    own = {file: attached.content for file, attached in stack.files.items()}
    compose = stack.file.content if stack.file else ""
    variables = "".join(f"{variable}={_dotenv(value)}\n" for variable, value in stack.values.items())
    return {"compose.yml": compose, "fleet.yml": _overlay(name, stack, marks, own, images), ".env": variables, **own}


def _dotenv(text: str) -> str:
    """A value for Compose's .env (compose-go, dotenv): in double quotes, where these characters have a meaning."""
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escaped)
    return f'"{text}"'


def _overlay(name: str, stack: StackOptions, marks: Mapping[str, str], own: Mapping[str, str], images: Mapping[str, Pin]) -> str:
    """A second compose file: images by their digests, labels that change when a service's secrets, files or built image
    do, and where secrets are.

    JSON is YAML; `!override` puts ours in place of what the first file says (compose-spec, 13-merge).
    """
    lines = ["services:"]
    for service in stack.compose.services:
        labels = {"fleet.stack": name}
        if used := [secret for secret in service.secrets if secret in marks]:
            labels["fleet.secrets"] = _digest("\n".join(f"{secret} {marks[secret]}" for secret in used))
        if own:
            labels["fleet.files"] = _digest(json.dumps(sorted(own.items())))
        pin = images.get(service.image, Pin()) if not service.own_platform else Pin()
        if pin.built:
            labels["fleet.image"] = pin.built
        over = {"image": pin.exact, "labels": labels} if pin.exact else {"labels": labels}
        lines.append(f"  {json.dumps(service.name)}: {json.dumps(over)}")
    if marks:
        folder = "./.secrets" if stack.persist else f"/run/fleet/secrets/{name}"
        lines.append("secrets:")
        lines += [f"  {json.dumps(secret)}: !override {json.dumps({'file': f'{folder}/{secret}'})}" for secret in marks]
    return "\n".join(lines) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
