"""The script that puts a daemon.json in its place: checked by dockerd before, and taken back when Docker can't live with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleet.facts.daemon_json import PATH, TOLD
from fleet.shell import quote, script_of, words
from fleet.steps.pulling import DOCKER

REFUSED = "dockerd refuses the new daemon.json"


def change_script(content: str, sha256: str, was: str, flags: Iterable[str], ways: Sequence[str]) -> str:
    """Write the file unless it is that already, then `reload` and `restart` Docker as ``ways`` say, in their order.

    ``was`` is the sha256 that the plan saw (empty: no file); exit code 65 tells of another one. When dockerd refuses the
    file or does not start with it, what was there before is there again.
    """
    return script_of(
        f"target=$(readlink -m {PATH})",
        'folder=$(dirname "$target")',
        'temporary=""; old=""; placed=""',
        'trap \'rm -f "$temporary" "$old"\' EXIT',
        "trap 'exit 1' HUP INT TERM",
        _FUNCTIONS,
        *_write(content, sha256, was, flags),
        *(f'{way} || give_up "Docker does not {way} with it"' for way in ways),
        *((f"mkdir -p -m 0755 {TOLD.rpartition('/')[0]}", f"echo {quote(sha256)} >{TOLD}") if ways else ()),
    )


def _write(content: str, sha256: str, was: str, flags: Iterable[str]) -> tuple[str, ...]:
    return (
        'now=""; if [ -e "$target" ]; then now=$(sha256sum <"$target"); now=${now%% *}; fi',
        f'if [ "$now" != {quote(sha256)} ]; then',
        f'  if [ "$now" != {quote(was)} ]; then echo "$target has changed since the plan was made" >&2; exit 65; fi',
        '  mkdir -p -m 0755 "$folder"',
        '  temporary=$(mktemp "$folder/.fleet.XXXXXX")',
        f"  printf '%s' {quote(content)} >\"$temporary\"",
        '  chmod 0644 "$temporary"',
        '  if [ -e "$target" ]; then',
        '    chmod --reference="$target" "$temporary"',
        '    old=$(mktemp "$folder/.fleet.XXXXXX"); cp -p "$target" "$old"',
        "  fi",
        f'  said=$(dockerd --validate {words(*flags)} --config-file="$temporary" 2>&1) || refused',
        '  sync "$temporary"',
        '  mv -f "$temporary" "$target"; placed=1',
        "fi",
    )


_EVENTS = ("events", "--filter", "type=daemon", "--filter", "event=reload")
_FUNCTIONS = f"""\
refused() {{
  printf '%s\\n' "$said" >&2
  said=$(printf '%s\\n' "$said" | tail -n 1)
  echo "error: {REFUSED}: ${{said##*"$temporary: "}}" >&2
  exit 66
}}
restart() {{
  systemctl reset-failed docker.service 2>/dev/null || :
  systemctl restart docker.service
}}
reload() {{
  since=$(date +%s)
  systemctl reload docker.service || return 1
  for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    told=$(timeout -k 1 10 {words(*DOCKER, *_EVENTS)} --since "$since" --until "$(date +%s)") || :
    [ -z "$told" ] || return 0
    sleep 0.5
  done
  return 1
}}
give_up() {{
  said=$(journalctl -q -b -n 30 --no-pager -o cat _SYSTEMD_UNIT=docker.service) || :
  if [ -n "$placed" ]; then
    if [ -n "$old" ]; then mv -f "$old" "$target"; old=""; else rm -f "$target"; fi
    restart || :
    back=", so the old one is back"
  fi
  printf '%s\\n' "$said" >&2
  echo "error: $1${{back:-}}: $(printf '%s\\n' "$said" | tail -n 1)" >&2
  exit 70
}}"""
"""dockerd tells of a reload that succeeded as an event (moby/moby, daemon/reload.go), and of one that failed in its journal."""
