"""Docker Hub's registry: Debian's docker-registry over read-only storage, on a unix socket behind nginx."""

from __future__ import annotations

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


def start(folder: Path, storage: Path) -> None:
    """Start the registry; its socket, log, configuration and pid file are in `folder`."""
    config, socket = folder / "registry.yml", folder / "registry.sock"
    socket.unlink(missing_ok=True)
    config.write_text(_CONFIG.format(storage=storage, socket=socket))
    pid_file, log = folder / "registry.pid", folder / "registry.log"
    process.start(["docker-registry", "serve", str(config)], pid_file, log)
    process.wait_for(socket, pid_file, str(config), log)


def stop(folder: Path) -> None:
    """Stop the registry and wait for its end."""
    process.stop(folder / "registry.pid", str(folder / "registry.yml"))
