"""A small Internet for one test: sites with TLS and an authority of their own, and a proxy that knows their names."""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PRODUCTION = ("registry-1.docker.io", "auth.docker.io", "download.docker.com", "registry.test", "blobs.test")


@dataclass(frozen=True)
class Asked:
    """A request as a server saw it; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a server says; ``announced`` is a false Content-Length, ``pause`` the seconds before each byte."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    pause: float = 0.0


Route = Answer | Callable[[Asked], Answer]


class Site:
    """One server on localhost. ``routes`` are by path with the query left out; what is not there is a 404."""

    def __init__(self, port: int, scheme: str) -> None:
        self.url = f"{scheme}://localhost:{port}"
        self.port = port
        self.routes: dict[str, Route | list[Route]] = {}
        self.log: list[Asked] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        """A list of answers is given one by one, the last of them for ever."""
        with self._lock:
            self.log.append(asked)
            route = self.routes.get(urlsplit(asked.path).path, Answer(b"not here\n", 404))
            if isinstance(route, list):
                route = route.pop(0) if len(route) > 1 else route[0]
        return route if isinstance(route, Answer) else route(asked)

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [asked.path for asked in self.log]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many of these tests are about."""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = site.answer(Asked(self.command, self.path, headers))
            self.send_response(answer.status)
            length = len(answer.body) if answer.announced is None else answer.announced
            for name, value in {"Content-Length": str(length), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self._send(answer)

        do_HEAD = do_GET

        def _send(self, answer: Answer) -> None:
            if not answer.pause:
                self.wfile.write(answer.body)
            for byte in answer.body if answer.pause else b"":
                if site.stopping.wait(answer.pause):
                    return
                self.wfile.write(bytes([byte]))

        def log_message(self, *_: Any) -> None:
            """Nothing: the site has its own log."""

    return Handler


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve in a thread as long as the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def site(certificate: Path | None = None) -> Iterator[Site]:
    """A server with TLS if there is a certificate for it."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    made = Site(server.server_address[1], "https" if certificate else "http")
    server.RequestHandlerClass = _handler(made)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with serving(server):
        yield made
        made.stopping.set()


# ── the proxy ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Proxy:
    """Leads every name to a site, by CONNECT and by absolute URLs; wants a login when there is one."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.targets: dict[str, Site] = {}
        self.login = ""
        self.log: list[str] = []

    def refusal(self, headers: Mapping[str, str]) -> int:
        """The status with which a request is turned away, or 0."""
        return 407 if self.login and headers.get("Proxy-Authorization") != f"Basic {self.login}" else 0


def _proxy_handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if target := self._target(self.path.partition(":")[0]):
                with socket.create_connection(("127.0.0.1", target.port)) as upstream:
                    self.send_response(200)
                    self.end_headers()
                    _pump(self.connection, upstream)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if target := self._target(parts.hostname or ""):
                answer = target.answer(Asked("GET", parts.path, {}))
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        def _target(self, host: str) -> Site | None:
            proxy.log.append(f"{self.command} {host}")
            status = proxy.refusal(dict(self.headers.items())) or (0 if host in proxy.targets else 502)
            if status:
                self.send_error(status)
            return None if status else proxy.targets[host]

        def log_message(self, *_: Any) -> None:
            """Nothing: the proxy has its own log."""

    return Handler


def _pump(one: socket.socket, other: socket.socket) -> None:
    pairs = {one: other, other: one}
    while True:
        for source in select.select(list(pairs), [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            pairs[source].sendall(data)


@contextmanager
def running_proxy() -> Iterator[Proxy]:
    """A proxy on localhost."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    made = Proxy(server.server_address[1])
    server.RequestHandlerClass = _proxy_handler(made)
    with serving(server):
        yield made


# ── the authority ────────────────────────────────────────────────────────────────────────────────────────────────────


class Authority:
    """Signs certificates of servers; ``pem`` is what a client has to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        self.pem = folder / "ca.pem"
        builder = self._builder(self._name, self._key, 0).add_extension(x509.BasicConstraints(True, None), critical=True)
        usage = x509.KeyUsage(*[name in ("key_cert_sign", "crl_sign") for name in _USAGES])
        self.pem.write_bytes(_pem(builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())))

    def certificate(self, *names: str, days: int = 0) -> Path:
        """A file with certificate and key for some names, valid ``days`` from now on (or before now)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server of a test")])
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        builder = self._builder(subject, key, days).add_extension(alternatives, critical=False)
        file = self._folder / f"{names[0]}{days}.pem"
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())) + private)
        return file

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        begin = datetime.now(UTC) - timedelta(days=1) + timedelta(days=days)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=2))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
