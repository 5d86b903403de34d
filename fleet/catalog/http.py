"""One GET over HTTP(S), with retries, limits, and errors that are sentences.

Python's own client does it: a run asks some ten URLs and hardly one twice, so a pool of connections is of little use,
and urllib brings what matters here: the system's CA store (requests and httpx come with a list of their own),
SSL_CERT_FILE and SSL_CERT_DIR, and HTTP_PROXY, HTTPS_PROXY and NO_PROXY. This module is imported when the first
question is asked, not before.
"""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from fleet import __version__
from fleet.catalog.credentials import Login
from fleet.catalog.troubles import HttpError, explain, refused

T = TypeVar("T")

NOT_FOUND = 404
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ATTEMPTS = 5
_BLOCK = 1 << 16
"""Bytes that are read at once, at most."""
_backoff = wait_exponential(multiplier=0.2, max=4) + wait_random(0, 0.3)


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered; ``url`` is the last one of a chain of redirects."""

    url: str
    status: int
    headers: Message
    body: bytes


class Web:
    """The HTTP client of a run, for all threads.

    ``timeout`` counts from one sign of life of the server to the next, ``deadline`` for a question with all its
    retries; both in seconds. ``now`` is the laptop's clock, by which certificates are judged.
    """

    def __init__(self, *, timeout: float = 10.0, deadline: float = 20.0, now: Callable[[], datetime] = datetime.now) -> None:
        self._timeout = timeout
        self._deadline = deadline
        self._now = now
        context = ssl.create_default_context()
        self._following = _opener(context, _SafeRedirects())
        self._staying = _opener(context, _NoRedirects())
        self.logins: dict[str, Login] = {}
        """Those of the recipe, by registry; where it has none, the laptop's own count."""
        self.manifests: dict[tuple[str, str], bytes] = {}
        """What registries have said in this run, by place and digest: what is asked by its digest can't change, and
        the Hub counts each time that it is asked."""

    def get(
        self,
        url: str,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        secret_headers: Mapping[str, str] | None = None,
        expect: frozenset[int] = frozenset(),
        follow: bool = True,
        method: str = "GET",
    ) -> Response:
        """Fetch at most ``limit`` bytes; 200 and the statuses in ``expect`` are answers, all else is an HttpError.

        ``secret_headers`` go to the named server only, not to where it redirects.
        """
        end = time.monotonic() + self._deadline
        opener = self._following if follow else self._staying

        def attempt() -> Response:
            request = _request(url, headers or {}, secret_headers or {}, method)
            timeout = min(self._timeout, max(0.5, end - time.monotonic()))
            with _open(opener, request, timeout, expect) as answer:
                body = b"".join(_blocks(url, answer, limit, end))
                return Response(answer.url or url, answer.status or 0, answer.headers, body)

        return self._persistently(url, attempt)

    def stream(self, url: str, write: Callable[[Iterator[bytes]], T], *, limit: int) -> T:
        """Give the content of a URL to ``write`` in blocks; when the transport is retried, it is called anew with all of it."""

        def attempt() -> T:
            with _open(self._following, _request(url, {}, {}), self._timeout, frozenset()) as answer:
                return write(_blocks(url, answer, limit))

        return self._persistently(url, attempt)

    def _persistently(self, url: str, attempt: Callable[[], T]) -> T:
        retrying = Retrying(
            stop=stop_after_attempt(_ATTEMPTS) | stop_before_delay(self._deadline),
            wait=_wait,
            retry=retry_if_exception(lambda error: isinstance(error, HttpError) and error.again),
            reraise=True,
        )
        answer: T = retrying(self._in_words, url, attempt)
        return answer

    def _in_words(self, url: str, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except urllib.error.HTTPError as error:
            with error:
                raise refused(url, error.code, dict(error.headers.items())) from None
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise explain(url, error, timeout=self._timeout, now=self._now()) from error


def _wait(state: RetryCallState) -> float:
    """What the server asks for, else longer and longer."""
    error = state.outcome.exception() if state.outcome else None
    return max(error.after if isinstance(error, HttpError) else 0.0, _backoff(state))


def _request(url: str, headers: Mapping[str, str], secret: Mapping[str, str], method: str = "GET") -> urllib.request.Request:
    if urlsplit(url).scheme not in ("http", "https"):
        raise HttpError(
            f"{url} can't be fetched: it is no http or https URL", "Write https://…, or http://… for a mirror without TLS."
        )
    spoken = {"User-Agent": f"fleet/{__version__}", **headers}
    request = urllib.request.Request(url, headers=spoken, method=method)  # noqa: S310 (checked above)
    for name, value in secret.items():
        request.add_unredirected_header(name, value)
    return request


@contextmanager
def _open(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request, timeout: float, expect: frozenset[int]
) -> Iterator[Any]:
    try:
        answer = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code not in expect:
            raise
        answer = error
    with answer:
        yield answer


def _blocks(url: str, answer: Any, limit: int, end: float | None = None) -> Iterator[bytes]:
    """The body as it comes; http.client itself does not notice when less comes than was announced."""
    total = 0
    while block := answer.read1(_BLOCK):
        total += len(block)
        if total > limit:
            raise HttpError(
                f"{url} can't be fetched: it has over {limit >> 20 or 1} MiB", "Check the URL: what is there is something else."
            )
        if end is not None and time.monotonic() > end:
            raise TimeoutError
        yield block
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)


def _opener(context: ssl.SSLContext, redirects: urllib.request.HTTPRedirectHandler) -> urllib.request.OpenerDirector:
    """HTTP and HTTPS, by way of proxies; none of the other schemes that urllib knows."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        redirects,
    ):
        opener.add_handler(handler)
    return opener


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """The request to make in place of ``req``."""
        if req.type == "https" and urlsplit(newurl).scheme == "http":
            fp.close()
            raise HttpError(
                f"{req.full_url} can't be fetched: it redirects from https to {newurl}",
                "Check the URL; fleet does not follow there.",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to the caller."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> None:
        """No request is made."""
