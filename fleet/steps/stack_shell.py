"""The parts of the scripts that bring stacks up, back and away. Nothing here is specific to one stack.

All of a stack's files are beside each other in one folder, which is its project folder for good, since relative volumes
are in it too. New files are tried by `docker compose config` beside it before they take the place of the old ones. Those
are kept, with their secrets, until they are replaced by others that worked: one can go back to them.
"""

from __future__ import annotations

from fleet.facts.stacks import BACK, SECRETS

COMMON = rf"""
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
new=$folder/.new; previous=$folder/.previous; older=$folder/.older; at=$folder
places="{SECRETS}/$name $folder/.secrets"
exec 9>/run/fleet.stacks.lock
flock -w 600 9 || give_up 'another fleet has been deploying stacks here for ten minutes'
"""

CHECK = r"""
at=$new
refused=$(compose config -q) || { rm -rf "$new" "$fresh"; give_up "Compose refuses it: $(printf '%s' "$refused" | tail -n 1)"; }
at=$folder
"""

# The list of files decides what is ours: a folder of data beside them belongs to the containers. Running containers hold
# on to the files that they were started with, so nothing is written over.
MOVE = r"""
move() {  # the files of the manifest $1, from folder $2 to folder $3
  sed -n 's/^file //p' "$1" | while IFS= read -r file; do
    [ ! -e "$2/$file" ] || { mkdir -p "$(dirname "$3/$file")"; mv -f "$2/$file" "$3/$file"; }
  done
}
put() { rm -rf "$2"; [ ! -e "$1" ] || mv -f "$1" "$2"; }  # the folder $1, if there is one, in place of $2
"""

SWAP = r"""
if [ -f "$manifest" ]; then
  put "$previous" "$older"; mkdir "$previous"
  move "$manifest" "$folder" "$previous"
  mv -f "$manifest" "$previous/manifest"
  for place in $places; do put "$place.previous" "$place.older"; put "$place" "$place.previous"; done
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
EXCHANGE = rf"""
exchange() {{  # what is in place and what was before
  was=$manifest; [ -f "$was" ] || was=$manifest.tried
  mkdir "$folder/.back"
  move "$was" "$folder" "$folder/.back"; mv -f "$was" "$folder/.back/manifest"
  move "$previous/manifest" "$previous" "$folder"; mv -f "$previous/manifest" "$manifest.tried"
  rm -rf "$previous"; mv -f "$folder/.back" "$previous"
  for place in $places; do
    put "$place" "$place.back"; put "$place.previous" "$place"; put "$place.back" "$place.previous"
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
differing() {{  # files that are otherwise than in the one before
  {{
    sed -n 's/^file //p' "$1" "$previous/manifest" | sort -u | while IFS= read -r file; do
      cmp -s "$folder/$file" "$previous/$file" || echo "$file"
    done
    [ "$(ran "$1" | cut -d ' ' -f 1,4)" = "$(ran "$previous/manifest" | cut -d ' ' -f 1,4)" ] || echo {BACK}
  }} | sort -u
}}
only_older() {{  # the one before is no good, or the same: the one before that is kept
  put "$older" "$previous"
  for place in $places; do put "$place.older" "$place.previous"; done
}}
drop_older() {{ rm -rf "$older"; for place in $places; do rm -rf "$place.older"; done; }}
"""

UP = r"""
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
  words= check=
  if [ -z "$quiet" ]; then
    words=$($docker logs --tail 5 "$one" 2>&1 | one_line)
    text='{{if .State.Health}}{{range .State.Health.Log}}{{.Output}}{{"\n"}}{{end}}{{end}}'
    check=$($docker inspect -f "$text" "$one" 2>/dev/null | grep . | tail -n 1 | one_line)
  fi
  echo "the service $service: ${at_fault#*|}${words:+; its log ends: $words}${check:+; its health check says: $check}"
}
"""

DEPLOY = r"""
if up; then
  record
  if [ -f "$previous/manifest" ] && [ -z "$(differing "$manifest")" ]; then only_older; else drop_older; fi
  case $secrets in /run/*) rm -rf "$folder/.secrets.previous" ;; esac  # those that were to be on no disk any more
  exit 0
fi
why=$(why)
[ -f "$previous/manifest" ] || give_up "$why; there is none before it to go back to"
exchange
only_older
again=
if up; then record; give_up "$why; went back to the one before, which runs"; fi
give_up "$why; went back to the one before, which does not come up either"
"""

# What the laptop does not know can't be masked by it, so that the containers' own words stay on the host.
ROLLBACK = r"""
quiet=1 again=
[ -f "$previous/manifest" ] || give_up 'no good one before the present one is kept here'
gone=$(ran "$previous/manifest" | while read -r service hash state id image; do
  case $image in *@*) continue ;; esac
  [ -n "$(id_of "$id")" ] || echo "the image $image of $service, as it was then, is not on this host any more"
done)
[ -z "$gone" ] || give_up "$(printf '%s\n' "$gone" | head -n 1)"
secrets_of() { sed -n 's/^secret //p' "$1"; }
lost=$(secrets_of "$previous/manifest" | while IFS= read -r file; do
  [ -e "${file%/*}.previous/${file##*/}" ] || [ -e "$file" ] || echo "its secret ${file##*/} is gone, as after a reboot"
done)
[ -z "$lost" ] || give_up "$(printf '%s\n' "$lost" | head -n 1)"
was_well=; [ ! -f "$manifest" ] || was_well=1
since=$(stat -c %Y "$previous/manifest")
exchange
secrets_of "$manifest.tried" | while IFS= read -r file; do
  [ -e "$file" ] || { mkdir -p -m 0700 "${file%/*}"; cp -p "${file%/*}.previous/${file##*/}" "$file"; }
done
if up; then
  record
  echo "fleet since $since"
  differing "$manifest" | sed 's/^/fleet differs /'
  [ -n "$was_well" ] || { rm -rf "$previous"; for place in $places; do rm -rf "$place.previous"; done; }
  exit 0
fi
why=$(why)
exchange
if up && [ -n "$was_well" ]; then record; fi
give_up "$why; left it as it was"
"""
