"""Reading what Docker says of its containers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from fleet.errors import RemoteError
from fleet.model import Container, Usage

_PROJECT, _SERVICE, _NUMBER = (f"com.docker.compose.{word}" for word in ("project", "service", "container-number"))
"""Labels that Compose puts on what it makes (docker/compose, pkg/api/labels.go)."""
_NEVER = "0001-01-01T00:00:00Z"
_SIZE = re.compile(r"([0-9.]+)\s*([kKMGTP]?)(i?)B")
_POWERS = " kMGTP"


def read(text: str) -> tuple[Container, ...]:
    """The containers of a host, by project, service and name. Raises RemoteError for an answer that makes no sense."""
    clock, *rows = text.splitlines() or [""]
    try:
        found = [_container(json.loads(row), int(clock)) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(f"Docker's list of containers can't be read: {error}.", "See `docker ps -a` there.") from error
    return tuple(sorted(found, key=lambda c: (c.project == "", c.project, c.service, c.number, c.name)))


def _container(row: Mapping[str, Any], now: int) -> Container:
    labels = row["labels"] or {}
    number = labels.get(_NUMBER, "0")
    return Container(
        id=row["id"],
        name=row["name"].removeprefix("/"),
        image=row["image"],
        state=row["state"],
        health=row["health"].replace("none", ""),
        code=row["code"],
        project=labels.get(_PROJECT, ""),
        service=labels.get(_SERVICE, ""),
        number=int(number) if number.isdecimal() else 0,
        ports=tuple(_ports(row["ports"] or {})),
        seconds=_since(row, now),
        restarts=row["restarts"],
    )


def _since(row: Mapping[str, Any], now: int) -> float | None:
    moment = row["started"] if row["state"] in ("running", "paused") else row["finished"]
    if moment == _NEVER:
        return None
    return max(0.0, now - datetime.fromisoformat(re.sub(r"\.\d+", "", moment)).timestamp())


def _ports(bindings: Mapping[str, Sequence[Mapping[str, str]] | None]) -> Iterator[str]:
    """`0.0.0.0:80->80/tcp`, once for both families; `80/tcp` where a port is only exposed."""
    for inside, outside in sorted(bindings.items(), key=lambda item: (int(item[0].partition("/")[0]), item[0])):
        wanted = {(_address(bound["HostIp"]), bound["HostPort"]) for bound in outside or ()}
        yield from sorted(f"{address}{port}->{inside}" for address, port in wanted) or [inside]


def _address(text: str) -> str:
    """The address that a port is bound to; nothing for all of them."""
    if text in ("", "0.0.0.0", "::"):  # noqa: S104  # read, not bound
        return ""
    return f"[{text}]:" if ":" in text else f"{text}:"


def read_usage(rows: Sequence[str]) -> tuple[Usage, ...]:
    """One look at what containers use, by name; one that was just stopped has dashes for numbers, and is left out."""
    found = [json.loads(row) for row in rows if row.startswith("{")]
    return tuple(sorted((_usage(row) for row in found if "--" not in row["CPUPerc"]), key=lambda usage: usage.name))


def _usage(row: Mapping[str, str]) -> Usage:
    memory, limit = _pair(row["MemUsage"])
    received, sent = _pair(row["NetIO"])
    read, written = _pair(row["BlockIO"])
    processes = int(row["PIDs"]) if row["PIDs"].isdecimal() else 0
    return Usage(row["Name"], float(row["CPUPerc"].rstrip("%")), memory, limit, received, sent, read, written, processes)


def _pair(text: str) -> tuple[int, int]:
    one, _, other = text.partition(" / ")
    return size(one), size(other)


def size(text: str) -> int:
    """Bytes of `1.5GiB` or `20.5kB`; 0 where there is no number (docker/go-units)."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        return 0
    power = _POWERS.index(match[2].replace("K", "k") or " ")
    return round(float(match[1]) * float(1024 if match[3] else 1000) ** power)
