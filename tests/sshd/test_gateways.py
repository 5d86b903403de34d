"""Ways through other hosts: the inventory's gateway, ProxyJump, ProxyCommand; each hop checked like a host."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.errors import FileError, HostKeyError, InventoryError, Unreachable
from fleet.model import Host
from fleet.remote import Settings, connect, execute
from fleet.remote.gateways import _shared
from tests.sshd.fixtures import MakeSshd
from tests.sshd.server import Sshd, free_port, make_key


@pytest.fixture
def pair(make_sshd: MakeSshd) -> tuple[Sshd, Sshd]:
    """A gateway and a host behind it."""
    return make_sshd().start(), make_sshd().start()


def _connections(server: Sshd) -> int:
    return server.log.count("Accepted publickey")


def test_gateway_of_the_inventory(pair, settings: Settings, host_of) -> None:
    """A gateway is named as a host of the inventory, whose own settings hold; both host keys are recorded."""
    gate, behind = pair
    with connect(host_of(behind, gateway="gate"), settings, gateways={"gate": host_of(gate, name="gate")}) as c:
        peer = execute(c, "echo $SSH_CONNECTION", timeout=10).out
    assert str(gate.port) not in peer
    assert _connections(gate) == 1
    recorded = settings.known_hosts.read_text()
    assert f"]:{gate.port} " in recorded
    assert f"]:{behind.port} " in recorded
    assert not _shared


def test_gateway_written_out(pair, settings: Settings, host_of, key: Path) -> None:
    """A gateway may be [user@]host[:port]; its key is then ssh_config's business."""
    gate, behind = pair
    assert settings.ssh_config
    settings.ssh_config.write_text(settings.ssh_config.read_text() + f"IdentityFile {key}\n")
    with connect(host_of(behind, gateway=f"{gate.user}@127.0.0.1:{gate.port}"), settings) as c:
        assert execute(c, "echo through", timeout=10).out == "through\n"
    assert _connections(gate) == 1


def test_hosts_share_a_gateway(pair, settings: Settings, host_of) -> None:
    """A fleet behind one gateway logs in there once, and the gateway is left with the last of them."""
    gate, behind = pair
    host = host_of(behind, gateway="gate")
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda _: connect(host, settings, gateways={"gate": host_of(gate)}), range(12)))
    assert _connections(gate) == 1
    for one in made[:-1]:
        one.close()
    assert execute(made[-1], "echo still", timeout=10).out == "still\n"
    made[-1].close()
    assert not _shared


def test_changed_key_of_the_gateway_stops(pair, settings: Settings, host_of, tmp_path: Path) -> None:
    """A gateway whose key has changed stops the host before anything reaches it."""
    gate, behind = pair
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[1]
    settings.known_hosts.parent.mkdir(parents=True)
    settings.known_hosts.write_text(f"[127.0.0.1]:{gate.port} ssh-ed25519 {other}\n")
    with pytest.raises(HostKeyError, match="host key of gate "):
        connect(host_of(behind, gateway="gate"), settings, gateways={"gate": host_of(gate, name="gate")})
    assert _connections(behind) == 0
    assert not _shared


def test_host_that_the_gateway_does_not_reach(pair, settings: Settings, host_of) -> None:
    """The error says that it is the gateway which can't reach the host."""
    gate, behind = pair
    with pytest.raises(Unreachable, match="The gateway can't reach pi"):
        connect(host_of(behind, gateway="gate", port=free_port()), settings, gateways={"gate": host_of(gate)})


def test_gateway_that_forwards_nothing(make_sshd: MakeSshd, sshd: Sshd, settings: Settings, host_of) -> None:
    """A gateway without forwarding is named, with the option that forbids it."""
    gate = make_sshd("AllowTcpForwarding no").start()
    with pytest.raises(Unreachable) as error:
        connect(host_of(sshd, gateway="gate"), settings, gateways={"gate": host_of(gate)})
    assert "AllowTcpForwarding" in error.value.hint


def test_gateways_in_a_circle(pair, settings: Settings, host_of) -> None:
    """Gateways that lead to each other are an error, not a recursion."""
    first, second = pair
    known = {"a": host_of(first, name="a", gateway="b"), "b": host_of(second, name="b", gateway="a")}
    third = host_of(first, gateway="a", port=free_port())
    with pytest.raises(InventoryError, match="circles"):
        connect(third, settings, gateways=known)


def test_proxy_jump_over_two_hops_from_an_included_file(make_sshd: MakeSshd, settings: Settings, key: Path) -> None:
    """Include and a ProxyJump of two hops are honoured as OpenSSH resolves them, aliases included."""
    first, second, last = (make_sshd().start() for _ in range(3))
    assert settings.ssh_config
    included = settings.ssh_config.parent / "hops.conf"
    blocks = [
        f"Host {name}\n  HostName 127.0.0.1\n  Port {s.port}\n  User {s.user}\n"
        for name, s in (("first", first), ("second", second), ("last", last))
    ]
    included.write_text("\n".join(blocks) + "Host last\n  ProxyJump first,second\n")
    text = settings.ssh_config.read_text()
    settings.ssh_config.write_text(f"Include {included}\nHost *\n  IdentityFile {key}\n{text}")
    with connect(Host("last", "last"), settings) as c:
        assert execute(c, "echo there", timeout=10).out == "there\n"
    assert [_connections(s) for s in (first, second, last)] == [1, 1, 1]


def test_proxy_command(pair, settings: Settings, host_of, key: Path) -> None:
    """A ProxyCommand is run with its tokens replaced, and ended with the connection."""
    gate, behind = pair
    assert settings.ssh_config
    through = f"ssh -F none -i {key} -p {gate.port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    settings.ssh_config.write_text(f"{settings.ssh_config.read_text()}ProxyCommand {through} -W %h:%p {gate.user}@127.0.0.1\n")
    with connect(host_of(behind), settings) as c:
        assert execute(c, "echo through", timeout=10).out == "through\n"
    assert _connections(gate) == 1


def test_proxy_command_that_fails(sshd: Sshd, settings: Settings, host_of) -> None:
    """The error has the command's own last words."""
    assert settings.ssh_config
    settings.ssh_config.write_text('ProxyCommand sh -c "echo no way >&2; exit 3"\n')
    with pytest.raises(Unreachable, match="no way"):
        connect(host_of(sshd), settings)


def test_ssh_config_that_openssh_refuses(sshd: Sshd, settings: Settings, host_of) -> None:
    """A mistake in ssh_config is said in OpenSSH's words, which have file and line."""
    assert settings.ssh_config
    settings.ssh_config.write_text("Host *\nPortt 22\n")
    with pytest.raises(FileError, match="line 2"):
        connect(host_of(sshd), settings)
