"""Images beyond their platforms: sizes, what tags name today, the Hub's quota, and the lock between hosts and registries."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.catalog import Resolver
from fleet.lock.file import LockFile
from fleet.model import Query, Unavailable
from fleet.queries import ImageQuery, ImageSize, Quota, QuotaQuery, RemoteImage, SizeQuery, TagDigest, TagQuery
from tests.unit.catalog.test_catalog_registry import digest, index, platform
from tests.unit.catalog.web import Answer, Asked, Proxy, Site

APP = "registry.test/team/app:1"
MANIFESTS = "/v2/team/app/manifests/"


def manifest(*sizes: int) -> bytes:
    """A manifest of layers with these sizes, and a configuration of one byte."""
    return json.dumps({"schemaVersion": 2, "config": {"size": 1}, "layers": [{"size": n} for n in sizes]}).encode()


V6, V7, AMD = manifest(60, 6), manifest(70, 7), manifest(80)
INDEX = index(
    {**platform("arm", "v6"), "digest": digest(V6)},
    {**platform("arm", "v7"), "digest": digest(V7)},
    {**platform("amd64"), "digest": digest(AMD)},
)
PINNED = RemoteImage(digest(INDEX), ("linux/arm/v6", "linux/arm/v7", "linux/amd64"))


@pytest.fixture
def ask(proxy: Proxy, resolver: Resolver) -> Callable[[Query[Any]], Any]:
    """Ask by way of the proxy; one resolver, as in a run."""
    return lambda query: resolver.resolve([query])[query]


def serve(site: Site, tagged: bytes = INDEX) -> None:
    """The image with everything that it is made of."""
    for body in (INDEX, V6, V7, AMD):
        site.routes[MANIFESTS + digest(body)] = Answer(body)
    site.routes[MANIFESTS + "1"] = Answer(tagged, headers={"Docker-Content-Digest": digest(tagged)})


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("wanted", "size"), [("linux/amd64", 81), ("linux/arm/v7", 78), ("linux/arm/v6", 67)])
def test_size_of_the_best_fitting_manifest(https: Site, ask: Callable[..., Any], wanted: str, size: int) -> None:
    """Layers and configuration, as they are fetched; ARMv7 takes its own variant and not the older one."""
    serve(https)
    assert ask(SizeQuery(APP, wanted)) == ImageSize(size)


def test_a_manifest_is_asked_for_once_in_a_run(https: Site, ask: Callable[..., Any]) -> None:
    """The Hub counts every time: the index is kept from the first look-up."""
    serve(https)
    ask(ImageQuery(APP))
    ask(SizeQuery(APP, "linux/amd64"))
    ask(SizeQuery(APP, "linux/arm/v7"))
    assert https.paths == [MANIFESTS + "1", MANIFESTS + digest(AMD), MANIFESTS + digest(V7)]


def test_size_of_an_image_without_an_index(https: Site, ask: Callable[..., Any]) -> None:
    """The tag names the manifest itself."""
    config = b'{"os": "linux", "architecture": "amd64"}'
    body = json.dumps({"config": {"size": 5, "digest": digest(config)}, "layers": [{"size": 10}]}).encode()
    https.routes[MANIFESTS + "1"] = Answer(body)
    https.routes["/v2/team/app/blobs/" + digest(config)] = Answer(config)
    assert ask(SizeQuery(APP, "linux/amd64")) == ImageSize(15)


def test_no_size_without_an_image(https: Site, ask: Callable[..., Any]) -> None:
    """What is wrong with the image is what is wrong with its size; a platform that it lacks is told as such."""
    assert ask(SizeQuery(APP, "linux/amd64")) == ask(ImageQuery(APP))
    assert isinstance(ask(ImageQuery(APP)), Unavailable)


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_tag_names_today_is_asked_by_its_headers(https: Site, ask: Callable[..., Any]) -> None:
    """HEAD is not counted as a pull; a registry that says no digest there is asked in full."""
    serve(https)
    assert ask(TagQuery(APP)) == TagDigest(digest(INDEX))
    assert [asked.method for asked in https.log] == ["HEAD"]
    https.routes[MANIFESTS + "2"] = Answer(INDEX)
    assert ask(TagQuery(APP.replace(":1", ":2"))) == TagDigest(digest(INDEX))


# ── the quota ────────────────────────────────────────────────────────────────────────────────────────────────────────

COUNTED = "/v2/ratelimitpreview/test/manifests/latest"
LIMIT = {"RateLimit-Limit": "100;w=21600", "Docker-RateLimit-Source": "192.0.2.1"}


def test_the_quota_is_given_out_to_the_hosts_of_a_run(https: Site, ask: Callable[..., Any]) -> None:
    """Asked once; whoever gets what it needs leaves less for the others, and who gets nothing takes nothing."""
    https.routes[COUNTED] = Answer(headers={**LIMIT, "RateLimit-Remaining": "5;w=21600"})
    left = [ask(QuotaQuery(count)) for count in (3, 3, 2, 1)]
    assert left == [Quota(n, 100, 21600, "192.0.2.1") for n in (5, 2, 2, 0)]
    assert {asked.method for asked in https.log} == {"HEAD"}


def test_the_quota_is_looked_at_without_a_login(https: Site, ask: Callable[..., Any], laptop: Path) -> None:
    """That is how hosts pull, whatever account the laptop has."""
    (laptop / ".docker").mkdir(parents=True)
    (laptop / ".docker" / "config.json").write_text('{"auths": {"docker.io": {"auth": "bWU6c2VjcmV0"}}}')
    challenge = {"WWW-Authenticate": 'Bearer realm="https://auth.docker.io/token",service="x"'}

    def route(asked: Asked) -> Answer:
        known = asked.headers.get("authorization") == "Bearer t"
        return Answer(headers={**LIMIT, "RateLimit-Remaining": "7;w=21600"}) if known else Answer(status=401, headers=challenge)

    https.routes[COUNTED] = route
    https.routes["/token"] = Answer(b'{"token": "t"}')
    assert ask(QuotaQuery(1)).left == 7
    assert not any(asked.headers.get("authorization", "").startswith("Basic") for asked in https.log)


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (Answer(), None),
        (Answer(headers={"RateLimit-Remaining": "many"}), None),
        (Answer(headers={"RateLimit-Remaining": "12"}), 12),
        (Answer(b"{}", 429), 0),
    ],
)
def test_other_words_about_the_quota(https: Site, ask: Callable[..., Any], answer: Answer, left: int | None) -> None:
    """Nothing is counted where nothing is said; a refusal says that nothing is left."""
    https.routes[COUNTED] = answer
    assert ask(QuotaQuery(1)).left == left


# ── the lock ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_locked_is_not_looked_up(https: Site, proxy: Proxy, tmp_path: Path) -> None:
    """Also when the tag names something else by now; of another run, nothing is asked at all."""
    serve(https)
    path = tmp_path / "fleet.lock.yml"
    query = ImageQuery(APP)
    assert Resolver(lock=LockFile(path, writes=True)).resolve([query])[query] == PINNED
    serve(https, tagged=V7)
    asked = len(https.log)
    assert Resolver(lock=LockFile(path)).resolve([query])[query] == PINNED
    assert len(https.log) == asked
    assert Resolver().resolve([TagQuery(APP)])[TagQuery(APP)] == TagDigest(digest(V7))


def test_what_could_not_be_looked_up_is_not_locked(https: Site, proxy: Proxy, tmp_path: Path) -> None:
    """No entry comes of it."""
    file = LockFile(tmp_path / "fleet.lock.yml", writes=True)
    assert isinstance(Resolver(timeout=2, deadline=2.5, lock=file).resolve([ImageQuery(APP)])[ImageQuery(APP)], Unavailable)
    assert not file.lock.pins
    assert not file.path.exists()
