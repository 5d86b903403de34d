"""What registries have of the images that fleet pushed."""

from __future__ import annotations

import json
from typing import Any

from fleet.catalog import Resolver
from fleet.model import Unavailable
from fleet.queries import Pushed, PushedQuery
from tests.unit.catalog.test_catalog_registry import digest, index
from tests.unit.catalog.web import Answer, Proxy, Site

QUERY = PushedQuery("registry.test/team/app:1")


def ask(query: PushedQuery = QUERY) -> object:
    """The answer by way of the proxy, so that every name is the test's site."""
    return Resolver(timeout=2, deadline=2.5).anew(query)


def stored(site: Site, architecture: str, labels: object) -> dict[str, Any]:
    """An image in the site's registry, and its entry for an index."""
    config = json.dumps({"os": "linux", "architecture": architecture, "config": {"Labels": labels}}).encode()
    manifest = json.dumps({"schemaVersion": 2, "config": {"digest": digest(config)}, "layers": []}).encode()
    site.routes[f"/v2/team/app/blobs/{digest(config)}"] = Answer(config)
    site.routes[f"/v2/team/app/manifests/{digest(manifest)}"] = Answer(manifest)
    site.routes["/v2/team/app/manifests/1"] = Answer(manifest)
    return {"digest": digest(manifest), "platform": {"os": "linux", "architecture": architecture}}


def test_labels_of_all_platforms(https: Site, proxy: Proxy) -> None:
    """Each image's own configuration tells it; another image has none, and an attestation is no image."""
    ours = stored(https, "arm64", {"io.github.fleet.built": "label", "other": "x"})
    theirs = stored(https, "amd64", None)
    proof = {"digest": digest(b"no image"), "platform": {"os": "unknown", "architecture": "unknown"}}
    whole = index(ours, theirs, proof)
    https.routes["/v2/team/app/manifests/1"] = Answer(whole)
    assert ask() == Pushed((("linux/amd64", ""), ("linux/arm64", "label")), digest(whole))


def test_a_single_image(https: Site, proxy: Proxy) -> None:
    """Without an index, as long as there is one platform only."""
    entry = stored(https, "arm64", {"io.github.fleet.built": "label"})
    assert ask() == Pushed((("linux/arm64", "label"),), entry["digest"])


def test_not_there_and_no_right(https: Site, proxy: Proxy) -> None:
    """A tag that is not there has nothing; of one that may not be read, nothing is known."""
    assert ask() == Pushed()
    https.routes["/v2/team/app/manifests/1"] = Answer(status=403)
    found = ask()
    assert isinstance(found, Pushed)
    assert "or no right to read it (403)" in found.refused
    assert "docker login registry.test" in found.hint
    https.routes["/v2/team/app/manifests/1"] = Answer(status=400)
    assert isinstance(ask(), Unavailable)


def test_without_tls(http: Site, proxy: Proxy) -> None:
    """Only where the query says so."""
    proxy.targets["registry.test"] = http
    entry = stored(http, "arm64", {})
    assert ask(PushedQuery("registry.test/team/app:1", insecure=True)) == Pushed((("linux/arm64", ""),), entry["digest"])
    assert isinstance(ask(), Unavailable)
