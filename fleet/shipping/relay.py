"""An image from one host straight to another: the scripts for both, and what they say of themselves. Pure.

The host that has the image runs an sshd of its own for the one that lacks it: as root, on a port of `PORTS`, with a host
key, a configuration and one authorized key of their own in a folder of /run, and ends it when the laptop lets go. The one
that lacks it makes a key for this one time, whose private half never leaves it, and knows the other's host key from the
laptop, over whose two connections all this is told. So

- no file that lasts is touched, least of all ~/.ssh/authorized_keys, where a half-written line can lock people out, which
  may be elsewhere (AuthorizedKeysFile), and whose users may have to show a second factor (AuthenticationMethods) or may
  have no rights to Docker: the usual sshd would need all of that to be as it is by default;
- whatever breaks, nothing stays: the scripts clean up when their stdin ends, as it does when the laptop is gone, and a
  power cut empties /run. Neither the laptop's keys nor its agent go anywhere, and no secret is in an argument list;
- the key opens one command, which gives out one image (sshd(8), AUTHORIZED_KEYS FILE FORMAT: restrict, command; and
  sshd_config(5): PermitRootLogin forced-commands-only), and what goes over the LAN is encrypted, as images may hold secrets.

The price is a port that has to be open between the hosts. TLS or plain TCP would cost that too, and neither a TLS server
nor Python is on every Debian, whereas openssh-server, by which the host is reached, brings sshd, ssh and ssh-keygen.

PAM has to be used, since an account whose password begins with `!`, as root's does on Debian, is locked without it
(sshd_config(5), UsePAM; openssh-portable, auth.c, allowed_user).

`docker save` writes whole images. Layers that the other has are taken out of its stream by their names, which are their
digests since Docker 25 (moby/moby, image/tarexport) and in containerd's store; of an older one all travel.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from fleet.errors import RemoteError
from fleet.shell import quote, words
from fleet.shipping.sieve import SCALE, SIEVE, START
from fleet.steps.pulling import DOCKER

PORTS = range(4714, 4722)
"""Where hosts give images to each other; nothing is assigned to them (IANA, service names and port numbers)."""
NO_TOOLS, NOT_REACHED = 66, 68
"""Exit codes: something is missing on the host, and the other one can't be reached."""
_MOST_ADDRESSES = 4
_CONNECT_SECONDS = 3
_STALE_MINUTES = 24 * 60
_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{68}")
_FOLDER = "/run/fleet-relay.XXXXXX"

_CONFIG = """\
Port $port
HostKey $folder/host
AuthorizedKeysFile $folder/authorized
PidFile none
AllowUsers root
PermitRootLogin forced-commands-only
AuthenticationMethods publickey
PasswordAuthentication no
UsePAM yes
DisableForwarding yes
PermitTTY no
PermitUserRC no
PrintMotd no
MaxSessions 1
MaxStartups 4
LoginGraceTime 20
ClientAliveInterval 15
"""

# Every session of sshd is a process group of its own, which outlives the sshd that let it in.
_GIVE = """\
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
[ "$SSH_ORIGINAL_COMMAND" = image ] || exit 0
read -r _ _ _ _ group _ </proc/self/stat && echo "$group" >>"$1/groups" || exit 1
cat >"$1/spare"
printf '%start%'
{ %save% 2>"$1/said"; } | perl "$1/sieve" "$1/spare" | gzip -1
"""

_SERVE = """\
umask 077
find /run -maxdepth 1 -name 'fleet-relay.*' -mmin +%stale% -exec rm -rf {} +
folder=$(mktemp -d %template%) || exit %no_tools%
server=
finish() {
  rm -f "$folder/give"
  [ -z "$server" ] || kill "$server" 2>/dev/null
  [ ! -e "$folder/groups" ] || while read -r group; do kill -- "-$group" 2>/dev/null; done <"$folder/groups"
  [ ! -s "$folder/said" ] || cat "$folder/said" >&2
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
fail() { printf '%s\\n' "$1" >&2; exit %no_tools%; }
[ -x /usr/sbin/sshd ] || fail 'there is no /usr/sbin/sshd'
ssh-keygen -q -t ed25519 -N '' -C fleet-relay -f "$folder/host" || fail 'ssh-keygen made no key'
printf '%s' %sieve% >"$folder/sieve"
printf '%s' %give% >"$folder/give"
printf 'restrict,command="sh %s/give %s" %s fleet-relay\\n' "$folder" "$folder" %key% >"$folder/authorized"
[ -d /run/sshd ] || mkdir -m 0755 /run/sshd
addresses=$(ip -o addr show up scope global | awk '$2 !~ /^(docker|br-|veth|virbr)/ { sub("/.*", "", $4); print $4 }')
[ -n "$addresses" ] || fail 'it has no address'
for port in %ports%; do
  : >"$folder/log"
  {
    cat <<END
%config%
END
    for address in $addresses; do printf 'ListenAddress %s\\n' "$address"; done
  } >"$folder/config"
  /usr/sbin/sshd -D -E "$folder/log" -f "$folder/config" </dev/null >/dev/null 2>&1 &
  server=$!
  for tick in %ticks%; do
    ! grep -q '^Server listening' "$folder/log" || break 2
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  kill "$server" 2>/dev/null
  server=
done
[ -n "$server" ] || fail "its sshd does not start: $(tail -n 1 "$folder/log")"
printf 'port %s\\nhost-key %s\\n' "$port" "$(cut -d ' ' -f 1,2 "$folder/host.pub")"
for address in $addresses; do printf 'address %s\\n' "$address"; done
echo ready
cat >/dev/null
"""

_FETCH = """\
umask 077
find /run -maxdepth 1 -name 'fleet-relay.*' -mmin +%stale% -exec rm -rf {} +
folder=$(mktemp -d %template%) || exit %no_tools%
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
command -v ssh >/dev/null || { echo 'there is no ssh' >&2; exit %no_tools%; }
ssh-keygen -q -t ed25519 -N '' -C fleet-relay -f "$folder/key" || exit %no_tools%
printf 'key %s\\n' "$(cut -d ' ' -f 1,2 "$folder/key.pub")"
read -r port && read -r host_key && read -r addresses || exit %no_tools%
printf 'relay %s\\n' "$host_key" >"$folder/known"
cat >"$folder/spare"
way() {
  ssh -F /dev/null -T -l root -p "$port" -i "$folder/key" -o IdentitiesOnly=yes -o IdentityAgent=none \\
    -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o HostKeyAlias=relay \\
    -o UserKnownHostsFile="$folder/known" -o GlobalKnownHostsFile=/dev/null -o ConnectTimeout=%seconds% \\
    -o ServerAliveInterval=15 -o LogLevel=ERROR -- "$@"
}
reached=
for address in $addresses; do
  if way "$address" hello </dev/null >/dev/null 2>"$folder/said"; then reached=$address; break; fi
done
[ -n "$reached" ] || { tail -n 1 "$folder/said" >&2; exit %not_reached%; }
way "$reached" image <"$folder/spare" 2>"$folder/said" | perl -e %scale% "$folder/count" | %load%
code=$?
[ "$code" -eq 0 ] || { cat "$folder/said" >&2; exit "$code"; }
printf 'took %s\\nid %s\\n' "$(cat "$folder/count")" "$(%inspect%)"
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """How the host that has the image can be reached: its port, the key that it will show, its addresses."""

    port: int
    host_key: str
    addresses: tuple[str, ...]

    def document(self, spare: Collection[str]) -> bytes:
        """What the other one reads on its stdin; ``spare`` are digests of layers that need not come."""
        lines = (str(self.port), self.host_key, " ".join(self.addresses), *(digest.removeprefix("sha256:") for digest in spare))
        return "".join(f"{line}\n" for line in lines).encode()


def serving(image: str, key: str) -> str:
    """For the host that has the image, as root: gives it to whoever has this public key, until stdin ends."""
    give = _filled(_GIVE, start=START, save=words(*DOCKER, "save", "--", image))
    ports = " ".join(map(str, PORTS))
    return _filled(
        _SERVE, **_COMMON, sieve=quote(SIEVE), give=quote(give), key=quote(key), ports=ports, ticks=_TICKS, config=_CONFIG
    )


def fetching(image: str) -> str:
    """For the host that lacks it, as root: tells its public key, reads the offer on stdin, takes the image and loads it."""
    load = f"{words(*DOCKER, 'load', '--quiet')} >/dev/null"
    inspect = words(*DOCKER, "image", "inspect", "--format", "{{.Id}}", "--", image)
    return _filled(_FETCH, **_COMMON, seconds=str(_CONNECT_SECONDS), scale=quote(SCALE), load=load, inspect=inspect)


def read_key(line: str) -> str:
    """A public key as a host tells it, or RemoteError: it becomes a part of a file that lets people in."""
    if not _KEY.fullmatch(line):
        raise RemoteError("a host told a key that is none", "Run it again with -vv to see what it said.")
    return line


def read_offer(lines: Iterable[str], seen: str) -> Offer:
    """What `serving` said; ``seen`` is the address that the laptop knows, the likeliest. Raises RemoteError."""
    said: dict[str, list[str]] = {"port": [], "host-key": [], "address": []}
    for line in lines:
        word, _, value = line.partition(" ")
        if word in said:
            said[word].append(value)
    try:
        port = int(said["port"][0])
        addresses = [str(ipaddress.ip_address(value)) for value in said["address"]]
        likely = sorted(addresses, key=lambda address: (address != seen, ":" in address))
        return Offer(port, read_key(said["host-key"][0]), tuple(likely[:_MOST_ADDRESSES]))
    except (ValueError, IndexError):
        raise RemoteError("a host told an address that is none", "Run it again with -vv to see what it said.") from None


def _filled(text: str, **values: str) -> str:
    """Put each value in its place, `%name%`, whatever it looks like itself."""
    return re.sub(r"%([a-z_]+)%", lambda found: values[found[1]], text)


_TICKS = " ".join(map(str, range(50)))
_COMMON = {
    "stale": str(_STALE_MINUTES),
    "template": _FOLDER,
    "no_tools": str(NO_TOOLS),
    "not_reached": str(NOT_REACHED),
}
