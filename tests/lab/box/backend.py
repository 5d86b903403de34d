"""The part of the box that nginx can't do by itself: a small HTTP server on a unix socket behind it.

/package/<path below the repository>   a package file, put together from its parts
/token                                 Docker Hub's token service
/check                                 nginx asks here whether a request to the Hub may pass (auth_request)
/v2/<repository>/blobs/<digest>        the Hub answers blobs with a redirect to where they are kept
"""

from __future__ import annotations

import json
import re
import socketserver
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.lab import cache
from tests.lab.box.names import HUB_BLOBS
from tests.lab.box.parts import read_parts
from tests.lab.box.tokens import LIFETIME, PRIVATE, Tokens, challenge, is_account

_REPOSITORY = re.compile(r"^/v2/(?P<name>.+)/(?:manifests|blobs|tags|referrers)/")
_SCOPE = re.compile(r"^repository:(?P<name>[a-z0-9._/-]+):")
_DIGEST = re.compile(r"/blobs/sha256:(?P<hex>[0-9a-f]{64})$")


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves the folders `packages` (see `apt_repo`) and `hub` (a registry's storage); `granted` has the number of pulls left."""

    daemon_threads = True

    def __init__(self, socket: Path, packages: Path, hub: Path, granted: Path) -> None:
        super().__init__(str(socket), Handler)
        self.packages = packages
        self.hub = hub
        self.granted = granted
        self.tokens = Tokens()

    def knows(self, repository: str) -> bool:
        """Say whether the Hub has such a repository."""
        return (self.hub / "docker/registry/v2/repositories" / repository / "_manifests").is_dir()


class Handler(BaseHTTPRequestHandler):
    """One connection from nginx."""

    server: Server

    def do_GET(self) -> None:
        """Answer by the first part of the path."""
        url = urlsplit(self.path)
        path = unquote(url.path)
        if path.startswith("/package/"):
            self._package(path.removeprefix("/package/"))
        elif path == "/token":
            self._token(parse_qs(url.query).get("scope", []))
        elif path == "/check":
            self._check()
        else:
            self._blob(path)

    do_HEAD = do_GET

    def _package(self, place: str) -> None:
        file = self.server.packages / place
        if ".." in place or not file.is_file():
            self._answer(404, b"Not Found\n")
            return
        parts = read_parts(file)
        self._headers(200, parts.size(), {"Content-Type": "application/vnd.debian.binary-package"})
        if self.command == "GET":
            for block in parts.blocks():
                self.wfile.write(block)

    def _token(self, scopes: list[str]) -> None:
        wanted = [match["name"] for scope in " ".join(scopes).split() if (match := _SCOPE.match(scope))]
        account = is_account(self.headers.get("Authorization", ""))
        if account is False:
            self._answer(401, b'{"details":"incorrect username or password"}', {"Content-Type": "application/json"})
            return
        readable = (name for name in wanted if self.server.knows(name) and (account or name not in PRIVATE))
        token = self.server.tokens.issue(readable)
        issued = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = {"token": token, "access_token": token, "expires_in": LIFETIME, "issued_at": issued}
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _check(self) -> None:
        path = unquote(urlsplit(self.headers.get("X-Original-URI", "")).path)
        match = _REPOSITORY.match(path)
        repository = match["name"] if match else ""
        fault = self.server.tokens.fault(self.headers.get("Authorization", ""), repository)
        if fault is None and self.headers.get("X-Original-Method") not in ("GET", "HEAD"):
            fault = "insufficient_scope"  # nobody may push
        if fault is None:
            self._answer(200, b"", {"X-Pulls-Left": self.server.granted.read_text()})
        else:
            self._answer(401, b"", {"WWW-Authenticate": challenge(repository, fault)})

    def _blob(self, path: str) -> None:
        match = _DIGEST.search(path)
        place = f"docker/registry/v2/blobs/sha256/{match['hex'][:2]}/{match['hex']}/data" if match else ""
        if place and (self.server.hub / place).is_file():
            self._answer(307, b"", {"Location": f"https://{HUB_BLOBS}/registry-v2/{place}"})
        else:
            error = {"errors": [{"code": "BLOB_UNKNOWN", "message": "blob unknown to registry"}]}
            self._answer(404, json.dumps(error).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._headers(status, len(body), headers or {})
        if self.command == "GET":
            self.wfile.write(body)

    def _headers(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def address_string(self) -> str:
        """Name the client in the log; a unix socket has no address."""
        return "nginx"


def main(socket: str, packages: str, hub: str, granted: str, *used: str) -> None:
    """Serve until ended by a signal; hold the cache entries `used`, by name, as long."""
    for name in used:
        cache.hold(cache.home() / name)
    temporary = Path(f"{socket}.new")
    server = Server(temporary, Path(packages), Path(hub), Path(granted))
    temporary.rename(socket)  # the socket shows up when it is served, not before
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
