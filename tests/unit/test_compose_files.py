"""What is read of a compose file, and what is refused, each with its line."""

from __future__ import annotations

import pytest

from fleet.files.compose_yaml import ComposeFileError
from fleet.files.composing import read
from fleet.formats.limits import Limits

WHOLE = """\
x-common: &common
  image: "${IMAGE:-busybox}:${TAG}"
  mem_limit: 64m
services:
  web:
    <<: *common
    cpus: 0.5
    ports: ["22:22"]
    secrets: [pw, {source: other}]
  worker:
    image: a/b
    platform: linux/amd64
    deploy: {resources: {limits: {memory: 1.5G, cpus: "2", pids: 7}}}
  manual: {image: never, profiles: [debug]}
secrets: {pw: {environment: X}, other: {external: true}}
"""


def test_a_whole_file() -> None:
    """Anchors, merge keys, variables, both ways to write limits and secrets; services with a profile are left out."""
    found = read(WHOLE, (("TAG", "1"),))
    web, worker = found.services
    assert (web.name, web.image, web.limits, web.secrets) == ("web", "busybox:1", Limits(64 << 20, 0.5), ("pw", "other"))
    assert (worker.limits, worker.own_platform) == (Limits(3 << 29, 2.0, 7), True)
    assert found.secrets == ("pw",)


@pytest.mark.parametrize(
    ("text", "why", "line"),
    [
        ("services: [", "not valid YAML", 2),
        ("just words", "no keys with values", None),
        ("servces: {}", "unknown key 'servces'; did you mean 'services'", 1),
        ("include: [a.yml]\nservices: {a: {image: b}}", "unknown key 'include'", 1),
        ("services: {}", "there are no services", None),
        ("services:\n  a:\n    build: .", "build: is not supported", 3),
        ("services:\n  a:\n    command: x", "services.a: there is no image", 3),
        ("services:\n  a: text", "expected keys with values", 2),
        ("services:\n  a:\n    image: '${X}'", "${X} has no value", 3),
        ("services:\n  a:\n    image: x\n    mem_limit: lots", "'lots' is no size", 3),
        (f"services:\n  a:\n    image: x\n    mem_limit: {'9' * 310}t", "is no number that Docker can count to", 3),
        ("services:\n  a:\n    image: x\n    cpus: nan", "'nan' is no number that Docker can count to", 3),
        ("services:\n  a:\n    image: x\n    cpus: two", "'two' is no number", 3),
        (f"services:\n  a:\n    image: x\n    pids_limit: {'9' * 5000}", "is no whole number", 3),
        ("services:\n  a:\n    image: x\n    secrets: [pw]", "the secret 'pw' is not declared", 3),
        ("services: {a: {image: b, profiles: [c]}}", "no service without a profile", None),
        ("a: &a [*a]\nservices: {a: {image: b}}", "contains itself", 1),
        ("services:\n  a: &a {image: b}\n" + "".join(f"  b{n}: *a\n" for n in range(501)), "too large", None),
    ],
)
def test_what_is_refused(text: str, why: str, line: int | None) -> None:
    """In a sentence, with the line where there is one."""
    with pytest.raises(ComposeFileError) as caught:
        read(text, ())
    assert why in caught.value.text
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ("${A}", "one"),
        ("$A:2", "one:2"),
        ("${B:-two}", "two"),
        ("${E:-two}", "two"),
        ("x${E-two}", "x"),
        ("x${E:-${F:-${G:-deep}}-${A}}", "xdeep-one"),
        ("${A:+three}", "three"),
    ],
)
def test_variables(image: str, wanted: str) -> None:
    """As Compose puts them in (compose-spec, 12-interpolation)."""
    found = read(f"services: {{a: {{image: '{image}'}}}}", (("A", "one"), ("E", "")))
    assert found.services[0].image == wanted
