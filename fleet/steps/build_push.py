"""Built images in a registry: is each platform there, and how it gets there.

Every platform goes under a tag of its own, and all that were made from the same are joined under the image's tag by
`docker buildx imagetools create` (docs.docker.com/reference/cli/docker/buildx/imagetools/create). `docker manifest create`
would refuse what some image stores push (github.com/docker/buildx/issues/1509).
"""

from __future__ import annotations

from contextlib import suppress

from fleet.distros.base import IMAGE_PLATFORMS
from fleet.facts.daemon import BUILT, DAEMON
from fleet.facts.daemon_json import DAEMON_JSON
from fleet.formats.references import fits, parse
from fleet.formats.registries import is_insecure
from fleet.model import Facts, PushImage, Run
from fleet.queries import Pushed, PushedQuery
from fleet.shell import quote, script_of, words
from fleet.steps.build_options import Build
from fleet.steps.pulling import DOCKER

_PUSH_SECONDS = 3600
_JOIN_SECONDS = 600


def pushed_query(facts: Facts, build: Build) -> PushedQuery:
    """The question to the registry; without TLS where the host's daemon does without it too."""
    return PushedQuery(parse(build.tag).familiar, _is_insecure(facts, build))


def label_of(found: Pushed, here: str) -> str:
    """What the registry has for this platform; empty when fleet did not build it, or it has none."""
    return next((label for platform, label in found.labels if fits(platform, here)), "")


def _is_insecure(facts: Facts, build: Build) -> bool:
    info, wanted = facts[DAEMON].info, None
    with suppress(ValueError):
        wanted = facts[DAEMON_JSON].content().get("insecure-registries")
    trusted = [*(info.insecure if info else ()), *(wanted if isinstance(wanted, list) else ())]
    return is_insecure(parse(build.tag).registry, map(str, trusted))


def push(facts: Facts, build: Build, built: str, here: str) -> PushImage:
    """Push the host's image, and join."""
    push = Run(f"push {build.tag}", _push_script(build, here), timeout=_PUSH_SECONDS)
    join = Run(f"join {build.tag}", _join_script(build, built, here, _is_insecure(facts, build)), timeout=_JOIN_SECONDS)
    return PushImage(build.tag, built, here, push, join)


def own_tag(tag: str, platform: str) -> str:
    """The tag of one platform: REGISTRY/app:1-arm64, REGISTRY/app:1-armv7."""
    return f"{parse(tag).familiar}-{''.join(platform.split('/')[1:])}"


_ROOTS_LOGINS = "export HOME=/root; unset DOCKER_CONFIG"
"""Where the step `login` has logged in."""


def _push_script(build: Build, here: str) -> str:
    tag = own_tag(build.tag, here)
    return script_of(
        _ROOTS_LOGINS,
        words(*DOCKER, "tag", build.tag, tag),
        f"trap {quote(words(*DOCKER, 'rmi', tag) + ' >/dev/null')} EXIT",
        words(*DOCKER, "push", "--quiet", tag),
    )


def _join_script(build: Build, built: str, here: str, insecure: bool) -> str:
    """Looks which platforms the registry has of this very image. For buildx, a registry without TLS has to be named in the
    configuration of a builder, which need not run for that (docs.docker.com/build/buildkit/toml-configuration)."""
    platforms = [*dict.fromkeys((here, *(build.platforms or IMAGE_PLATFORMS.values())))]
    tags = words(*dict.fromkeys(own_tag(build.tag, platform) for platform in platforms))
    wanted = f'"{BUILT}": *"{built}"'.replace(".", "[.]")
    return script_of(
        _ROOTS_LOGINS,
        "BUILDX_CONFIG=$(mktemp -d)",
        "export BUILDX_CONFIG",
        "trap 'rm -rf \"$BUILDX_CONFIG\"' EXIT",
        "imagetools() { " + words(*DOCKER, "buildx", *(("--builder", "fleet") if insecure else ()), "imagetools") + ' "$@"; }',
        *(_without_tls(parse(build.tag).registry) if insecure else ()),
        "set --",
        f"for tag in {tags}; do",
        "  if imagetools inspect --format '{{json .Image}}' \"$tag\" 2>/dev/null | grep -q " + quote(wanted) + "; then",
        '    set -- "$@" "$tag"',
        "  fi",
        "done",
        '[ "$#" -gt 0 ] || { echo "the registry does not show what was pushed" >&2; exit 1; }',
        f'imagetools create --tag {words(build.tag)} "$@"',
    )


def _without_tls(registry: str) -> tuple[str, ...]:
    toml = f'[registry."{registry}"]\n  http = true\n  insecure = true'
    create = words(*DOCKER, "buildx", "create", "--name", "fleet", "--driver", "docker-container")
    return (
        f"printf '%s\\n' {quote(toml)} >\"$BUILDX_CONFIG/fleet.toml\"",
        f'{create} --config "$BUILDX_CONFIG/fleet.toml" >/dev/null',
    )
