"""How an image gets built: here, on the best host of the platform, or on the laptop. All with the same label."""

from __future__ import annotations

import hashlib

from fleet.facts.board import BOARD, Board
from fleet.facts.daemon import BUILT
from fleet.formats.references import parse
from fleet.model import Action, BuildAndSend, BuildOrTake, Run, SendContext, Situation, Unavailable
from fleet.queries import BuilderQuery
from fleet.shell import quote, words
from fleet.steps.build_labels import context, pinned
from fleet.steps.build_options import Build, BuildsOptions
from fleet.steps.pulling import DOCKER

CONTEXTS = "/var/cache/fleet/contexts"
"""Where hosts keep contexts, so that the next time only what differs is sent; only root can look."""

_COMFORTABLE_KIB = 1_700_000
"""MemTotal of a board with 2 GB: with less, a build may live in swap, whatever the processor is."""


def actions(situation: Situation[BuildsOptions], build: Build, built: str, here: str, unable: str) -> tuple[Action, ...]:
    """What builds the image, or brings it."""
    folder = f"{CONTEXTS}/{hashlib.sha256(parse(build.tag).familiar.encode()).hexdigest()[:16]}"
    send = SendContext(build.tag, build.context, build.dockerfile, context(situation, build).digest, folder)
    options = _options(build, built, pinned(situation, build))
    run = Run(f"build {build.tag}", _script(build, folder, options), timeout=build.timeout)
    match build.where:
        case "each":
            return (send, run)
        case "fleet":
            rank = rank_of(situation.facts[BOARD])
            return (BuildOrTake(parse(build.tag).familiar, built, here, send, run, rank, unable),)
        case "laptop":
            builder = situation.catalog[BuilderQuery()]
            exports = not isinstance(builder, Unavailable) and builder.exports
            file = f"--file={build.dockerfile}"
            return (BuildAndSend(parse(build.tag).familiar, built, here, send, (*options, file), exports, build.timeout),)


def rank_of(board: Board) -> tuple[int, ...]:
    """How good a host is for building, the greater the better: enough memory, processors, newer Raspberry Pi, more memory."""
    chip = board.pi.soc.removeprefix("BCM")
    return (
        int(board.memory_kib >= _COMFORTABLE_KIB),
        board.cpus,
        int(chip) if chip.isdecimal() else 0,
        round(board.memory_kib / (1 << 20)),
    )


def _options(build: Build, built: str, bases: dict[str, str]) -> tuple[str, ...]:
    """Those that decide what becomes of it, wherever it is built."""
    return (
        f"--label={BUILT}={built}",
        f"--network={build.network}",
        *(f"--build-arg={name}={value}" for name, value in sorted({**build.args, **bases}.items())),
        *((f"--target={build.target}",) if build.target else ()),
    )


def _script(build: Build, folder: str, options: tuple[str, ...]) -> str:
    """`docker build`, with its progress as lines. Without attestations an image is one manifest in both image stores
    (docs.docker.com/build/metadata/attestations)."""
    file = f"--file={folder}/{build.dockerfile}"
    command = words(*DOCKER, "build", f"--tag={build.tag}", file, *options, "--", folder)
    return f"export BUILDX_NO_DEFAULT_ATTESTATIONS=1 BUILDKIT_PROGRESS=plain DOCKER_BUILDKIT=1\ncd {quote(folder)}\n{command}"
