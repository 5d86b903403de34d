"""pytest fixtures: a lab for the session, fresh hosts for one test, warm hosts from a provisioned layer.

Load them with ``pytest_plugins = ["tests.lab.fixtures"]`` in the topmost conftest.py. Where the lab can't
run, tests that need it are skipped with the reason; with the environment variable FLEET_LAB_REQUIRED=1
they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest

from . import needs
from .host import Host, Spec
from .lab import Lab, reap
from .vm import emulation, models
from .vm.host import EmulatedHost

_numbers = count(1)


class MakeHost(Protocol):
    """Boots a host that lives until the end of the test."""

    def __call__(self, identity: str = "debian-trixie", *, name: str | None = None, **options: Any) -> Host: ...


class MakeMachine(Protocol):
    """Boots an emulated machine that lives until the end of the module."""

    def __call__(self, kind: str, *, name: str | None = None, **options: Any) -> EmulatedHost: ...


class WarmLayer(Protocol):
    """Returns the layer that `provision` leaves on a host; made once per session and `key`."""

    def __call__(self, key: str, provision: Callable[[Host], None], spec: Spec | None = None) -> Path: ...


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of this pytest process's own, gone at the end of the session, or at the next one's start."""
    _demand("lab", needs.ready())
    reap()
    made = Lab.create(f"test-{os.getpid()}", owner=os.getpid())
    try:
        yield made
    finally:
        made.destroy()


def _demand(what: str, reasons: list[str]) -> None:
    if reasons:
        refuse = pytest.fail if os.environ.get("FLEET_LAB_REQUIRED") == "1" else pytest.skip
        refuse(f"no {what} here: {'; '.join(reasons)}")


@pytest.fixture
def fresh_host(lab: Lab) -> Iterator[MakeHost]:
    """Call it for a bare host: ``fresh_host("ubuntu-noble", sudo="rs")``; it is thrown away after the test."""
    made: list[str] = []

    def make(identity: str = "debian-trixie", *, name: str | None = None, **options: Any) -> Host:
        name = name or f"host-{next(_numbers)}"
        made.append(name)
        return lab.up(name, identity, **options)

    yield make
    _throw_away(lab, made)


@pytest.fixture(scope="module")
def fresh_machine(lab: Lab) -> Iterator[MakeMachine]:
    """Call it for a whole machine as it is after its first boot: ``fresh_machine("pi4", name="pi-kitchen")``."""
    _demand("emulated machine", emulation.impossible())
    made: list[str] = []

    def make(kind: str, *, name: str | None = None, **options: Any) -> EmulatedHost:
        name = name or f"{kind}-{next(_numbers)}"
        made.append(name)
        host = lab.up(name, models.kind(kind).identity, machine=kind, **options)
        assert isinstance(host, EmulatedHost)
        return host

    yield make
    _throw_away(lab, made)


@pytest.fixture(scope="session")
def warm_layer(lab: Lab) -> WarmLayer:
    """Call it with a key and what provisions a fresh host: ``warm_layer("docker", provision)``."""
    made: dict[str, Path] = {}

    def make(key: str, provision: Callable[[Host], None], spec: Spec | None = None) -> Path:
        if key not in made:
            host = lab.up_many({f"layer-{next(_numbers)}": spec or Spec()}).popitem()[1]
            try:
                provision(host)
                made[key] = host.freeze(lab.folder / "layers" / key)
            except BaseException:
                host.destroy()
                raise
        return made[key]

    return make


@pytest.fixture
def warm_host(lab: Lab, warm_layer: WarmLayer) -> Iterator[Callable[..., Host]]:
    """Call it for a host that stands on a warm layer: ``warm_host("docker", provision, Spec("mint"))``."""
    made: list[str] = []

    def make(key: str, provision: Callable[[Host], None], spec: Spec | None = None, *, name: str | None = None) -> Host:
        layer = warm_layer(key, provision, spec)
        name = name or f"host-{next(_numbers)}"
        made.append(name)
        return lab.up_many({name: replace(spec or Spec(), layer=str(layer))})[name]

    yield make
    _throw_away(lab, made)


def _throw_away(lab: Lab, names: list[str]) -> None:
    for host in lab.hosts():
        if host.name in names:
            host.destroy()
