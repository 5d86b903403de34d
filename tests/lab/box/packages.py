"""Docker's packages, made from Debian's builds of the same programs.

What a package is called, depends on and conflicts with follows docker/docker-ce-packaging
(deb/common/control and rules) and docker/containerd-packaging (debian/control); the programs are
Debian's docker.io, docker-cli, containerd, docker-buildx, docker-compose, rootlesskit and tini.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.box.units import enable_scripts

_PLUGINS = "usr/libexec/docker/cli-plugins"
_UNITS = "usr/lib/systemd/system"
_ROOTLESS = "usr/share/docker.io/contrib"


@dataclass(frozen=True)
class Package:
    """One of Docker's packages.

    `version_of` is the Debian package whose upstream version it has; `files` maps the path it installs
    to the path in Debian's packages; `relations` are its control fields.
    """

    name: str
    version_of: str
    summary: str
    files: dict[str, str]
    relations: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    epoch: str = ""
    written: dict[str, str] = field(default_factory=dict)


PACKAGES = (
    Package(
        "docker-ce",
        "docker.io",
        "the Docker daemon",
        {
            "usr/bin/dockerd": "usr/sbin/dockerd",
            "usr/bin/docker-proxy": "usr/sbin/docker-proxy",
            "usr/bin/docker-init": "usr/bin/tini-static",
            f"{_UNITS}/docker.service": f"{_UNITS}/docker.service",
            f"{_UNITS}/docker.socket": f"{_UNITS}/docker.socket",
        },
        {
            "Pre-Depends": "init-system-helpers (>= 1.54~)",
            "Depends": "containerd.io (>= {containerd}), docker-ce-cli, iptables, libc6 (>= 2.34), libsystemd0",
            "Recommends": "apparmor, ca-certificates, docker-ce-rootless-extras, git, pigz, procps, xz-utils",
            "Conflicts": "docker (<< 1.5~), docker-engine, docker.io",
            "Replaces": "docker-engine",
        },
        enable_scripts("docker.service", "docker.socket", group="docker"),
        epoch="5:",
    ),
    Package(
        "docker-ce-cli",
        "docker-cli",
        "the docker command",
        {"usr/bin/docker": "usr/bin/docker"},
        {
            "Depends": "libc6 (>= 2.34)",
            "Conflicts": "docker (<< 1.5~), docker-engine, docker.io, docker-cli",
            "Suggests": "docker-model-plugin",
            "Recommends": "docker-buildx-plugin, docker-compose-plugin",
        },
        epoch="5:",
    ),
    Package(
        "docker-ce-rootless-extras",
        "docker.io",
        "rootless support for Docker",
        {
            "usr/bin/rootlesskit": "usr/bin/rootlesskit",
            "usr/bin/dockerd-rootless.sh": f"{_ROOTLESS}/dockerd-rootless.sh",
            "usr/bin/dockerd-rootless-setuptool.sh": f"{_ROOTLESS}/dockerd-rootless-setuptool.sh",
        },
        {
            "Depends": "dbus-user-session, libc6 (>= 2.34)",
            "Enhances": "docker-ce",
            "Conflicts": "rootlesskit",
            "Replaces": "rootlesskit",
            "Breaks": "rootlesskit",
        },
        epoch="5:",
    ),
    Package(
        "containerd.io",
        "containerd",
        "containerd and runc",
        {
            "usr/bin/containerd": "usr/bin/containerd",
            "usr/bin/containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
            "usr/bin/ctr": "usr/bin/ctr",
            "usr/bin/runc": "usr/sbin/runc",
            f"{_UNITS}/containerd.service": f"{_UNITS}/containerd.service",
        },
        {
            "Depends": "libc6 (>= 2.34), libseccomp2 (>= 2.5.0)",
            "Provides": "containerd, runc",
            "Conflicts": "containerd, runc",
            "Replaces": "containerd, runc",
        },
        {**enable_scripts("containerd.service"), "conffiles": "/etc/containerd/config.toml\n"},
        written={"etc/containerd/config.toml": 'disabled_plugins = ["cri"]\n'},
    ),
    Package(
        "docker-buildx-plugin",
        "docker-buildx",
        "the docker buildx command",
        {f"{_PLUGINS}/docker-buildx": f"{_PLUGINS}/docker-buildx"},
        {"Enhances": "docker-ce-cli"},
    ),
    Package(
        "docker-compose-plugin",
        "docker-compose",
        "the docker compose command",
        {f"{_PLUGINS}/docker-compose": f"{_PLUGINS}/docker-compose"},
        {
            "Recommends": "docker-buildx-plugin",
            "Enhances": "docker-ce-cli",
            "Conflicts": "docker-compose",
            "Replaces": "docker-compose",
            "Breaks": "docker-compose",
        },
    ),
)
"""Docker's package set of engines 26 to 28."""


def relations(package: Package, engine: str) -> dict[str, str]:
    """Return a package's control fields as they were for an engine of this upstream version."""
    containerd = "1.6.24" if engine.startswith("26.") else "1.7.27"
    return {field: text.format(containerd=containerd) for field, text in package.relations.items()}


def lay_out(package: Package, debian: Path, tree: Path) -> None:
    """Lay a package's files into `tree`, from a folder where Debian's packages are unpacked."""
    for place, source in package.files.items():
        target = _parent_made(tree / place)
        if place.endswith(".service"):
            # docker/docker-ce-packaging installs its daemons in /usr/bin
            target.write_text((debian / source).read_text().replace("/usr/sbin/dockerd", "/usr/bin/dockerd"))
        else:
            target.hardlink_to(debian / source)
    for place, text in package.written.items():
        _parent_made(tree / place).write_text(text)


def _parent_made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
