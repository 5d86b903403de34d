"""What can go wrong between the laptop and a server, as a sentence and a remedy."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from fleet.errors import CatalogError

_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME = 9, 10, 62
"""Verification results of OpenSSL (openssl-verification-options(1), x509_vfy.h)."""


class HttpError(CatalogError):
    """A question that got no answer.

    ``status`` is 0 when no server spoke; ``again`` when another try may help, after ``after`` seconds if that is known.
    """

    def __init__(self, message: str, hint: str, *, status: int = 0, again: bool = False, after: float = 0.0) -> None:
        super().__init__(message, hint)
        self.status = status
        self.again = again
        self.after = after


def proxy_for(url: str) -> str:
    """The proxy that the environment names for a URL, without its password; empty when there is none."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if not proxy or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    named = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return f"{named.scheme}://{named.netloc.rpartition('@')[2]}"


def explain(url: str, error: Exception, *, timeout: float, now: datetime) -> HttpError:
    """Turn an error of the transport into words."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    proxy = proxy_for(url)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _distrusted(url, reason, now)
    if "Tunnel connection failed" in str(reason):
        return _no_tunnel(url, str(reason), proxy)
    what, hint, again = _transport(reason, proxy or url, timeout)
    through = f" through the proxy {proxy}" if proxy else ""
    return HttpError(f"{url} can't be fetched{through}: {what}", hint or _check_network(proxy), again=again)


def _transport(reason: object, url: str, timeout: float) -> tuple[str, str, bool]:
    """What happened, a remedy if there is one of its own, and whether another try may help."""
    host = urlsplit(url).hostname or url
    if isinstance(reason, socket.gaierror):
        return f"the name {host} can't be resolved ({reason.strerror})", "", reason.errno not in _NO_SUCH_NAME
    if isinstance(reason, TimeoutError):
        return f"{host} gave no sign of life for {timeout:g} seconds", "", True
    if isinstance(reason, ConnectionRefusedError):
        return f"{urlsplit(url).netloc} refuses connections", "", True
    if isinstance(reason, ssl.SSLError) and not isinstance(reason, ssl.SSLEOFError):
        words = reason.reason or str(reason)
        return (
            f"no TLS connection ({words.replace('_', ' ').lower()})",
            "Write http:// if the server has no TLS; else look for a firewall or proxy in between.",
            False,
        )
    if isinstance(reason, (ConnectionError, http.client.RemoteDisconnected, http.client.IncompleteRead, ssl.SSLEOFError)):
        return "the connection broke off", "", True
    if isinstance(reason, http.client.HTTPException | UnicodeError):
        return f"{host} does not speak HTTP there ({type(reason).__name__})", "Check the URL.", False
    return str(getattr(reason, "strerror", None) or reason), "", isinstance(reason, OSError)


def _check_network(proxy: str) -> str:
    if proxy:
        return f"Check the proxy (HTTP_PROXY, HTTPS_PROXY), or name the server in NO_PROXY if it needs none: now it is {proxy}."
    return "Check this machine's network and DNS; behind a proxy, set HTTPS_PROXY (and HTTP_PROXY)."


def _no_tunnel(url: str, words: str, proxy: str) -> HttpError:
    answer = words.partition("Tunnel connection failed: ")[2]
    hint = (
        f"Put the login into HTTPS_PROXY (http://USER:PASSWORD@{urlsplit(proxy).netloc})."
        if "407" in answer
        else _check_network(proxy)
    )
    return HttpError(
        f"the proxy {proxy} does not let us through to {url}: {answer}", hint, again=answer[:3] in ("502", "503", "504")
    )


def _distrusted(url: str, error: ssl.SSLCertVerificationError, now: datetime) -> HttpError:
    host = urlsplit(url).hostname
    if error.verify_code in (_NOT_YET_VALID, _EXPIRED):
        what = "is not valid yet" if error.verify_code == _NOT_YET_VALID else "has expired"
        hint = f"This machine's clock says {now:%Y-%m-%d %H:%M}; correct it if that is wrong."
    elif error.verify_code == _OTHER_NAME:
        what, hint = (
            "is for another name",
            "Check the URL. In a hotel's or a company's network something may answer in its place.",
        )
    else:
        what, hint = f"is signed by nobody whom this machine trusts ({error.verify_message})", _own_authority()
    return HttpError(f"{url} can't be fetched: the certificate of {host} {what}", hint)


def _own_authority() -> str:
    file = os.environ.get("SSL_CERT_FILE", "")
    if file and not os.access(file, os.R_OK):
        return f"SSL_CERT_FILE names {file}, which can't be read; correct or unset it."
    return "If a proxy or a mirror of yours has its own authority, set SSL_CERT_FILE to a PEM bundle with that certificate in it."


def refused(url: str, status: int, headers: Mapping[str, str]) -> HttpError:
    """The answer is a status that nobody expected."""
    words = f"{status} {http.client.responses.get(status, '')}".strip()
    after = retry_after(headers.get("Retry-After", ""))
    message, hint = (
        f"{url} can't be fetched: the server answers {words}",
        "Check the URL; a mirror keeps the layout of the original.",
    )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = f"Try again in {after:.0f} seconds." if after else "Wait some minutes, then try again."
        message, hint = f"{url} can't be fetched: too many requests from this network ({words})", wait
    elif status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        hint = "Put the proxy's login into HTTP_PROXY (http://USER:PASSWORD@HOST:PORT)."
    elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        hint = "It wants a login or does not let this network in; some mirrors answer so for what they don't have."
    elif status in range(300, 400):
        message, hint = f"{url} can't be fetched: it redirects in circles or to what is no web server ({words})", "Check the URL."
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = "The trouble is on the server's side: try again later, or name a mirror in the recipe."
    return HttpError(message, hint, status=status, again=status in _AGAIN, after=after)


def retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks for, given as a number or a date (RFC 9110 §10.2.3); 0 when it says nothing."""
    if text.strip().isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
