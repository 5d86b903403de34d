"""Who a lab host says it is. An identity is data: files laid over one of two real Debian roots.

Real on every host: systemd, sshd, sudo or sudo-rs, dpkg, apt with signed repositories (those of the Debian root
that the identity names), processes, control groups, iptables, overlay2, Docker Engine; and, as the named
distribution writes them: os-release, lsb-release, debian_version, issue, rpi-issue. On debian-* and raspios-*
identities os-release is not even laid over: it is the root's own.

Not real: on an Ubuntu or Mint identity all of these programs, and the distribution's own packages, are still
Debian's. Kernel and processor are this machine's: the architecture is its own, and there is no Pi model in the device
tree. Where that matters, an emulated machine (`vm`) has an ARM processor, a kernel of its own and a Pi's device tree.

Texts of os-release follow the public files of each distribution (Ubuntu and Debian: package base-files; Mint: its
base-files; Fedora: fedora-release). Raspberry Pi OS 64-bit keeps Debian's os-release; /etc/rpi-issue is written by
pi-gen (github.com/RPi-Distro/pi-gen, export-image and scripts/common). Its own apt repository is not in the lab.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Sudo = Literal["classic", "rs"]


@dataclass(frozen=True)
class Identity:
    """A root's suite, the files to lay over it, and the sudo that such a host has."""

    name: str
    suite: Literal["trixie", "bookworm"]
    why: str
    files: Mapping[str, str] = field(default_factory=dict)
    sudo: Sudo = "classic"


def _ubuntu(number: str, version: str, codename: str, debian: str) -> dict[str, str]:
    pretty = f"Ubuntu {version.partition(' (')[0]}"
    return {
        "usr/lib/os-release": f"""\
PRETTY_NAME="{pretty}"
NAME="Ubuntu"
VERSION_ID="{number}"
VERSION="{version}"
VERSION_CODENAME={codename}
ID=ubuntu
ID_LIKE=debian
HOME_URL="https://www.ubuntu.com/"
SUPPORT_URL="https://help.ubuntu.com/"
BUG_REPORT_URL="https://bugs.launchpad.net/ubuntu/"
PRIVACY_POLICY_URL="https://www.ubuntu.com/legal/terms-and-policies/privacy-policy"
UBUNTU_CODENAME={codename}
LOGO=ubuntu-logo
""",
        "etc/lsb-release": f"""\
DISTRIB_ID=Ubuntu
DISTRIB_RELEASE={number}
DISTRIB_CODENAME={codename}
DISTRIB_DESCRIPTION="{pretty}"
""",
        "etc/debian_version": f"{debian}/sid\n",
        "etc/issue": f"{pretty} \\n \\l\n\n",
        "etc/issue.net": f"{pretty}\n",
    }


MINT = {
    "usr/lib/os-release": """\
NAME="Linux Mint"
VERSION="22.1 (Xia)"
ID=linuxmint
ID_LIKE="ubuntu debian"
PRETTY_NAME="Linux Mint 22.1"
VERSION_ID="22.1"
HOME_URL="https://www.linuxmint.com/"
SUPPORT_URL="https://forums.linuxmint.com/"
BUG_REPORT_URL="http://linuxmint-troubleshooting-guide.readthedocs.io/en/latest/"
PRIVACY_POLICY_URL="https://www.linuxmint.com/"
VERSION_CODENAME=xia
UBUNTU_CODENAME=noble
""",
    "etc/lsb-release": """\
DISTRIB_ID=LinuxMint
DISTRIB_RELEASE=22.1
DISTRIB_CODENAME=xia
DISTRIB_DESCRIPTION="Linux Mint 22.1"
""",
    "etc/debian_version": "trixie/sid\n",
    "etc/issue": "Linux Mint 22.1 Xia \\n \\l\n",
}
FEDORA = {
    "usr/lib/os-release": """\
NAME="Fedora Linux"
VERSION="42 (Server Edition)"
RELEASE_TYPE=stable
ID=fedora
VERSION_ID=42
VERSION_CODENAME=""
PLATFORM_ID="platform:f42"
PRETTY_NAME="Fedora Linux 42 (Server Edition)"
ANSI_COLOR="0;38;2;60;110;180"
LOGO=fedora-logo-icon
CPE_NAME="cpe:/o:fedoraproject:fedora:42"
DEFAULT_HOSTNAME="fedora"
HOME_URL="https://fedoraproject.org/"
SUPPORT_URL="https://ask.fedoraproject.org/"
BUG_REPORT_URL="https://bugzilla.redhat.com/"
VARIANT="Server Edition"
VARIANT_ID=server
""",
    "etc/issue": "Fedora Linux 42 (Server Edition)\nKernel \\r on \\m (\\l)\n\n",
}


def _raspios(date: str, stage: str) -> dict[str, str]:
    return {
        "etc/rpi-issue": f"""\
Raspberry Pi reference {date}
Generated using pi-gen, https://github.com/RPi-Distro/pi-gen, 0000000000000000000000000000000000000000, {stage}
""",
        "boot/firmware/cmdline.txt": (
            "console=serial0,115200 console=tty1 root=PARTUUID=00000000-02 rootfstype=ext4 fsck.repair=yes rootwait\n"
        ),
        "boot/firmware/config.txt": (
            "dtparam=audio=on\ncamera_auto_detect=1\ndisplay_auto_detect=1\nauto_initramfs=1\n"
            "disable_fw_kms_setup=1\narm_64bit=1\ndisable_overscan=1\narm_boost=1\n\n[all]\n"
        ),
    }


RASPBIAN = {
    "usr/lib/os-release": """\
PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"
NAME="Raspbian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=raspbian
ID_LIKE=debian
HOME_URL="http://www.raspbian.org/"
SUPPORT_URL="http://www.raspbian.org/RaspbianForums"
BUG_REPORT_URL="http://www.raspbian.org/RaspbianBugs"
""",
    **_raspios("2024-11-19", "stage2"),
}
IDENTITIES = (
    Identity("ubuntu-noble", "trixie", "Ubuntu 24.04", _ubuntu("24.04", "24.04.3 LTS (Noble Numbat)", "noble", "trixie")),
    Identity(
        "ubuntu-jammy",
        "bookworm",
        "Ubuntu 22.04",
        _ubuntu("22.04", "22.04.5 LTS (Jammy Jellyfish)", "jammy", "bookworm"),
    ),
    Identity(
        "ubuntu-resolute",
        "trixie",
        "Ubuntu 26.04, whose sudo is sudo-rs",
        _ubuntu("26.04", "26.04 LTS (Resolute Raccoon)", "resolute", "forky"),
        sudo="rs",
    ),
    Identity("debian-trixie", "trixie", "Debian 13, and really it"),
    Identity("debian-bookworm", "bookworm", "Debian 12, and really it"),
    Identity("raspios-bookworm", "bookworm", "Raspberry Pi OS 64-bit of 2024", _raspios("2024-11-19", "stage2")),
    Identity("raspios-trixie", "trixie", "Raspberry Pi OS 64-bit of 2025", _raspios("2025-10-01", "stage2")),
    Identity("raspbian-bookworm", "bookworm", "Raspberry Pi OS 32-bit of 2024; for the machine pi4-32", RASPBIAN),
    Identity("mint", "trixie", "Linux Mint 22.1: its codename is xia, Ubuntu's is noble", MINT),
    Identity("unsupported", "trixie", "no relative of Debian: says it is Fedora", FEDORA),
    Identity(
        "ubuntu-oracular",
        "trixie",
        "Ubuntu 24.10: Docker dropped it, its suite is still served",
        _ubuntu("24.10", "24.10 (Oracular Oriole)", "oracular", "trixie"),
    ),
    Identity(
        "ubuntu-future",
        "trixie",
        "an Ubuntu 26.10 that Docker does not publish; the codename is made up",
        _ubuntu("26.10", "26.10 (Unborn Unicorn)", "unborn", "forky"),
        sudo="rs",
    ),
)


def identity(name: str) -> Identity:
    """Return the identity called `name`; ValueError lists those that exist."""
    for one in IDENTITIES:
        if one.name == name:
            return one
    raise ValueError(f"no identity is called {name!r}; there are {', '.join(one.name for one in IDENTITIES)}")
