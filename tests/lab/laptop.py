"""The laptop's side of a lab: commands that reach the box by the production names.

A command runs in a mount namespace of its own, in which /etc/hosts is another file; its environment
names a bundle with the lab's authority. The machine's own files stay as they are, so labs don't meet.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab.box import Box, ca

_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT")
_FOREIGN = ("SSL_CERT_DIR", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_IN_NAMESPACE = 'mount --bind "$0" /etc/hosts && exec "$@"'


def run(
    argv: Sequence[str], *, box: Box, env: Mapping[str, str] | None = None, hosts: str = "", **keywords: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command as `subprocess.run` does, with the box as its Internet.

    `env` is added to the environment; `hosts` are further lines for /etc/hosts; `keywords` go to
    `subprocess.run`.
    """
    keywords = {"check": False, "env": environment(box, env), **keywords}
    return subprocess.run(command(argv, box=box, hosts=hosts), **keywords)


def command(argv: Sequence[str], *, box: Box, hosts: str = "") -> list[str]:
    """Return the words that run a command in the box's world, for whoever starts processes themselves."""
    file = box.folder / "laptop-hosts"
    _write(file, Path("/etc/hosts").read_text() + box.hosts_file() + hosts)
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _IN_NAMESPACE, str(file), *argv]


def environment(box: Box, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment, trusting the lab and free of proxies, and then `extra`."""
    bundle = box.folder / "laptop-ca.pem"
    _write(bundle, ca.bundle())
    own = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**own, **dict.fromkeys(_BUNDLE_VARIABLES, str(bundle)), **(extra or {})}


def _write(file: Path, text: str) -> None:
    """Write a file at once, and only when it differs: another command may be reading it."""
    if not file.exists() or file.read_text() != text:
        new = file.with_name(f"{file.name}.{os.getpid()}")
        new.write_text(text)
        new.rename(file)
