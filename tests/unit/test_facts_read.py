"""What parsers make of a host's words."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.facts.accounts import NEEDS_PASSWORD, no_root, read_accounts, read_session
from fleet.facts.board import read_board
from fleet.facts.daemon import read_daemon, read_units
from fleet.facts.packages import is_release, is_within, read_packages, upstream
from fleet.facts.plugins import PACKAGE_PATH, Plugins, read_plugins
from fleet.facts.sources import (
    KEYRING_PATH,
    SOURCE_PATH,
    Source,
    Sources,
    deb822,
    read_keyring,
    read_source_file,
    read_sources,
    with_ours,
)
from fleet.facts.system import Disk, read_disk, read_machine, read_os_release
from fleet.formats.debversion import compare
from fleet.formats.revision import Revision, decode, from_bytes
from tests.support.network import DOCKER_FINGERPRINT, DOCKER_KEY

# ── system ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"Pop!_OS 22.04"', "Pop!_OS 22.04"),
        ("'x y'", "x y"),
        ("plain", "plain"),
        ('"open', "open"),
        ('""', ""),
        ('"a\\"b"', 'a"b'),
    ],
)
def test_os_release_values_are_unquoted_as_in_sh(value: str, expected: str) -> None:
    """os-release(5): values may be quoted; a broken quote is no reason to fail."""
    assert read_os_release(f"PRETTY_NAME={value}\n").pretty_name == expected


def test_os_release_ids_are_lower_case() -> None:
    """Some derivatives write ID=Deepin; codenames are compared in lower case nowhere, ids always."""
    assert read_os_release('ID=Debian\nID_LIKE="Ubuntu Debian"\n').id_like == ("ubuntu", "debian")


def test_clock_skew_is_host_minus_laptop() -> None:
    """Positive when the host is ahead; 0 when either clock is unknown."""
    assert read_machine("now=1000\nlaptop=900\n").clock_skew == 100
    assert read_machine("now=\nlaptop=900\n").clock_skew == 0


def test_disk_takes_the_file_system_that_holds_the_folder() -> None:
    """The longest listed folder that holds a path decides; df's heading and odd lines are passed over."""
    disk = read_disk("File Avail\n/ 100\n/var/lib 50\n/var/lib/docker - \n")
    assert disk.free_for("/var/lib/docker") == 50
    assert disk.free_for("/var/library") == 100
    assert Disk().free_for("/") is None


# ── board ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("0002", Revision("B", "1.0", "BCM2835", 256, 32)),
        ("000e", Revision("B", "2.0", "BCM2835", 512, 32)),
        ("0015", Revision("A+", "1.1", "BCM2835", 0, 32)),  # sold with two sizes
        ("1000010", Revision("B+", "1.2", "BCM2835", 512, 32)),  # the warranty bit of old
        ("900093", Revision("Zero", "1.3", "BCM2835", 512, 32)),
        ("9000c1", Revision("Zero W", "1.1", "BCM2835", 512, 32)),
        ("a01041", Revision("2B", "1.1", "BCM2836", 1024, 32)),
        ("a22042", Revision("2B", "1.2", "BCM2837", 1024, 64)),
        ("a02082", Revision("3B", "1.2", "BCM2837", 1024, 64)),
        ("902120", Revision("Zero 2 W", "1.0", "BCM2837", 512, 64)),
        ("2a02082", Revision("3B", "1.2", "BCM2837", 1024, 64)),  # the warranty bit
        ("c03114", Revision("4B", "1.4", "BCM2711", 4096, 64)),
        ("d03114", Revision("4B", "1.4", "BCM2711", 8192, 64)),
        ("c03130", Revision("400", "1.0", "BCM2711", 4096, 64)),
        ("d04170", Revision("5", "1.0", "BCM2712", 8192, 64)),
        ("e04171", Revision("5", "1.1", "BCM2712", 16384, 64)),
        ("b0c03114", Revision("4B", "1.4", "BCM2711", 4096, 64)),  # overvoltage and OTP bits
        ("d0fff2", Revision("", "1.2", "", 8192, 64)),  # a board of the future
        ("f04170", Revision("5", "1.0", "BCM2712", 0, 64)),  # a size that has no meaning yet
        ("0000", Revision()),
        ("00ff", Revision("", "", "BCM2835", 0, 32)),
        ("", Revision()),
        ("not hex", Revision()),
    ],
)
def test_revision_codes_are_decoded(code: str, expected: Revision) -> None:
    """The codes of raspberrypi/documentation, revision-codes.adoc; what is not known yet is left empty, not guessed."""
    assert decode(code) == expected


@given(st.integers(0, 2**32 - 1))
def test_any_revision_code_is_decoded(number: int) -> None:
    """No code fails, and the device tree's four bytes say the same as /proc/cpuinfo."""
    found = decode(f"{number:04x}")
    assert found.cpu_bits in (0, 32, 64)
    assert decode(from_bytes(number.to_bytes(4, "big").hex(" "))) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [(" 00 c0 31 14\n", "c03114"), ("00 00 00 0e", "000e"), ("00 c0", ""), ("", ""), ("xx", "")],
)
def test_revision_comes_from_the_device_tree_too(text: str, code: str) -> None:
    """Kernels other than Raspberry Pi's own have no Revision in /proc/cpuinfo; od shows the bytes of the device tree."""
    assert read_board(f"model=Raspberry Pi 4 Model B\ndt_revision={text.strip()}\n").revision == code


def test_revision_of_the_kernel_comes_first() -> None:
    """And only a Raspberry Pi's is decoded: other boards have a Revision line too."""
    both = read_board("model=Raspberry Pi 4 Model B\ndt_revision=00 a0 20 82\nRevision=c03114\n")
    assert (both.revision, both.pi.soc) == ("c03114", "BCM2711")
    assert read_board("model=Banana Pi\nRevision=c03114\n").pi == Revision()


@pytest.mark.parametrize(
    ("model", "compatible", "expected"),
    [
        ("Raspberry Pi 3 Model B", "raspberrypi,3-model-b brcm,bcm2837 ", Revision(soc="BCM2837", cpu_bits=64)),
        ("Raspberry Pi 2 Model B", "raspberrypi,2-model-b brcm,bcm2836 ", Revision(soc="BCM2836", cpu_bits=32)),
        ("Raspberry Pi 9 Model B", "raspberrypi,9-model-b brcm,bcm2999 ", Revision()),
        ("Some Broadcom", "some,board brcm,bcm2837 ", Revision()),
    ],
)
def test_without_a_revision_code_the_chip_is_told(model: str, compatible: str, expected: Revision) -> None:
    """The kernel's own device trees, as u-boot loads them, have no code; `compatible` names the chip, and no more is guessed."""
    assert read_board(f"uname=armv7l\nmodel={model}\ncompatible={compatible}\n").pi == expected


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("uname=armv7l\nmodel=Raspberry Pi 3 Model B\nRevision=a02082\n", 64),  # 32-bit system on a 64-bit processor
        ("uname=armv7l\nmodel=Raspberry Pi 2 Model B\nRevision=a01041\n", 32),
        ("uname=aarch64\n", 64),
        ("uname=armv6l\n", 32),
        ("uname=armv7l\n", 0),
        ("uname=i686\n", 0),
    ],
)
def test_bits_of_the_processor(text: str, bits: int) -> None:
    """What the processor can do, whatever runs on it; unknown where a 32-bit kernel runs on a board without a code."""
    assert read_board(text).cpu_bits == bits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uname=armv6l\n", "v6"),
        ("uname=armv7l\nmodel name=ARMv6-compatible processor rev 7 (v6l)\n", "v6"),  # "CPU architecture: 7" there
        ("uname=armv7l\nmodel=Raspberry Pi Zero\nRevision=900093\n", "v6"),
        ("uname=armv7l\nmodel=Some Allwinner\nRevision=0000\n", "v7"),
        ("uname=armv7l\nmodel=Some Rockchip\nRevision=0010\n", "v7"),
        ("uname=armv8l\n", "v8"),
        ("uname=aarch64\n", "v8"),
        ("uname=x86_64\n", ""),
    ],
)
def test_cpu_level(text: str, expected: str) -> None:
    """ARMv6 is told by the kernel's name, the processor's or a Pi's revision, and never by other boards' revisions."""
    assert read_board(text).cpu_level == expected


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_session_reads_the_groups_of_the_process() -> None:
    """From `id`: the login user, and its groups as they were at login."""
    session = read_session("uid=1000(pi) gid=1000(pi) groups=1000(pi),27(sudo),999(docker)\n\ndocker_socket=writable\n")
    assert (session.user, session.uid, session.groups) == ("pi", 1000, ("pi", "sudo", "docker"))
    assert session.docker_socket_writable


def test_accounts_know_system_users_and_primary_groups() -> None:
    """jenkins (a system user) can be named in a recipe; a primary group counts; NIS lines without numbers don't hurt."""
    text = "docker:x:999:ann,\n+::::::\njenkins:x:112:119::/var/lib/jenkins:/bin/bash\nbob:x:1001:999::/home/bob:/bin/sh\n"
    accounts = read_accounts(text)
    assert accounts.find("jenkins") is not None
    assert [accounts.in_docker_group(u) for u in ("ann", "bob", "jenkins")] == [True, True, False]
    assert not read_accounts("bob:x:1001:999::/home/bob:/bin/sh\n").in_docker_group("bob")


# ── packages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("5:28.1.1-1~ubuntu.24.04~noble", "28.1.1"),
        ("5:29.0.0~rc.1-1~ubuntu.24.04~noble", "29.0.0-rc.1"),
        ("5:29.10.0-1~debian.13~trixie", "29.10.0"),
        ("5:18.09.0~3-0~ubuntu-bionic", "18.09.0"),
        ("1.7.27-1", "1.7.27"),
        ("2.3.5-1~ubuntu.24.04~noble", "2.3.5"),
        ("20.10.24+dfsg1-1+b3", "20.10.24"),
        ("27.5.1-0ubuntu3", "27.5.1"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_upstream_part_of_a_version(version: str, expected: str) -> None:
    """The forms of docker/docker-ce-packaging (gen-deb-ver), of containerd.io and of the distributions."""
    assert upstream(version) == expected


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("5:28.1.1-1~x", "28", True),
        ("5:28.1.1-1~x", "28.1", True),
        ("5:28.1.1-1~x", "28.1.1", True),
        ("5:28.10.0-1~x", "28.1", False),
        ("5:28.1.1-1~x", "8.1", False),
        ("5:28.1.1-1~x", "28.1.1.1", False),
        ("5:29.0.0~rc.1-1~x", "29", False),
        ("5:29.0.0~rc.1-1~x", "29.0.0", False),
        ("", "28", False),
    ],
)
def test_is_within_compares_whole_components(version: str, wanted: str, expected: bool) -> None:
    """28.1 is not in 28.10, and a release candidate is in nothing."""
    assert is_within(version, wanted) is expected


numbers = st.lists(st.integers(0, 40), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@given(numbers, numbers)
def test_is_within_is_a_prefix_of_components(version: str, wanted: str) -> None:
    """Exactly when the wanted components are the first ones of the version."""
    have, want = version.split("."), wanted.split(".")
    assert is_within(f"5:{version}-1~debian.13~trixie", wanted) == (have[: len(want)] == want)


def test_release_candidate_sorts_below_its_release() -> None:
    """dpkg's order and ours agree on why a candidate is never the newest."""
    assert compare("5:29.0.0~rc.1-1~x", "5:29.0.0-1~x") < 0
    assert is_release("5:29.0.0-1~x")
    assert not is_release("5:29.0.0~rc.1-1~x")


def test_packages_tell_installed_from_remembered() -> None:
    """dpkg still knows removed packages (rc) and names that others mention (un); only installed ones count."""
    found = read_packages(
        "ii \tdocker-ce\t5:28\nrc \tdocker.io\t20\nun \trunc\t\nhi \tcontainerd.io\t2\niF \tdocker-ce-cli\t5:28\n"
    )
    assert [bool(found.find(n)) for n in ("docker-ce", "docker.io", "runc", "containerd.io", "docker-ce-cli")] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert found.find("containerd.io").is_held  # type: ignore[union-attr]


# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────

URI = "https://download.docker.com/linux/ubuntu"
ONE = Source("/l/docker.list", URI, "noble", ("stable",), ("amd64",), "/etc/apt/keyrings/docker.asc")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] {URI} noble stable", [ONE]),
        (f"  deb [ arch=amd64 signed-by=/etc/apt/keyrings/docker.asc ]  {URI}/  noble  stable # comment", [ONE]),
        (f"deb {URI} noble stable test", [Source("/l/docker.list", URI, "noble", ("stable", "test"))]),
        (f"deb [arch=amd64,armhf] {URI} noble", [Source("/l/docker.list", URI, "noble", (), ("amd64", "armhf"))]),
        (f"# deb {URI} noble stable", []),
        (f"deb-src {URI} noble stable", []),
        ("", []),
        ("deb", []),
        ("deb [arch=amd64", []),
    ],
)
def test_one_line_sources(line: str, expected: list[Source]) -> None:
    """sources.list(5), one-line style."""
    assert read_source_file("/l/docker.list", [line]) == expected


def test_deb822_sources() -> None:
    """sources.list(5), deb822 style: stanzas, continuation lines, comments, any case, several suites, an embedded key."""
    text = f"""# comment
types: deb deb-src
URIs: {URI}
# in between
Suites: noble
 jammy
Components: stable
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Enabled: no
Types: deb
URIs: https://off.example
Suites: x

Types: deb-src
URIs: https://src.example
Suites: x
"""
    found = read_source_file("/l/x.sources", text.splitlines())
    assert [(s.uri, s.suite, s.components) for s in found] == [(URI, "noble", ("stable",)), (URI, "jammy", ("stable",))]
    assert found[0].signed_by.startswith("-----BEGIN PGP")


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@given(st.lists(printable, max_size=12))
def test_no_source_file_breaks_the_parser(lines: list[str]) -> None:
    """Whatever is in such a file, reading it ends in a list of sources."""
    for path in ("/l/x.list", "/l/x.sources"):
        assert all(s.path == path for s in read_source_file(path, lines))


word = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)


@given(word, word, word, st.sampled_from(["amd64", "arm64", "armhf"]))
def test_our_own_source_is_read_back(host: str, suite: str, channel: str, architecture: str) -> None:
    """What we write is what we read, so that a file of ours is recognised."""
    text = deb822(uri=f"https://{host}/linux/debian", suite=suite, channel=channel, architecture=architecture)
    expected = Source(SOURCE_PATH, f"https://{host}/linux/debian", suite, (channel,), (architecture,), KEYRING_PATH)
    assert with_ours(Sources(), text).sources == (expected,)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://download.docker.com/linux/debian", True),
        ("http://download.docker.com/linux/raspbian", True),
        ("https://mirrors.example/docker-ce/linux/ubuntu", True),
        ("http://cache.example:3142/download.docker.com/linux/debian", True),
        ("https://mirror.example/debian", False),
        ("https://nvidia.github.io/nvidia-docker/ubuntu22.04", False),
        ("https://example.org/linux/debian", False),
    ],
)
def test_which_sources_serve_docker(uri: str, expected: bool) -> None:
    """Docker's own host, and mirrors and caches which keep its folders; not everything with docker in its name."""
    assert Source("/l/x.list", uri, "x", ()).serves_docker is expected


def test_sources_of_others_are_dropped_and_ours_keeps_its_bytes() -> None:
    """Only what serves Docker matters; the checksum is that of the file as it is, with or without its last line feed."""
    ours = b"Types: deb\r\nURIs: https://x.example"
    text = f"/etc/apt/sources.list:deb https://mirror.example/debian trixie main\n/l/docker.list:deb {URI} noble stable\n"
    found = read_sources(text + f"ours={base64.b64encode(ours).decode()}\n")
    assert [s.uri for s in found.foreign()] == [URI]
    assert found.sha256 == hashlib.sha256(ours).hexdigest()
    assert read_sources("ours=\n").sha256 == hashlib.sha256(b"").hexdigest()
    assert read_sources("").sha256 == ""


# ── keyring ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def keyring_text(key: bytes, mode: str = "644", folder: str = "755") -> str:
    """As the probe prints it."""
    return f"/etc/apt/keyrings={folder}\n{KEYRING_PATH}={mode}\nkey={base64.b64encode(key).decode()}\n"


def test_dockers_own_key_is_recognised() -> None:
    """The key that Docker serves has the fingerprint that its documentation prints."""
    found = read_keyring(keyring_text(DOCKER_KEY.encode()))
    assert found.fingerprints == (DOCKER_FINGERPRINT,)
    assert found.sha256 == "1500c1f56fa9e26b9b8f42452a553675796ade0807cdce11975eb98170b3a570"
    assert found.is_readable


@pytest.mark.parametrize(("mode", "folder"), [("600", "755"), ("640", "755"), ("644", "700"), ("644", "754")])
def test_key_that_apt_can_not_read(mode: str, folder: str) -> None:
    """apt reads keys as the user _apt: the file must be open to all, and so must its folder."""
    assert not read_keyring(keyring_text(DOCKER_KEY.encode(), mode, folder)).is_readable


@pytest.mark.parametrize("key", [b"", b"<html>404</html>", b"\x99\x01", DOCKER_KEY.encode()[:500]])
def test_file_that_is_no_key_has_a_checksum_and_no_fingerprint(key: bytes) -> None:
    """An empty, broken or foreign file is there all the same, so that it is replaced and not taken for absent."""
    found = read_keyring(keyring_text(key))
    assert found.fingerprints == ()
    assert found.sha256 == hashlib.sha256(key).hexdigest()


# ── daemon, units, plugins ───────────────────────────────────────────────────────────────────────────────────────────


def test_daemon_answers() -> None:
    """Version, containers and images; live-restore from the daemon's file."""
    image = {"RepoTags": ["a:1"], "RepoDigests": None, "Os": "linux", "Architecture": "arm", "Variant": "v7"}
    found = read_daemon(f'version\t29.1.0\nrunning\t2\nimage\t{json.dumps(image)}\nconfig\t{{"live-restore": true}}\n')
    assert (found.version, found.running, found.live_restore) == ("29.1.0", 2, True)
    assert found.has("a:1").platform == "linux/arm/v7"  # type: ignore[union-attr]


@pytest.mark.parametrize("config", ["{", "[]", "null", '{"live-restore": "true"}'])
def test_broken_daemon_json_is_no_live_restore(config: str) -> None:
    """What dockerd would refuse promises nothing."""
    assert not read_daemon(f"config\t{config}\n").live_restore


def test_unknown_number_of_containers_is_not_none() -> None:
    """A daemon that answers, but not to that, may run containers; one that is down runs none that could be asked for."""
    assert read_daemon("version\t29.1.0\nrunning\t\n").running is None
    assert read_daemon("").running == 0


def test_units_that_systemd_does_not_know() -> None:
    """Without systemd there is no answer, and every unit is neither running nor enabled."""
    unit = read_units("Id=docker.service\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n").find("docker.service")
    assert unit.is_masked
    assert not read_units("").find("docker.service").is_running


def test_plugin_search_order() -> None:
    """The folder in the home wins over /usr/local, and that over the package (docker/cli, getPluginDirs)."""
    local, home = "/usr/local/lib/docker/cli-plugins/docker-compose", "/home/pi/.docker/cli-plugins/docker-compose"
    found = read_plugins(f'{PACKAGE_PATH}\t\n{local}\t{{"Version":"v2.39.1"}}\n{home}\tIllegal instruction\n')
    assert found.first("/home/pi").path == home  # type: ignore[union-attr]
    assert found.first("/home/pi").version == ""  # type: ignore[union-attr]
    assert found.first("/root").version == "2.39.1"  # type: ignore[union-attr]
    assert Plugins().first("/root") is None


def test_the_way_to_sudo_without_a_password_is_one_that_sudo_reads() -> None:
    """A file with a dot in its name is passed over (sudoers(5), "Including other files")."""
    _, hint = no_root(NEEDS_PASSWORD, "ann.b")
    assert "'ann.b ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/010_ann_b-nopasswd" in hint
