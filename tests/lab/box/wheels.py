"""The package index that this machine's pip uses, served through a cache: what a container in the lab installs from.

The index is found in pip's own configuration, as pip reads it; where its files lie is found on one of its pages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tests.lab.box.process import LabError
from tests.lab.cache import cached

PORT = 8081
_LINK = re.compile(r'href="([^"#]+\.whl)')
_KNOWN = "pip"
"""A project that every index has."""
_DEFAULT = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


@dataclass(frozen=True)
class Wheels:
    """An index (``…/simple``) and the site of its files, both without a slash at the end; `folder` keeps them in ``files``."""

    index: str
    files: str
    folder: Path


def find() -> Wheels:
    """Return the index, and make the cache's folder; `LabError` when its pages can't be read."""
    index = _index().rstrip("/")
    folder = cached("wheels", index, lambda made: _look(made, index))
    return Wheels(index, (folder / "site").read_text(), folder)


def url(address: str) -> str:
    """What to give pip as its index, on a box at this address; by plain http, so the address has to be trusted too."""
    return f"http://{address}:{PORT}/simple/"


def _index() -> str:
    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    for name in ("global.index-url", "install.index-url"):
        said = subprocess.run([sys.executable, "-m", "pip", "config", "get", name], capture_output=True, text=True, check=False)
        if said.returncode == 0:
            return said.stdout.strip()
    return subprocess.run([sys.executable, "-c", _DEFAULT], capture_output=True, text=True, check=True).stdout.strip()


def _look(folder: Path, index: str) -> None:
    (folder / "files").mkdir()
    page = f"{index}/{_KNOWN}/"
    try:
        with urllib.request.urlopen(urllib.request.Request(page, headers={"Accept": "text/html"}), timeout=30) as answer:
            text = answer.read().decode()
    except OSError as error:
        raise LabError(f"The package index of this machine's pip can't be read: {error}") from error
    found = _LINK.search(text)
    if not found:
        raise LabError("The package index of this machine's pip lists no wheels in HTML.")
    url = urlsplit(urljoin(page, found[1]))
    (folder / "site").write_text(f"{url.scheme}://{url.netloc}")
