"""What containerd's image store holds: only its blobs tell which layers are there."""

from __future__ import annotations

import re

from fleet.model import Probe


def read_content(text: str) -> frozenset[str]:
    """The digests that `ctr content ls -q` lists."""
    return frozenset(re.findall(r"^sha256:[0-9a-f]{64}$", text, re.M))


# Docker's namespace in containerd is "moby" (moby/moby, daemon/config). containerd.io brings ctr, which takes a moment to
# start: where no blob is, nobody uses the store. Where containerd has another root, all layers count as lacking.
CONTENT: Probe[frozenset[str]] = Probe(
    name="content",
    script="""
set -- /var/lib/containerd/io.containerd.content.v1.content/blobs/sha256/*
[ -e "$1" ] && timeout -k 1 20 ctr -n moby content ls -q
:
""",
    parse=read_content,
    unknown=frozenset(),
    as_root=True,
)
"""For what is sent alone."""
