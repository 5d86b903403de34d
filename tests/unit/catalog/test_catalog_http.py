"""The transport: trust, proxies, redirects, retries, limits, and every kind of trouble in words."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from fleet.catalog.http import Web
from fleet.catalog.troubles import HttpError, proxy_for, retry_after
from tests.unit.catalog.web import Answer, Authority, Proxy, Site, site


def fast(now: datetime | None = None) -> Web:
    """A client made now, when the environment is as the test wants it."""
    return Web(timeout=2, deadline=2.5, now=lambda: now or datetime.now())


def trouble(web: Web, url: str, limit: int = 1000) -> HttpError:
    with pytest.raises(HttpError) as caught:
        web.get(url, limit=limit)
    assert url in caught.value.message or proxy_for(url) in caught.value.message
    assert caught.value.hint.endswith("."), "a hint is a sentence"
    return caught.value


def closed_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


# ── trust ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_authority_in_ssl_cert_file_is_trusted(https: Site, web: Web) -> None:
    """SSL_CERT_FILE is all that a user with an own authority has to set."""
    https.routes["/x"] = Answer(b"hello")
    assert web.get(f"{https.url}/x", limit=10).body == b"hello"
    assert https.log[0].headers["user-agent"].startswith("fleet/")


def test_an_unknown_authority_is_refused(https: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without it the certificate counts for nothing, one try is enough, and the hint names the variable."""
    other = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(other.pem))
    error = trouble(fast(), f"{https.url}/x")
    assert "signed by nobody whom this machine trusts" in error.message
    assert "SSL_CERT_FILE" in error.hint
    assert https.log == []


def test_a_lost_bundle_is_named(https: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL says nothing of an SSL_CERT_FILE that is not there; we do."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    assert "SSL_CERT_FILE names /nowhere/ca.pem, which can't be read" in trouble(fast(), f"{https.url}/x").hint


@pytest.mark.parametrize(("days", "words"), [(-30, "has expired"), (30, "is not valid yet")])
def test_a_certificate_of_another_time_points_to_the_clock(ca: Authority, days: int, words: str) -> None:
    """A laptop whose clock is wrong is told what its clock says."""
    web = fast(datetime(2019, 5, 1, 12, 30))
    with site(ca.certificate("localhost", days=days)) as made:
        error = trouble(web, f"{made.url}/x")
    assert words in error.message
    assert "clock says 2019-05-01 12:30" in error.hint


def test_a_certificate_for_another_name(ca: Authority, web: Web) -> None:
    """As from a network that answers in the place of everybody."""
    with site(ca.certificate("other.test")) as made:
        assert "the certificate of localhost is for another name" in trouble(web, f"{made.url}/x").message


def test_no_tls_at_all(http: Site, web: Web) -> None:
    """https:// on a server that speaks plain HTTP."""
    error = trouble(web, http.url.replace("http:", "https:") + "/x")
    assert "no TLS connection" in error.message
    assert "http://" in error.hint


# ── the way there ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_trouble_on_the_way_is_told_apart(web: Web) -> None:
    """A name that does not exist, a closed port, and nothing that is a URL of the web."""
    assert "the name nowhere.invalid can't be resolved" in trouble(web, "https://nowhere.invalid/x").message
    port = closed_port()
    assert f"localhost:{port} refuses connections" in trouble(web, f"http://localhost:{port}/x").message
    assert "it is no http or https URL" in trouble(web, "file:///etc/passwd").message
    assert "does not speak HTTP" in trouble(web, f"http://{'x' * 70}.test/").message
    assert "does not speak HTTP" in trouble(web, "http://localhost:99x/").message


def test_silence_is_waited_for_and_no_longer(http: Site) -> None:
    """A server that accepts and says nothing costs the deadline, not more."""
    http.routes["/x"] = Answer(b"never", pause=20)
    began = time.monotonic()
    assert "localhost gave no sign of life for 0.5 seconds" in trouble(Web(timeout=0.5, deadline=1.5), f"{http.url}/x").message
    assert 0.5 <= time.monotonic() - began < 8


def test_a_server_that_drips_is_not_waited_for(http: Site, web: Web) -> None:
    """A byte now and then is a sign of life, but the deadline holds all the same."""
    http.routes["/x"] = Answer(b"x" * 1000, pause=0.2)
    began = time.monotonic()
    trouble(web, f"{http.url}/x")
    assert time.monotonic() - began < 10


def test_a_broken_answer_is_tried_again(http: Site, web: Web) -> None:
    """Less than was announced is no answer; the second try is taken."""
    http.routes["/x"] = [Answer(b"half", announced=8), Answer(b"complete")]
    assert web.get(f"{http.url}/x", limit=100).body == b"complete"
    http.routes["/y"] = Answer(b"half", announced=8)
    assert "the connection broke off" in trouble(web, f"{http.url}/y").message


def test_too_much_is_not_read(http: Site, web: Web) -> None:
    """A page in place of a small file is cut off, at once."""
    http.routes["/x"] = Answer(b"x" * 3000)
    assert "it has over 1 MiB" in trouble(web, f"{http.url}/x", limit=2000).message
    assert len(http.log) == 1


# ── statuses ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(http: Site, web: Web, status: int) -> None:
    """Overload and trouble of the server; the answer after it counts."""
    http.routes["/x"] = [Answer(status=status), Answer(status=status), Answer(b"well")]
    assert web.get(f"{http.url}/x", limit=10).body == b"well"
    assert len(http.log) == 3


@pytest.mark.parametrize(
    ("status", "words"), [(400, "400 Bad Request"), (403, "403 Forbidden"), (404, "404 Not Found"), (599, "599")]
)
def test_what_will_not_pass_is_asked_once(http: Site, web: Web, status: int, words: str) -> None:
    """Everything else is an answer already; servers with statuses of their own invention (599) are only retried when known."""
    http.routes["/x"] = Answer(status=status)
    assert words in trouble(web, f"{http.url}/x").message
    assert len(http.log) == 1


def test_retry_after_is_honoured(http: Site, web: Web) -> None:
    """The server's wish counts, when it is within the deadline."""
    http.routes["/x"] = [Answer(status=429, headers={"Retry-After": "1"}), Answer(b"well")]
    began = time.monotonic()
    assert web.get(f"{http.url}/x", limit=10).body == b"well"
    assert time.monotonic() - began >= 1


def test_retry_after_beyond_the_deadline_ends_it(http: Site, web: Web) -> None:
    """Nobody waits for an hour before a plan; the hint says how long it would be."""
    http.routes["/x"] = Answer(status=429, headers={"Retry-After": "3600"})
    error = trouble(web, f"{http.url}/x")
    assert "too many requests" in error.message
    assert error.hint == "Try again in 3600 seconds."
    assert len(http.log) == 1


def test_retry_after_is_a_number_or_a_date() -> None:
    """RFC 9110 has both; nonsense and the past ask for nothing."""
    assert retry_after("120") == 120
    assert 50 < retry_after(format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)) <= 60
    assert retry_after(format_datetime(datetime.now(UTC) - timedelta(minutes=1))) == 0
    assert [retry_after(text) for text in ("", "soon", "-5", "1e9", "Mon, 99 Foo 2026")] == [0] * 5


# ── redirects ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_to_other_hosts(https: Site, http: Site, web: Web, status: int) -> None:
    """With the headers, but without those that are secret."""
    http.routes["/a"] = Answer(status=status, headers={"Location": f"{https.url}/b"})
    https.routes["/b"] = Answer(b"there")
    answer = web.get(f"{http.url}/a", limit=10, headers={"Accept": "x/y"}, secret_headers={"Authorization": "Bearer t"})
    assert (answer.body, answer.url) == (b"there", f"{https.url}/b")
    assert http.log[0].headers["authorization"] == "Bearer t"
    assert https.log[0].headers["accept"] == "x/y"
    assert "authorization" not in https.log[0].headers


def test_redirects_that_are_not_followed(https: Site, http: Site, web: Web) -> None:
    """From https to http, in circles, to a file."""
    https.routes["/down"] = Answer(status=302, headers={"Location": f"{http.url}/x"})
    https.routes["/circle"] = Answer(status=302, headers={"Location": "/circle"})
    https.routes["/file"] = Answer(status=302, headers={"Location": "file:///etc/passwd"})
    assert "it redirects from https to http://" in trouble(web, f"{https.url}/down").message
    assert "it redirects in circles" in trouble(web, f"{https.url}/circle").message
    assert "redirects in circles or to what is no web server" in trouble(web, f"{https.url}/file").message
    assert http.log == []


# ── proxies ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_proxies_of_the_environment_are_used(proxy: Proxy, https: Site) -> None:
    """CONNECT for https, absolute URLs for http; the names are resolved by the proxy."""
    https.routes["/x"] = Answer(b"by proxy")
    web = fast()
    assert web.get("https://download.docker.com/x", limit=10).body == b"by proxy"
    assert web.get("http://download.docker.com/x", limit=10).body == b"by proxy"
    assert proxy.log == ["CONNECT download.docker.com", "GET download.docker.com"]


def test_no_proxy_is_honoured(proxy: Proxy, http: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server in NO_PROXY is asked directly."""
    monkeypatch.setenv("NO_PROXY", "localhost,.internal")
    http.routes["/x"] = Answer(b"direct")
    assert fast().get(f"{http.url}/x", limit=10).body == b"direct"
    missing = trouble(fast(), f"{http.url}/missing")
    gone = trouble(fast(), f"http://localhost:{closed_port()}/x")
    assert proxy.log == []
    assert "proxy http" not in missing.message + gone.message


def test_a_proxy_that_wants_a_login(proxy: Proxy, https: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the hint says where to put it; with it in the variable, it works and is never shown."""
    https.routes["/x"] = Answer(b"let in")
    proxy.login = base64.b64encode(b"me:secret").decode()
    error = trouble(fast(), "https://download.docker.com/x")
    assert "407" in error.message
    assert "http://USER:PASSWORD@localhost" in error.hint
    assert "407" in trouble(fast(), "http://download.docker.com/x").message
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://me:secret@"))
    assert fast().get("https://download.docker.com/x", limit=10).body == b"let in"
    error = trouble(fast(), "https://unknown.test/x")
    assert "does not let us through" in error.message
    assert "secret" not in error.message + error.hint


def test_a_proxy_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is the proxy's, so it is the proxy that the sentence names, without the password in it."""
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@localhost:{port}")
    error = trouble(fast(), "https://download.docker.com/x")
    assert f"through the proxy http://localhost:{port}: localhost:{port} refuses connections" in error.message
    assert "NO_PROXY" in error.hint
    assert "secret" not in error.message + error.hint


# ── cost ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_without_questions_loads_no_client() -> None:
    """Importing the catalog and resolving nothing costs neither ssl nor urllib.request nor tenacity."""
    script = (
        "import sys; from fleet.catalog import Resolver; Resolver().resolve([])\n"
        "print([name for name in ('ssl', 'urllib.request', 'http.client', 'tenacity') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
