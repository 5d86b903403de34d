"""Images in registries: tokens, indexes and single manifests, logins, limits."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fleet.catalog import Resolver
from fleet.model import Unavailable
from fleet.queries import ImageQuery, RemoteImage
from tests.unit.catalog.web import Answer, Asked, Proxy, Route, Site

INDEX = "application/vnd.oci.image.index.v1+json"
LOGIN = base64.b64encode(b"me:secret").decode()


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def platform(architecture: str, variant: str = "", system: str = "linux") -> dict[str, Any]:
    words = {"os": system, "architecture": architecture, **({"variant": variant} if variant else {})}
    return {"digest": digest(architecture.encode()), "platform": words}


def index(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}).encode()


THREE = index(platform("amd64"), platform("arm", "v7"), platform("unknown", system="unknown"), platform("arm64", "v8"))
OFFERED = ("linux/amd64", "linux/arm/v7", "linux/arm64/v8")


def guarded(answer: Answer, realm: str, token: str = "t0ken") -> Callable[[Asked], Answer]:
    """Answers only to the bearer of the token, as token.md describes."""
    challenge = f'Bearer realm="{realm}",service="registry.test",scope="repository:team/app:pull"'

    def route(asked: Asked) -> Answer:
        if asked.headers.get("authorization") == f"Bearer {token}":
            return answer
        return Answer(b'{"errors":[]}', 401, {"WWW-Authenticate": challenge})

    return route


@pytest.fixture
def look_up(proxy: Proxy) -> Callable[[str], RemoteImage | Unavailable]:
    """Ask by way of the proxy, so that every name is the test's site."""

    def ask(reference: str) -> RemoteImage | Unavailable:
        query = ImageQuery(reference)
        return Resolver(timeout=2, deadline=2.5).resolve([query])[query]

    return ask


LookUp = Callable[[str], RemoteImage | Unavailable]


def docker_config(home: Path, config: object) -> None:
    (home / ".docker").mkdir(parents=True)
    (home / ".docker/config.json").write_text(config if isinstance(config, str) else json.dumps(config))


def unavailable(answer: object) -> Unavailable:
    assert isinstance(answer, Unavailable)
    assert answer.hint.endswith(".")
    assert "secret" not in answer.why + answer.hint
    return answer


# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_index_has_platforms_and_no_attestations(https: Site, look_up: LookUp) -> None:
    """The digest is the index's own, the same on every architecture; unknown/unknown is no image."""
    https.routes["/v2/team/app/manifests/1"] = Answer(THREE)
    assert look_up("registry.test/team/app:1") == RemoteImage(digest(THREE), OFFERED)
    accepted = https.log[0].headers["accept"]
    assert INDEX in accepted
    assert "manifest.list.v2+json" in accepted


def test_a_single_manifest_takes_its_platform_from_the_configuration(https: Site, http: Site, look_up: LookUp) -> None:
    """The blob is behind a redirect to another host, which must not see the token."""
    config = json.dumps({"os": "linux", "architecture": "arm", "variant": "v6", "rootfs": {}}).encode()
    manifest = json.dumps({"schemaVersion": 2, "config": {"digest": digest(config)}, "layers": []}).encode()
    moved = Answer(status=307, headers={"Location": "https://blobs.test/kept?signature=s"})
    https.routes["/token"] = Answer(b'{"token": "t0ken"}')
    https.routes["/v2/team/app/manifests/1"] = guarded(Answer(manifest), "https://auth.docker.io/token")
    https.routes[f"/v2/team/app/blobs/{digest(config)}"] = guarded(moved, "https://auth.docker.io/token")
    https.routes["/kept"] = Answer(config)
    assert look_up("registry.test/team/app:1") == RemoteImage(digest(manifest), ("linux/arm/v6",))
    assert "authorization" not in https.log[-1].headers


def test_a_digest_is_asked_for_and_checked(https: Site, look_up: LookUp) -> None:
    """What comes must have the digest that the reference names."""
    https.routes[f"/v2/team/app/manifests/{digest(THREE)}"] = Answer(THREE)
    assert look_up(f"registry.test/team/app:1@{digest(THREE)}") == RemoteImage(digest(THREE), OFFERED)
    https.routes[f"/v2/team/app/manifests/{digest(b'x')}"] = Answer(THREE)
    assert "came damaged" in unavailable(look_up(f"registry.test/team/app@{digest(b'x')}")).why


def test_a_header_that_contradicts_the_content(https: Site, look_up: LookUp) -> None:
    """Docker-Content-Digest is taken at its word, and held to it."""
    https.routes["/v2/team/app/manifests/1"] = Answer(THREE, headers={"Docker-Content-Digest": digest(b"other")})
    assert "came damaged" in unavailable(look_up("registry.test/team/app:1")).why


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "no image registry: it does not answer in JSON"),
        (b"[]", "does not answer in JSON"),
        (b'{"schemaVersion": 1, "fsLayers": []}', "format that Docker no longer pulls"),
        (b'{"config": {"digest": 5}}', "format that Docker no longer pulls"),
    ],
)
def test_what_is_no_image(https: Site, look_up: LookUp, body: bytes, words: str) -> None:
    """Pages and formats of the past, in words."""
    https.routes["/v2/team/app/manifests/1"] = Answer(body)
    assert words in unavailable(look_up("registry.test/team/app:1")).why


@pytest.mark.parametrize("entry", [{}, {"platform": None}, {"platform": "linux"}, {"platform": {"os": "linux"}}])
def test_an_index_without_platforms(https: Site, look_up: LookUp, entry: dict[str, Any]) -> None:
    """Entries that name no platform count for none; nothing falls over."""
    body = index(entry)
    https.routes["/v2/team/app/manifests/1"] = Answer(body)
    assert look_up("registry.test/team/app:1") == RemoteImage(digest(body), ())


# ── tokens and logins ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_is_fetched_when_asked_for(https: Site, look_up: LookUp, name: str) -> None:
    """401, the realm with service and scope, and again with the token; without a login nothing is sent to the realm."""
    https.routes["/token"] = Answer(json.dumps({name: "t0ken"}).encode())
    https.routes["/v2/team/app/manifests/1"] = guarded(Answer(THREE), "https://auth.docker.io/token?account=x")
    assert look_up("registry.test/team/app:1") == RemoteImage(digest(THREE), OFFERED)
    asked = https.log[1]
    assert parse_qs(urlsplit(asked.path).query) == {
        "account": ["x"],
        "service": ["registry.test"],
        "scope": ["repository:team/app:pull"],
    }
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("name", ["registry.test", "https://registry.test", "https://registry.test/v2/"])
def test_a_login_of_docker_goes_to_the_realm(https: Site, look_up: LookUp, laptop: Path, name: str) -> None:
    """From auths in ~/.docker/config.json, by all forms of a registry's name; the registry itself gets the token alone."""
    docker_config(laptop, {"auths": {"other.test": {"auth": "b3RoZXI6eA=="}, name: {"auth": LOGIN}}})
    https.routes["/token"] = Answer(b'{"token": "t0ken"}')
    https.routes["/v2/team/app/manifests/1"] = guarded(Answer(THREE), "https://auth.docker.io/token")
    assert look_up("registry.test/team/app:1") == RemoteImage(digest(THREE), OFFERED)
    assert [asked.headers.get("authorization") for asked in https.log] == [None, f"Basic {LOGIN}", "Bearer t0ken"]


def test_a_registry_with_basic_authentication(https: Site, look_up: LookUp, laptop: Path) -> None:
    """Small registries behind a web server ask for user and password themselves."""
    docker_config(laptop, {"auths": {"registry.test": {"auth": LOGIN}}})

    def route(asked: Asked) -> Answer:
        known = asked.headers.get("authorization") == f"Basic {LOGIN}"
        return Answer(THREE) if known else Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

    https.routes["/v2/team/app/manifests/1"] = route
    assert look_up("registry.test/team/app:1") == RemoteImage(digest(THREE), OFFERED)


def test_a_token_is_never_asked_for_without_tls(https: Site, http: Site, look_up: LookUp, laptop: Path) -> None:
    """A registry that sends us to http:// for a token would get the password in the clear."""
    docker_config(laptop, {"auths": {"registry.test": {"auth": LOGIN}}})
    https.routes["/v2/team/app/manifests/1"] = guarded(Answer(THREE), "http://auth.docker.io/token")
    assert "without TLS" in unavailable(look_up("registry.test/team/app:1")).why
    assert len(https.log) == 1


NOTHING = Answer(b"{}", 404)
REALM = "https://auth.docker.io/token"


@pytest.mark.parametrize(
    ("manifest", "token", "why"),
    [
        (NOTHING, NOTHING, "there is no image registry.test/team/app:1"),
        (guarded(NOTHING, REALM), Answer(b'{"token": "t0ken"}'), "there is no image registry.test/team/app:1"),
        (guarded(NOTHING, REALM), Answer(b'{"token": "other"}'), "no right to read it (401)"),
        (guarded(NOTHING, REALM), Answer(b"{}"), "no right to read it (401)"),
        (guarded(NOTHING, REALM), Answer(status=401), "no right to read it (401)"),
        (guarded(NOTHING, REALM), Answer(status=403), "no right to read it (403)"),
        (Answer(status=403), NOTHING, "no right to read it (403)"),
        (Answer(status=401), NOTHING, "no right to read it (401)"),
        (Answer(status=401, headers={"WWW-Authenticate": "Bearer nonsense"}), NOTHING, "no right to read it (401)"),
        (Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'}), NOTHING, "no right to read it (401)"),
    ],
)
def test_no_such_image_or_no_right_to_it(https: Site, look_up: LookUp, manifest: Route, token: Answer, why: str) -> None:
    """Registries often don't tell the two apart, and neither do we then."""
    https.routes["/v2/team/app/manifests/1"] = manifest
    https.routes["/token"] = token
    assert why in unavailable(look_up("registry.test/team/app:1")).why


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        (None, "docker login registry.test"),
        ({"auths": {"registry.test": {"auth": LOGIN}}}, "may have expired"),
        ({"auths": {"registry.test": {}}, "credsStore": "desktop"}, "there is no program docker-credential-desktop"),
        ({"credHelpers": {"registry.test": "nosuch"}}, "there is no program docker-credential-nosuch"),
        ({"credHelpers": {"other.test": "ecr-login"}}, "docker login registry.test"),
        ({"auths": {"registry.test": {"auth": "not base64!"}}}, "docker login registry.test"),
        ({"auths": ["registry.test"], "credHelpers": 5}, "docker login registry.test"),
        ("{broken", "docker login registry.test"),
        ([], "docker login registry.test"),
    ],
)
def test_the_hint_knows_the_laptops_logins(https: Site, look_up: LookUp, laptop: Path, config: object, hint: str) -> None:
    """What to do depends on what `docker login` has left; a broken file is as good as none."""
    if config is not None:
        docker_config(laptop, config)
    https.routes["/v2/team/app/manifests/1"] = Answer(status=403)
    assert hint in unavailable(look_up("registry.test/team/app:1")).hint


# ── the Hub, limits, localhost ───────────────────────────────────────────────────────────────────────────────────────


def test_the_hub_is_asked_by_its_real_name(https: Site, proxy: Proxy, look_up: LookUp, laptop: Path) -> None:
    """`app` is library/app of registry-1.docker.io, and the login is the one that Docker files under the index."""
    docker_config(laptop, {"auths": {"https://index.docker.io/v1/": {"auth": LOGIN}}})
    https.routes["/token"] = Answer(b'{"token": "t0ken"}')
    https.routes["/v2/library/app/manifests/latest"] = guarded(Answer(THREE), REALM)
    assert look_up("app") == RemoteImage(digest(THREE), OFFERED)
    assert set(proxy.log) == {"CONNECT registry-1.docker.io", "CONNECT auth.docker.io"}
    assert f"Basic {LOGIN}" in [asked.headers.get("authorization") for asked in https.log]


def test_the_hub_says_where_tags_are(https: Site, look_up: LookUp) -> None:
    """The page with an image's tags, for official images and others."""
    assert "hub.docker.com/_/app/tags" in unavailable(look_up("app:9")).hint
    assert "hub.docker.com/r/team/app/tags" in unavailable(look_up("team/app:9")).hint


def test_the_hubs_rate_limit(https: Site, look_up: LookUp) -> None:
    """429 of the Hub is the network's quota of pulls; that of another registry is just haste."""
    body = b'{"errors":[{"code":"TOOMANYREQUESTS"}]}'
    https.routes["/v2/library/app/manifests/latest"] = Answer(body, 429, {"Retry-After": "600"})
    https.routes["/v2/team/app/manifests/latest"] = Answer(body, 429, {"Retry-After": "600"})
    answer = unavailable(look_up("app"))
    assert "100 in 6 hours without a login" in answer.why
    assert "docker login" in answer.hint
    assert "Try again in 600 seconds" in unavailable(look_up("registry.test/team/app")).hint


def test_localhost_speaks_plain_http(http: Site, resolver: Resolver) -> None:
    """As for the daemon; and when it fails, it is said whose localhost was meant."""
    http.routes["/v2/app/manifests/latest"] = Answer(THREE)
    there, missing = ImageQuery(f"localhost:{http.port}/app"), ImageQuery(f"127.0.0.1:{http.port}/nothing")
    answers = resolver.resolve([there, missing])
    assert answers[there] == RemoteImage(digest(THREE), OFFERED)
    assert "localhost is this machine here, not the host" in unavailable(answers[missing]).hint


def test_other_registries_never_speak_plain_http(https: Site, proxy: Proxy, look_up: LookUp) -> None:
    """Neither a private address nor a name that begins like a loopback address."""
    look_up("192.168.1.5:5000/app")
    look_up("127.0.0.1.test/app")
    assert {line.partition(" ")[0] for line in proxy.log} == {"CONNECT"}
