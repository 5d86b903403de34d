"""Which platform a proof is made for: that of the host's userland, on every golden host that Docker supports."""

from __future__ import annotations

import pytest

from fleet.errors import FleetError
from fleet.tasks.proving import proof_platform
from tests.support.golden import NAMES, golden


@pytest.mark.parametrize("name", [name for name in NAMES if "image" in golden(name).expected])
def test_platform_of_the_proof(name: str) -> None:
    """A container proves nothing, or fails on a sound host, unless it is of the platform that a person wrote down."""
    assert proof_platform(golden(name).facts) == golden(name).expected["image"]


def test_no_program_for_it() -> None:
    """An architecture without a program is told as such, with a way out."""
    with pytest.raises(FleetError, match="riscv64") as caught:
        proof_platform(golden("debian-riscv64").facts)
    assert "docker run" in caught.value.hint
