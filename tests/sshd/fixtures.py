"""Servers, keys and hosts for tests; import the fixtures into a conftest or test module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.model import Host
from fleet.remote import Settings
from tests.sshd.server import Sshd, make_key, why_not

MakeSshd = Callable[..., Sshd]


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key that every server of the tests lets in."""
    if why_not():
        pytest.skip(why_not())
    return make_key(tmp_path_factory.mktemp("keys") / "id")


@pytest.fixture
def make_sshd(tmp_path: Path, key: Path) -> Iterator[MakeSshd]:
    """Makes servers (not started) with more lines of configuration; all are stopped at the end."""
    made: list[Sshd] = []

    def make(*lines: str, **words: object) -> Sshd:
        folder = tmp_path / f"sshd{len(made)}"
        folder.mkdir()
        made.append(Sshd(folder, key.with_suffix(".pub"), *lines, **words))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def sshd(make_sshd: MakeSshd) -> Sshd:
    """One server that runs."""
    return make_sshd().start()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that touch nothing of the user's, with short limits."""
    config = tmp_path / "ssh_config"
    config.write_text(f"UserKnownHostsFile {tmp_path}/user_known_hosts\nGlobalKnownHostsFile {tmp_path}/global_known_hosts\n")
    return Settings(known_hosts=tmp_path / "state" / "known_hosts", ssh_config=config, connect_timeout=5, connect_deadline=15)


@pytest.fixture
def host_of(key: Path) -> Callable[..., Host]:
    """The inventory's word on a server."""

    def of(server: Sshd, name: str = "pi", **words: object) -> Host:
        return Host(**{"name": name, "address": "127.0.0.1", "user": server.user, "port": server.port, "key": str(key), **words})  # type: ignore[arg-type]

    return of
