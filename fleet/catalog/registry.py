"""Image registries: which platforms an image is made for.

Sources: the OCI distribution specification (opencontainers/distribution-spec, "Pulling manifests"), its token
authentication (distribution/distribution, docs/spec/auth/token.md), and the image specification's index and manifest.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from fleet.catalog import credentials
from fleet.catalog.http import NOT_FOUND, Response, Web
from fleet.catalog.troubles import HttpError
from fleet.errors import CatalogError
from fleet.formats.references import HUB, parse
from fleet.formats.registries import is_loopback
from fleet.queries import ImageQuery, RemoteImage

_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_LARGEST = 8 << 20
"""Bytes of a manifest or an image's configuration; registries themselves take 4 MiB."""
_UNAUTHORIZED, _FORBIDDEN = 401, 403
TOO_MANY = 429
_REFUSALS = frozenset({_UNAUTHORIZED, _FORBIDDEN, NOT_FOUND})
_ATTESTATION = "unknown/unknown"
"""The platform of what buildx adds to an index besides images."""


class NoImage(CatalogError):
    """The registry says that there is none of that name."""


class NoRight(CatalogError):
    """The registry does not let us look; some say so of what is not there, too."""


def image(web: Web, query: ImageQuery) -> RemoteImage:
    """Look an image up; raises CatalogError when there is none, or none for this user."""
    return Registry(web, query.reference).image()


class Registry:
    """One conversation about one image; it gets a token on the way, when the registry asks for one.

    With ``anonymous``, it does without the laptop's login; with ``insecure``, without TLS.
    """

    def __init__(self, web: Web, text: str, *, anonymous: bool = False, insecure: bool = False) -> None:
        self._web = web
        self._text = text
        self._anonymous = anonymous
        self._reference = reference = parse(text)
        scheme = "http" if insecure else _scheme(reference.server)
        self._base = f"{scheme}://{reference.server}/v2/{reference.repository}"
        self._authorization: dict[str, str] = {}

    def image(self) -> RemoteImage:
        """The digest of what the reference names, and its platforms."""
        answer = self._get(f"manifests/{self._reference.manifest}")
        digest = self._digest(answer)
        self._web.manifests[self._base, digest] = answer.body
        manifest = self._json(answer.body)
        entries = manifest.get("manifests")
        found = (
            [platform_of(e.get("platform") or {}) for e in entries]
            if isinstance(entries, list)
            else [self._platform_of(manifest)]
        )
        return RemoteImage(digest, tuple(dict.fromkeys(p for p in found if p and p != _ATTESTATION)))

    def contents(self) -> tuple[str, list[dict[str, Any]]]:
        """The digest of what the reference names, and the configuration of each image in it, one for each platform."""
        answer = self._get(f"manifests/{self._reference.manifest}")
        manifest = self._json(answer.body)
        entries = manifest.get("manifests")
        if not isinstance(entries, list):
            return self._digest(answer), [self._config(manifest)]
        images = [e for e in entries if isinstance(e, dict) and platform_of(e.get("platform") or {}) not in ("", _ATTESTATION)]
        return self._digest(answer), [self._config(self.manifest(str(e.get("digest")))) for e in images]

    def head(self) -> Response:
        """Ask for the headers only, which the Hub does not count as a pull; 429 is an answer."""
        return self._get(f"manifests/{self._reference.manifest}", "HEAD")

    def manifest(self, digest: str) -> dict[str, Any]:
        """The index or manifest of this digest; asked for once in a run."""
        place = (self._base, digest)
        if place not in self._web.manifests:
            answer = self._get(f"manifests/{digest}")
            self._verify(answer, digest)
            self._web.manifests[place] = answer.body
        return self._json(self._web.manifests[place])

    def _platform_of(self, manifest: dict[str, Any]) -> str:
        """A manifest without an index says no platform; the image's configuration does."""
        return platform_of(self._config(manifest))

    def _config(self, manifest: dict[str, Any]) -> dict[str, Any]:
        config = manifest.get("config")
        if not isinstance(config, dict) or not isinstance(config.get("digest"), str):
            raise CatalogError(
                f"{self._text} is in a format that Docker no longer pulls, or no image at all",
                "Push it again with a current Docker.",
            )
        answer = self._get(f"blobs/{config['digest']}")
        self._verify(answer, config["digest"])
        return self._json(answer.body)

    def _digest(self, answer: Response) -> str:
        digest = self._reference.digest or str(answer.headers.get("Docker-Content-Digest") or "")
        if digest.startswith("sha256:"):
            self._verify(answer, digest)
            return digest
        return f"sha256:{hashlib.sha256(answer.body).hexdigest()}"

    def _verify(self, answer: Response, digest: str) -> None:
        found = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if found != digest:
            raise CatalogError(
                f"{self._what()} came damaged: its digest is {found}, not {digest}", "Try again; check proxies on the way."
            )

    def _json(self, body: bytes) -> dict[str, Any]:
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if isinstance(content, dict):
            return content
        raise CatalogError(
            f"{self._reference.server} is no image registry: it does not answer in JSON", f"Correct {self._text} in the recipe."
        )

    def _get(self, path: str, method: str = "GET") -> Response:
        answer = self._ask(path, method)
        if answer.status == _UNAUTHORIZED and not self._authorization:
            self._authorize(str(answer.headers.get("WWW-Authenticate") or ""))
            answer = self._ask(path, method)
        if answer.status in _REFUSALS:
            raise self._refused(answer.status)
        return answer

    def _ask(self, path: str, method: str) -> Response:
        try:
            return self._web.get(
                f"{self._base}/{path}",
                limit=_LARGEST,
                headers={"Accept": _ACCEPT if path.startswith("manifests/") else "*/*"},
                secret_headers=self._authorization,
                expect=_REFUSALS if method == "GET" else _REFUSALS | {TOO_MANY},
                method=method,
            )
        except HttpError as error:
            raise self._in_own_words(error) from None

    def _login(self) -> str:
        registry = self._reference.registry
        found = self._web.logins.get(registry) or credentials.login(registry)
        return found.basic if found else ""

    def _authorize(self, challenge: str) -> None:
        scheme, _, rest = challenge.partition(" ")
        words = parse_keqv_list([word for word in parse_http_list(rest) if "=" in word])
        login = "" if self._anonymous else self._login()
        if scheme.lower() == "bearer" and "realm" in words:
            self._authorization = {"Authorization": f"Bearer {self._token(words, login)}"}
        elif scheme.lower() == "basic" and login:
            self._authorization = {"Authorization": f"Basic {login}"}
        else:
            raise self._refused(_UNAUTHORIZED)

    def _token(self, words: dict[str, str], login: str) -> str:
        realm, scope = words["realm"], words.get("scope") or f"repository:{self._reference.repository}:pull"
        if urlsplit(realm).scheme != "https" and urlsplit(self._base).scheme == "https":
            raise CatalogError(
                f"{self._reference.server} sends us to {realm} for a token, without TLS", "Check the registry's configuration."
            )
        asked = {name: value for name, value in (("service", words.get("service")), ("scope", scope)) if value}
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}"
        answer = self._web.get(
            url, limit=_LARGEST, secret_headers={"Authorization": f"Basic {login}"} if login else {}, expect=_REFUSALS
        )
        if answer.status in _REFUSALS:
            raise self._refused(answer.status)
        content = self._json(answer.body)
        return str(content.get("token") or content.get("access_token") or "")

    # ── refusals, in words ───────────────────────────────────────────────────────────────────────────────────────────

    def _what(self) -> str:
        return self._text if self._reference.registry in self._text else f"{self._text} (on {self._reference.registry})"

    def _refused(self, status: int) -> CatalogError:
        if status == NOT_FOUND:
            return NoImage(f"there is no image {self._what()}", f"Check its name and tag{self._tags()}.{self._whose_localhost()}")
        if self._login():
            login = "the login of this machine may have expired: docker login again"
        elif trouble := credentials.trouble(self._reference.registry):
            login = trouble
        else:
            login = f"if it is private, log in on this machine: docker login {self._reference.registry}"
        return NoRight(f"there is no image {self._what()}, or no right to read it ({status})", f"Check its name; {login}.")

    def _tags(self) -> str:
        if self._reference.registry != HUB:
            return ""
        owner, _, name = self._reference.repository.partition("/")
        return f"; its tags are at hub.docker.com/{'_' if owner == 'library' else f'r/{owner}'}/{name}/tags"

    def _whose_localhost(self) -> str:
        return " localhost is this machine here, not the host." if is_loopback(self._reference.server) else ""

    def _in_own_words(self, error: HttpError) -> CatalogError:
        if error.status == TOO_MANY and self._reference.registry == HUB:
            return self._too_often()
        return CatalogError(error.message, error.hint + self._whose_localhost())

    def _too_often(self) -> CatalogError:
        logged_in = bool(self._login())
        return CatalogError(
            f"Docker Hub refuses to answer about {self._text}: this network has used up its pulls"
            f" ({'of your account' if logged_in else '100 in 6 hours without a login, for all machines behind one address'})",
            "Wait, or let the hosts pull from a registry of your own."
            if logged_in
            else "Log in on this machine (docker login), wait, or let the hosts pull from a registry of your own.",
        )


def platform_of(entry: Any) -> str:
    """os/architecture[/variant]; empty when it is no platform."""
    if not isinstance(entry, dict):
        return ""
    words = [entry.get(name) for name in ("os", "architecture", "variant")]
    return "/".join(str(word) for word in words if word) if words[0] and words[1] else ""


def _scheme(server: str) -> str:
    """Plain HTTP for this machine itself alone, as the daemon has it for insecure registries."""
    return "http" if is_loopback(server) else "https"
