"""Image references and platforms, against the rules of distribution/reference and containerd/platforms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.formats.references import HUB, HUB_SERVER, Reference, fits, parse

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "expected", "familiar"),
    [
        # normalize.go, splitDockerDomain: the Hub when the first part is no registry
        ("python", Reference(HUB, "library/python", "latest", ""), "python:latest"),
        ("python:3.12-slim", Reference(HUB, "library/python", "3.12-slim", ""), "python:3.12-slim"),
        ("grafana/grafana", Reference(HUB, "grafana/grafana", "latest", ""), "grafana/grafana:latest"),
        ("docker.io/python", Reference(HUB, "library/python", "latest", ""), "python:latest"),
        ("docker.io/library/python", Reference(HUB, "library/python", "latest", ""), "python:latest"),
        ("index.docker.io/python:3", Reference(HUB, "library/python", "3", ""), "python:3"),
        ("library/distros/ubuntu", Reference(HUB, "library/distros/ubuntu", "latest", ""), "library/distros/ubuntu:latest"),
        # a dot, a colon, localhost or an upper-case letter make it a registry
        ("ghcr.io/owner/app:1", Reference("ghcr.io", "owner/app", "1", ""), "ghcr.io/owner/app:1"),
        ("registry:5000/app", Reference("registry:5000", "app", "latest", ""), "registry:5000/app:latest"),
        ("localhost/app", Reference("localhost", "app", "latest", ""), "localhost/app:latest"),
        ("Registry/app", Reference("Registry", "app", "latest", ""), "Registry/app:latest"),
        ("[fd00::1]:5000/app", Reference("[fd00::1]:5000", "app", "latest", ""), "[fd00::1]:5000/app:latest"),
        ("localhosts/app", Reference(HUB, "localhosts/app", "latest", ""), "localhosts/app:latest"),
        # the server of the Hub, named outright, is a registry like any other to the daemon
        (f"{HUB_SERVER}/library/x", Reference(HUB_SERVER, "library/x", "latest", ""), f"{HUB_SERVER}/library/x:latest"),
        # a digest wins over a tag (ParseDockerRef)
        (f"python@{DIGEST}", Reference(HUB, "library/python", "latest", DIGEST), f"python@{DIGEST}"),
        (f"python:3@{DIGEST}", Reference(HUB, "library/python", "3", DIGEST), f"python@{DIGEST}"),
        ("a__b/c-d--e.f", Reference(HUB, "a__b/c-d--e.f", "latest", ""), "a__b/c-d--e.f:latest"),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, expected: Reference, familiar: str) -> None:
    """Registry, repository, tag and digest, and the name under which the daemon lists the image."""
    assert parse(text) == expected
    assert parse(text).familiar == familiar


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Python",
        "a/Python",
        "python:",
        "python:-x",
        "python:" + "x" * 129,
        "python@sha256:abc",
        "python@sha512:" + "ab" * 64,
        "-python",
        "a..b",
        "a___b",
        "a//b",
        "/a",
        "a/",
        "python\n",
        "python latest",
        "$(reboot)",
        "ab" * 32,
        "x/" * 200 + "x",
        "https://docker.io/python",
        "registry:123456/app",
    ],
)
def test_what_is_no_reference_is_refused_in_words(text: str) -> None:
    """A ValueError with a sentence; nothing is bent into shape."""
    with pytest.raises(ValueError, match=r"image reference; write NAME|over 255 characters"):
        parse(text)


def test_the_hub_is_asked_at_its_server() -> None:
    """docker.io itself serves no images."""
    assert parse("python").server == "registry-1.docker.io"
    assert parse("ghcr.io/a/b").server == "ghcr.io"
    assert (parse("python:3").manifest, parse(f"python:3@{DIGEST}").manifest) == ("3", DIGEST)


@given(st.text(max_size=60))
def test_a_familiar_name_names_the_same_image(text: str) -> None:
    """What parses, parses again from its familiar form to the same thing to ask the registry for."""
    try:
        once = parse(text)
    except ValueError:
        return
    again = parse(once.familiar)
    assert (again.registry, again.repository, again.manifest) == (once.registry, once.repository, once.manifest)


@pytest.mark.parametrize(
    ("offered", "wanted", "runs"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64/v1", "linux/amd64", True),
        ("linux/amd64/v3", "linux/amd64", False),
        ("linux/amd64/v2", "linux/amd64/v3", True),
        ("linux/amd64", "linux/amd64/v3", True),
        ("linux/386", "linux/amd64", False),
        ("linux/arm64", "linux/arm64", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v9", "linux/arm64", False),
        ("linux/aarch64", "linux/arm64", True),
        ("linux/arm/v7", "linux/arm64", False),
        ("linux/arm64/v8", "linux/arm/v7", False),
        ("linux/arm/v7", "linux/arm/v7", True),
        ("linux/arm/v6", "linux/arm/v7", True),
        ("linux/arm/v5", "linux/arm/v7", True),
        ("linux/arm/v8", "linux/arm/v7", False),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm", "linux/arm/v6", False),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/armhf", "linux/arm/v7", True),
        ("windows/amd64", "linux/amd64", False),
        ("unknown/unknown", "linux/amd64", False),
        ("linux/riscv64", "linux/riscv64", True),
    ],
)
def test_platforms_fit_as_containerd_says(offered: str, wanted: str, runs: bool) -> None:
    """compare.go's order of variants, but no fallback to another architecture."""
    assert fits(offered, wanted) is runs
