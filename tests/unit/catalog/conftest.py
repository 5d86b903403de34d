"""The laptop's world for a look-up: an authority that it trusts, a site, a proxy, and no settings of the real user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.catalog import Resolver
from fleet.catalog.http import Web
from tests.unit.catalog.web import PRODUCTION, Authority, Proxy, Site, running_proxy, site


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority for all tests."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ca: Authority) -> Path:
    """A home folder with nothing in it, and an environment without proxies that trusts the authority."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "SSL_CERT_DIR", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.pem))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "home"


@pytest.fixture
def https(ca: Authority) -> Iterator[Site]:
    """A site with TLS at https://localhost:PORT; by way of the proxy at every production name."""
    with site(ca.certificate("localhost", "127.0.0.1", *PRODUCTION)) as made:
        yield made


@pytest.fixture
def http() -> Iterator[Site]:
    """A site without TLS."""
    with site() as made:
        yield made


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, https: Site) -> Iterator[Proxy]:
    """A proxy that the laptop's environment names; all production names lead to the site with TLS."""
    with running_proxy() as made:
        made.targets.update(dict.fromkeys(PRODUCTION, https))
        monkeypatch.setenv("HTTPS_PROXY", made.url)
        monkeypatch.setenv("HTTP_PROXY", made.url)
        yield made


@pytest.fixture
def web() -> Web:
    """A client that is not as patient as the real one."""
    return Web(timeout=2, deadline=2.5)


@pytest.fixture
def resolver() -> Resolver:
    """A resolver that is not as patient as the real one."""
    return Resolver(timeout=2, deadline=2.5)
