"""What containerd's image store holds, where Docker uses it: only its blobs tell which layers are there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleet.model import Probe


@dataclass(frozen=True, slots=True)
class Content:
    """``is_used`` is False where Docker has its classic store; ``digests`` are those of all blobs."""

    is_used: bool = False
    digests: frozenset[str] = frozenset()


def read_content(text: str) -> Content:
    """Read a line `containerd`, and the digests after it."""
    head, _, rest = text.partition("\n")
    return Content(True, frozenset(re.findall(r"^sha256:[0-9a-f]{64}$", rest, re.M))) if head == "containerd" else Content()


# `docker info` would start a daemon that is down (its socket is systemd's). Docker's namespace in containerd is "moby", and
# the store is told by "driver-type" (moby/moby, daemon/config and daemon/containerd/service.go). containerd.io brings ctr.
CONTENT = Probe(
    name="content",
    script=r"""
p=; [ -r /var/run/docker.pid ] && read -r p </var/run/docker.pid
if [ -n "$p" ] && [ -d "/proc/$p" ]; then
case $(timeout -k 1 20 docker -H unix:///var/run/docker.sock info -f '{{json .DriverStatus}}' 2>/dev/null) in
*io.containerd.snapshotter*) echo containerd; timeout -k 1 20 ctr -n moby content ls -q 2>/dev/null ;;
esac
fi
""",
    parse=read_content,
    unknown=Content(),
    as_root=True,
)
"""For a push alone: it costs a start of the docker command."""
