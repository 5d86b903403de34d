"""The steps, in the order in which they are made true.

A new step is one file here, one line in this tuple, and its tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleet.model import Probe, Step
from fleet.steps.apt import AptStep
from fleet.steps.archives import ArchivesStep
from fleet.steps.builds import BuildsStep
from fleet.steps.clock import ClockStep
from fleet.steps.compose import ComposeStep
from fleet.steps.conflicts import ConflictsStep
from fleet.steps.daemon import DaemonStep
from fleet.steps.engine import EngineStep
from fleet.steps.group import GroupStep
from fleet.steps.images import ImagesStep
from fleet.steps.journal import JournalStep
from fleet.steps.kernel import KernelStep
from fleet.steps.keyring import KeyringStep
from fleet.steps.login import LoginStep
from fleet.steps.memory import MemoryStep
from fleet.steps.modules import ModulesStep
from fleet.steps.platform import PlatformStep
from fleet.steps.prune import PruneStep
from fleet.steps.service import ServiceStep
from fleet.steps.source import SourceStep
from fleet.steps.stacks import StacksStep
from fleet.steps.swap import SwapStep
from fleet.steps.swarm import SwarmStep

STEPS: tuple[Step[Any], ...] = (
    PlatformStep(),
    AptStep(),
    ClockStep(),
    SwapStep(),
    MemoryStep(),
    KernelStep(),
    ModulesStep(),
    JournalStep(),
    KeyringStep(),
    SourceStep(),
    ConflictsStep(),
    EngineStep(),
    DaemonStep(),
    ServiceStep(),
    GroupStep(),
    ComposeStep(),
    SwarmStep(),
    LoginStep(),
    ImagesStep(),
    ArchivesStep(),
    BuildsStep(),
    StacksStep(),
    PruneStep(),
)


def probes_of(steps: Iterable[Step[Any]]) -> tuple[Probe[Any], ...]:
    """The steps' own probes, each once, in a fixed order."""
    found: dict[str, Probe[Any]] = {}
    for step in steps:
        for probe in step.probes:
            found.setdefault(probe.name, probe)
    return tuple(found.values())


def names_images(step: Step[Any]) -> bool:
    """Can the options of this step name images?"""
    return type(step).images is not Step.images


__all__ = ["STEPS", "names_images", "probes_of"]
