"""Docker Hub's registry: Debian's docker-registry over read-only storage, on a unix socket behind nginx."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab.box import process

_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  maintenance: {{uploadpurging: {{enabled: false}}, readonly: {{enabled: true}}}}
http:
  net: unix
  addr: {socket}
  headers: {{X-Content-Type-Options: [nosniff]}}
"""


def storage_of(folder: Path) -> Path:
    """Return the storage of the registry in this folder, which is its own: its tags can be moved."""
    return folder / "registry"


def start(folder: Path, content: Path) -> None:
    """Start the registry; its socket, log, configuration and pid file are in `folder`, and a copy of `content`, made of links."""
    config, socket, storage = folder / "registry.yml", folder / "registry.sock", storage_of(folder)
    shutil.rmtree(storage, ignore_errors=True)
    shutil.copytree(content, storage, copy_function=_link)
    socket.unlink(missing_ok=True)
    config.write_text(_CONFIG.format(storage=storage, socket=socket))
    pid_file, log = folder / "registry.pid", folder / "registry.log"
    process.start(["docker-registry", "serve", str(config)], pid_file, log)
    process.wait_for(socket, pid_file, str(config), log)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copyfile(source, target)


def stop(folder: Path) -> None:
    """Stop the registry, wait for its end, and remove its storage."""
    process.stop(folder / "registry.pid", str(folder / "registry.yml"))
    shutil.rmtree(storage_of(folder), ignore_errors=True)
