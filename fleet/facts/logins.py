"""Root's logins at registries: what Docker has kept, and what fleet has noted of the logins that it made."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.formats.references import HUB
from fleet.model import Probe

CONFIG = "/root/.docker/config.json"
MARKS = "/var/lib/fleet/logins"
"""Lines of a registry, a user and the mark of the password (see queries.LoginMark), for root alone."""

_HUB_FILED = "index.docker.io"


@dataclass(frozen=True, slots=True)
class Logins:
    """``kept`` are registries with the user that Docker has for them, empty where a credential helper has it."""

    kept: tuple[tuple[str, str], ...] = ()
    marks: tuple[tuple[str, str, str], ...] = ()

    def has(self, registry: str, user: str, mark: str) -> bool:
        """Is this very login there, as fleet has made it?"""
        return (registry, user, mark) in self.marks and bool({(registry, user), (registry, "")} & set(self.kept))

    def plus(self, registry: str, user: str, mark: str) -> Logins:
        """With this login in place of another one at the registry."""
        kept = (*(k for k in self.kept if k[0] != registry), (registry, user))
        return replace(self, kept=kept, marks=(*(m for m in self.marks if m[0] != registry), (registry, user, mark)))


def read_logins(text: str) -> Logins:
    """Read the answer of the probe ``logins``: lines of a word and fields, parted by tabs."""
    rows = [line.split("\t") for line in text.splitlines()]
    return Logins(
        kept=tuple((_registry(row[1]), row[2]) for row in rows if row[0] == "kept" and len(row) == 3),
        marks=tuple((row[1], row[2], row[3]) for row in rows if row[0] == "mark" and len(row) == 4),
    )


def _registry(name: str) -> str:
    """Of https://index.docker.io/v1/, docker.io; of https://ghcr.io, ghcr.io."""
    host = name.rpartition("://")[2].partition("/")[0]
    return HUB if host == _HUB_FILED else host


# The password stays on the host: perl decodes base64 by unpack "u", and prints what is before the colon.
LOGINS = Probe(
    name="logins",
    script=rf"""
[ -s {CONFIG} ] && perl -0777 -ne '
  my ($auths) = /"auths"\s*:\s*\{{((?:[^{{}}]|\{{[^{{}}]*\}})*)\}}/ or exit;
  while ($auths =~ /"([^"\s]+)"\s*:\s*\{{([^{{}}]*)\}}/g) {{
    my ($name, $entry, $user) = ($1, $2, "");
    if ($entry =~ m{{"auth"\s*:\s*"([A-Za-z0-9+/]+)}}) {{
      (my $auth = $1) =~ tr#A-Za-z0-9+/# -_#;
      $user = join "", map {{ unpack "u", chr(32 + int(length($_) * 3 / 4)) . $_ }} $auth =~ /.{{1,60}}/g;
      $user =~ s/:.*//s;
    }}
    $user =~ tr/\t\n//d;
    print "kept\t$name\t$user\n";
  }}' {CONFIG}
[ -s {MARKS} ] && while IFS= read -r l; do printf 'mark\t%s\n' "$l"; done <{MARKS}
""",
    parse=read_logins,
    unknown=Logins(),
    as_root=True,
)
