"""Who needs the images of a host: containers, running or not, and the stacks that one can go back to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fleet.facts.daemon import where_it_runs
from fleet.facts.stacks import FOLDER
from fleet.model import Facts, Probe

_PROJECT = "com.docker.compose.project"
_KEPT = "kept "
"""Before the name of a stack that could be gone back to: no container is called so."""


@dataclass(frozen=True, slots=True)
class Uses:
    """``holders`` are owner and image ID: a stack (or any project of Compose's), one that is kept, or nobody by name.

    ``named`` is when each image got its last name here, by ID, and ``now`` what the host's clock says (seconds of the Unix
    epoch; 0: not known). ``wanted`` are names of images that the steps of a plan need, whoever holds them.
    """

    now: int = 0
    holders: tuple[tuple[str, str], ...] = ()
    named: dict[str, int] = field(default_factory=dict)
    wanted: frozenset[str] = frozenset()

    @property
    def held(self) -> frozenset[str]:
        """The IDs of images that somebody holds."""
        return frozenset(image for _, image in self.holders)

    def wanting(self, *names: str) -> Uses:
        """With images that a step of the plan needs, as the daemon shows their names."""
        return replace(self, wanted=self.wanted | set(names))

    def redeployed(self, stack: str) -> Uses:
        """Once a stack runs other images: what it runs now can be gone back to, and what could is let go."""
        moved = ((f"{_KEPT}{stack}" if owner == stack else owner, image) for owner, image in self._without_kept(stack))
        return replace(self, holders=tuple(moved))

    def removed(self, stack: str) -> Uses:
        """Once a stack is away."""
        return replace(self, holders=tuple(row for row in self._without_kept(stack) if row[0] != stack))

    def _without_kept(self, stack: str) -> tuple[tuple[str, str], ...]:
        return tuple(row for row in self.holders if row[0] != f"{_KEPT}{stack}")


def read_uses(text: str) -> Uses:
    """Read the answer of the probe ``uses``."""
    found = Uses()
    for line in text.splitlines():
        match line.split("\t"):
            case "now", now:
                found = replace(found, now=int(now))
            case "containers", said:
                found = replace(found, holders=(*found.holders, *map(_holder, json.loads(said))))
            case "kept", stack, image:
                found = replace(found, holders=(*found.holders, (f"{_KEPT}{stack}", image)))
            case "named", image, moment:
                found = replace(found, named={**found.named, image: _seconds(moment)})
    return found


def _holder(said: dict[str, Any]) -> tuple[str, str]:
    """One item of the answer to GET /containers/json."""
    return str((said.get("Labels") or {}).get(_PROJECT, "")), str(said.get("ImageID", ""))


def _seconds(moment: str) -> int:
    """Of ``2026-11-24T14:03:05.123456789Z``; before 1970, which Docker says of an image that never had a name, it is 0."""
    return max(0, int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()))


_ASK = rf"""
my ($head, $all) = get("/containers/json?all=1");
exit unless $head;
print "now\t", time, "\ncontainers\t$all\n";
for my $file (glob "{FOLDER}/*/.previous/manifest") {{
  my ($name) = $file =~ m{{/([^/]+)/\.previous/}};
  open(my $f, "<", $file) or next;
  /^container \S+ \S+ \S+ (sha256:[0-9a-f]+)/ && print "kept\t$name\t$1\n" for <$f>;
}}
my %ids = map {{ $_ => 1 }} (get("/images/json"))[1] =~ /"Id":"(sha256:[0-9a-f]{{64}})"/g;
for (sort keys %ids) {{
  print "named\t$_\t$1\n" if (get("/images/$_/json"))[1] =~ /"LastTagTime":"(\d{{4}}-\d\d-\d\dT[\d:.]+)Z?/;
}}
"""

USES = Probe(
    name="uses",
    script=where_it_runs(_ASK),
    parse=read_uses,
    unknown=Uses(),
    as_root=True,
)


def needed(facts: Facts, *names: str) -> Facts:
    """With these images as such that the recipe needs, whether a container has them or not."""
    return facts.but(USES, facts[USES].wanting(*names))
