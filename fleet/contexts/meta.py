"""The files of docker's contexts, as docker/cli writes them (cli/context/store/metadatastore.go)."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from fleet.contexts.files import write_file

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.+-]+")
_OURS = "com.github.fleet.host"
"""A key of ours in a context's metadata, where docker keeps what it does not know."""


def context_name(prefix: str, host: str) -> str:
    """The context of a host."""
    return prefix + host


def problem_of(name: str) -> str:
    """Why docker would not take that name; empty when it would."""
    if name == "default":
        return "the name is docker's own"
    return "" if _NAME.fullmatch(name) else "it takes two or more of letters, digits, _ . + and -, a letter or digit first"


def path_of(docker: Path, name: str) -> Path:
    """The file of a context."""
    return docker / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"


def exists(docker: Path, name: str) -> bool:
    """True when there is a context of that name, whoever made it."""
    return path_of(docker, name).exists()


def is_ours(docker: Path, name: str) -> bool:
    """True when `fleet` made it."""
    return _is_ours(_read(path_of(docker, name)))


def write(docker: Path, name: str, host: str, address: str) -> bool:
    """Make it so; False when it is so."""
    data = {
        "Name": name,
        "Metadata": {"Description": f"{host}, by fleet", _OURS: host},
        "Endpoints": {"docker": {"Host": address, "SkipTLSVerify": False}},
    }
    path = path_of(docker, name)
    if _read(path) == data:
        return False
    write_file(path, json.dumps(data, separators=(",", ":")), 0o644)
    return True


def remove(docker: Path, name: str) -> None:
    """Remove its folder, and the one for TLS files that docker may have made."""
    shutil.rmtree(path_of(docker, name).parent)
    shutil.rmtree(docker / "contexts" / "tls" / path_of(docker, name).parent.name, ignore_errors=True)


def aliases(docker: Path) -> frozenset[str]:
    """The names that ssh is given by the contexts that `fleet` made."""
    found = (_read(path) for path in (docker / "contexts" / "meta").glob("*/meta.json"))
    return frozenset(str(data["Endpoints"]["docker"]["Host"]).removeprefix("ssh://") for data in found if _is_ours(data))


def current(docker: Path) -> str:
    """The context that docker uses when none is named."""
    return str(_read(docker / "config.json").get("currentContext", ""))


def _is_ours(data: dict[str, Any]) -> bool:
    metadata = data.get("Metadata")
    return isinstance(metadata, dict) and _OURS in metadata


def _read(path: Path) -> dict[str, Any]:
    """A JSON object, empty where there is none: what can't be read is not ours."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
