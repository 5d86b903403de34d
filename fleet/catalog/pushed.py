"""What fleet has pushed to a registry: asked of the registry itself, so that no host need be."""

from __future__ import annotations

from typing import Any

from fleet.catalog.http import Web
from fleet.catalog.registry import NoImage, NoRight, Registry, platform_of
from fleet.facts.daemon import BUILT
from fleet.queries import Pushed, PushedQuery


def pushed(web: Web, query: PushedQuery) -> Pushed:
    """The label of each platform's image; raises CatalogError when the registry can't be asked."""
    try:
        digest, found = Registry(web, query.reference, insecure=query.insecure).contents()
    except NoImage:
        return Pushed()
    except NoRight as error:
        return Pushed(refused=error.message, hint=error.hint)
    return Pushed(tuple(sorted((platform_of(config), _label(config)) for config in found)), digest)


def _label(config: dict[str, Any]) -> str:
    """Of an image's configuration (opencontainers/image-spec, config.md)."""
    said = config.get("config")
    labels = said.get("Labels") if isinstance(said, dict) else None
    return str(labels.get(BUILT, "")) if isinstance(labels, dict) else ""
