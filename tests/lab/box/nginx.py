"""The box's web server: nginx with a configuration, prefix and pid file of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.lab.box import names, process
from tests.lab.box.mirror import Mirror
from tests.lab.box.releases import Releases
from tests.lab.box.wheels import PORT, Wheels

_ASSETS = "/github-production-release-asset/15045751"
_TEMPLATE = Path(__file__).with_name("nginx.conf")


@dataclass(frozen=True)
class Content:
    """What is served: folders, the certificate's folder, the mirror and the folder of its cache; and pip's index, if any."""

    packages: Path
    hub: Path
    releases: Releases
    certificate: Path
    mirror: Mirror
    mirror_cache: Path
    wheels: Wheels | None


def start(address: str, folder: Path, content: Content) -> None:
    """Start nginx on the address; `LabError` with its log when it refuses, as when a port is taken."""
    config, log, ready = folder / "nginx.conf", folder / "nginx.log", folder / "nginx.ready"
    ready.unlink(missing_ok=True)
    (folder / "nginx").mkdir(exist_ok=True)
    config.write_text(_configuration(address, folder, content))
    argv = ["nginx", "-p", str(folder), "-c", str(config), "-e", str(log), "-g", "daemon off;"]
    process.start(argv, folder / "nginx.pid", folder / "nginx.out")
    process.wait_for(ready, folder / "nginx.pid", str(config), log)


def stop(folder: Path) -> None:
    """Stop nginx and wait until its workers are gone."""
    process.stop(folder / "nginx.pid", str(folder / "nginx.conf"))


def _configuration(address: str, folder: Path, content: Content) -> str:
    origin = urlsplit(content.mirror.origin)
    values = {
        "ADDRESS": address,
        "FOLDER": folder,
        "CERTIFICATE": content.certificate,
        "PACKAGES_ROOT": content.packages,
        "HUB_ROOT": content.hub,
        "RELEASES_ROOT": content.releases.folder,
        "LATEST": f"v{content.releases.latest}",
        "ASSETS_PATH": _ASSETS,
        "MIRROR_CACHE": content.mirror_cache,
        "MIRROR_NAME": content.mirror.name,
        "MIRROR_HOST": origin.netloc,
        "MIRROR_ORIGIN": f"{origin.scheme}://{origin.netloc}",
        "PACKAGES": names.PACKAGES,
        "HUB": names.HUB,
        "HUB_TOKENS": names.HUB_TOKENS,
        "HUB_BLOBS": names.HUB_BLOBS,
        "RELEASES": names.RELEASES,
        "RELEASE_ASSETS": names.RELEASE_ASSETS,
    }
    text = _TEMPLATE.read_text()
    if content.wheels:
        values |= {"WHEELS_PORT": PORT, "WHEELS_INDEX": content.wheels.index}
        values |= {"WHEELS_SITE": content.wheels.files, "WHEELS_FOLDER": content.wheels.folder}
    else:
        text = re.sub(r"(?s)    # @WHEELS-BEGIN@.*# @WHEELS-END@\n", "", text)
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text
