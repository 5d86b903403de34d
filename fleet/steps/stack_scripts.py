"""What is run on a host to bring a stack up, back, or away. Nothing here is specific to one stack but the words put in.

All of a stack's files are beside each other in one folder, which is its project folder for good, since relative volumes
are in it too. New files are tried by `docker compose config` beside it before they take the place of the old ones, which
are kept until the new ones are known to work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleet.facts.stacks import BACK, FOLDER, MANIFEST, SECRETS
from fleet.shell import quote, words

_COMMON = rf"""
compose() {{
  back=; [ ! -f "$at/{BACK}" ] || back=$at/{BACK}
  env -i PATH="$PATH" HOME=/root LC_ALL=C DOCKER_DEFAULT_PLATFORM="$platform" $docker compose --progress plain -p "$name" \
    --project-directory "$at" --env-file "$at/.env" -f "$at/compose.yml" -f "$at/fleet.yml" ${{back:+-f "$back"}} "$@" 2>&1
}}
ours() {{
  $docker ps -a --no-trunc --filter "label=com.docker.compose.project=$name" --filter label=com.docker.compose.oneoff=False \
    --format "$1"
}}
give_up() {{ echo "error: $*" >&2; exit 1; }}
one_line() {{ tr '\n\t' '  ' | tr -s ' ' | cut -c 1-400; }}
docker='docker -H unix:///var/run/docker.sock'
new=$folder/.new; previous=$folder/.previous; at=$folder
exec 9>/run/fleet.stacks.lock
flock -w 600 9 || give_up 'another fleet has been deploying stacks here for ten minutes'
"""

_CHECK = r"""
at=$new
refused=$(compose config -q) || { rm -rf "$new" "$fresh"; give_up "Compose refuses it: $(printf '%s' "$refused" | tail -n 1)"; }
at=$folder
"""

# The list of files decides what is ours: a folder of data beside them belongs to the containers. Running containers hold
# on to the files that they were started with, so nothing is written over.
_MOVE = r"""
move() {  # the files of the manifest $1, from folder $2 to folder $3
  sed -n 's/^file //p' "$1" | while IFS= read -r file; do
    [ ! -e "$2/$file" ] || { mkdir -p "$(dirname "$3/$file")"; mv -f "$2/$file" "$3/$file"; }
  done
}
places="/run/fleet/secrets/$name $folder/.secrets"
"""

_SWAP = r"""
if [ -f "$manifest" ]; then
  rm -rf "$previous"; mkdir "$previous"
  move "$manifest" "$folder" "$previous"
  mv -f "$manifest" "$previous/manifest"
  for place in $places; do rm -rf "$place.previous"; [ ! -e "$place" ] || mv -f "$place" "$place.previous"; done
elif [ -f "$manifest.tried" ]; then
  move "$manifest.tried" "$folder" "$new/.old"
fi
move "$new/manifest" "$new" "$folder"
mv -f "$new/manifest" "$manifest.tried"
for place in $places; do rm -rf "$place"; done
[ ! -e "$fresh" ] || mv -f "$fresh" "$secrets"
rm -rf "$new"
"""

# A name may stand for another image by now, so that going back takes the IDs of the images that ran.
_EXCHANGE = rf"""
exchange() {{  # what is in place and what was before
  was=$manifest; [ -f "$was" ] || was=$manifest.tried
  mkdir "$folder/.back"
  move "$was" "$folder" "$folder/.back"; mv -f "$was" "$folder/.back/manifest"
  move "$previous/manifest" "$previous" "$folder"; mv -f "$previous/manifest" "$manifest.tried"
  rm -rf "$previous"; mv -f "$folder/.back" "$previous"
  for place in $places; do
    [ ! -e "$place" ] || mv -f "$place" "$place.back"
    [ ! -e "$place.previous" ] || mv -f "$place.previous" "$place"
    [ ! -e "$place.back" ] || mv -f "$place.back" "$place.previous"
  done
  pin
}}
id_of() {{ $docker image inspect -f '{{{{.Id}}}}' "$1" 2>/dev/null; }}
ran() {{ sed -n 's/^container //p' "$1" | awk 'NF == 5 && !seen[$1]++'; }}
pin() {{
  rm -f "$folder/{BACK}"
  pins=$(ran "$manifest.tried" | while read -r service hash state id image; do
    case $image in sha256:*) ;; *) [ "$(id_of "$image")" != "$id" ] || continue ;; esac
    [ -z "$(id_of "$id")" ] || printf '  "%s": {{"image": "%s"}}\n' "$service" "$id"
  done)
  sed -i '/^file {BACK}$/d' "$manifest.tried"
  [ -n "$pins" ] || return 0
  printf 'services:\n%s\n' "$pins" >"$folder/{BACK}"
  echo 'file {BACK}' >>"$manifest.tried"
}}
"""

_UP = r"""
record() {
  row='container {{index .Config.Labels "com.docker.compose.service"}} {{index .Config.Labels "com.docker.compose.config-hash"}}'
  row="$row {{.State.Status}} {{.Image}} {{.Config.Image}}"
  { sed -n '/^file /p; /^secret /p' "$manifest.tried"; ours '{{.ID}}' | xargs -r $docker inspect -f "$row"; } >"$manifest.new"
  mv -f "$manifest.new" "$manifest"
  rm -f "$manifest.tried"
}
said=$(mktemp -d); trap 'rm -rf "$said"' EXIT
up() {
  rm -f "$said/well"
  [ -z "$again" ] || compose up -d --no-deps --force-recreate $again || return
  { compose up -d --wait --wait-timeout "$seconds" --remove-orphans && : >"$said/well"; } | tee "$said/out"
  [ -f "$said/well" ]
}
why() {
  at_fault=$(ours '{{.Label "com.docker.compose.service"}}|{{.State}}|{{.Status}}' |
    awk -F '|' '$2 != "running" || /unhealthy|health: starting/ { print $1 "|" $3; exit }')
  service=${at_fault%%|*}
  if [ -z "$service" ]; then
    echo "Compose could not start it: $(tail -n 1 "$said/out" | one_line)"
    return
  fi
  one=$(compose ps -aq "$service" | grep -x '[0-9a-f]*' | head -n 1)
  words=$($docker logs --tail 5 "$one" 2>&1 | one_line)
  text='{{if .State.Health}}{{range .State.Health.Log}}{{.Output}}{{"\n"}}{{end}}{{end}}'
  check=$($docker inspect -f "$text" "$one" 2>/dev/null | grep . | tail -n 1 | one_line)
  echo "the service $service: ${at_fault#*|}${words:+; its log ends: $words}${check:+; its health check says: $check}"
}
"""

_DEPLOY = r"""
if up; then record; exit 0; fi
why=$(why)
[ -f "$previous/manifest" ] || give_up "$why; there is none before it to go back to"
exchange
rm -rf "$previous"
for place in $places; do rm -rf "$place.previous"; done
again=
if up; then record; give_up "$why; went back to the one before, which runs"; fi
give_up "$why; went back to the one before, which does not come up either"
"""


def deploy(
    name: str,
    files: Mapping[str, tuple[str, int]],
    secrets: Sequence[str],
    *,
    seconds: int,
    platform: str = "",
    persist: bool = False,
    again: Sequence[str] = (),
) -> str:
    """Bring a stack up with these files (content and mode), and go back to what was there if it does not get healthy.

    The secrets come over stdin, base64 in a line each. ``seconds`` is how long health may take, ``again`` are services to
    be created anew first, and ``platform`` is what images are pulled for when that is not Docker's own choice.
    """
    return "\n".join(
        (
            *_head(name, platform, persist),
            f"seconds={seconds}",
            f"again={quote(words(*again))}",
            f'mkdir -p -m 0755 {FOLDER} "$folder"',
            'fresh=$secrets.new; rm -rf "$new" "$fresh" "$folder/.back"; mkdir -m 0755 "$new" "$new/.old"',
            *(_put(path, content, mode) for path, (content, mode) in files.items()),
            f"printf 'file %s\\n' {words(*files)} >\"$new/manifest\"",
            *_secret_lines(secrets),
            _CHECK + _MOVE + _SWAP + _EXCHANGE + _UP + _DEPLOY,
        )
    )


def remove(name: str) -> str:
    """Stop a stack and take its containers, networks, files and secrets away. Volumes stay, and files that are not ours."""
    return "\n".join(
        (
            *_head(name, "", persist=False),
            'compose down --remove-orphans || give_up "Compose could not take it down; the whole output is in the log"',
            'for list in "$manifest" "$manifest.tried"; do',
            '  [ ! -f "$list" ] || sed -n \'s/^file //p\' "$list" | while IFS= read -r file; do rm -f "$folder/$file"; done',
            "done",
            'rm -rf "$manifest" "$manifest.tried" "$previous" "$new"',
            f'for place in {SECRETS}/$name "$folder/.secrets"; do rm -rf "$place" "$place.new" "$place.previous"; done',
            'find "$folder" -depth -type d -empty -delete',
        )
    )


def _head(name: str, platform: str, persist: bool) -> tuple[str, ...]:
    return (
        f"name={quote(name)}; platform={quote(platform)}; folder={FOLDER}/$name; manifest=$folder/{MANIFEST}",
        'secrets="$folder/.secrets"' if persist else f"secrets={SECRETS}/$name",
        _COMMON,
    )


def _put(path: str, content: str, mode: int) -> str:
    folder = f'mkdir -p "$(dirname "$new"/{quote(path)})"; ' if "/" in path else ""
    return f'{folder}printf %s {quote(content)} >"$new"/{quote(path)}; chmod {mode:04o} "$new"/{quote(path)}'


def _secret_lines(names: Sequence[str]) -> tuple[str, ...]:
    """Readable to all in a folder that only root enters: a container sees the file as it is, whatever its user."""
    if not names:
        return ()
    return (
        f'mkdir -p -m 0700 {SECRETS}; mkdir -m 0700 "$fresh"',
        *(f'IFS= read -r line; printf %s "$line" | base64 -d >"$fresh"/{quote(name)}' for name in names),
        *(f'echo "secret $secrets"/{quote(name)} >>"$new/manifest"' for name in names),
        'line=; chmod 0444 "$fresh"/*',
    )
