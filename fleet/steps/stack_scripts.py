"""What is run on a host to bring a stack up, back, or away: the parts of `stack_shell`, with the words of one stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleet.facts.stacks import FOLDER, MANIFEST, SECRETS
from fleet.shell import quote, words
from fleet.steps import stack_shell as parts


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
            f"seconds={seconds}; again={quote(words(*again))}; quiet=",
            f'mkdir -p -m 0755 {FOLDER} "$folder"',
            'fresh=$secrets.new; rm -rf "$new" "$fresh" "$folder/.back"; mkdir -m 0755 "$new" "$new/.old"',
            *(_put(path, content, mode) for path, (content, mode) in files.items()),
            f"printf 'file %s\\n' {words(*files)} >\"$new/manifest\"",
            *_secret_lines(secrets),
            *(parts.CHECK, parts.MOVE, parts.SWAP, parts.EXCHANGE, parts.UP, parts.DEPLOY),
        )
    )


def rollback(name: str, *, seconds: int, platform: str = "") -> str:
    """Bring back what a stack was before its last change, as far as that was good; what is now is kept in its place.

    Prints ``fleet since SECONDS`` of the Unix epoch and ``fleet differs FILE`` for each file that is otherwise by then.
    """
    text = (parts.MOVE, parts.EXCHANGE, parts.UP, parts.ROLLBACK)
    return "\n".join((*_head(name, platform, persist=False), f"seconds={seconds}", *text))


def remove(name: str) -> str:
    """Stop a stack and take its containers, networks, files and secrets away. Volumes stay, and files that are not ours."""
    return "\n".join(
        (
            *_head(name, "", persist=False),
            'compose down --remove-orphans || give_up "Compose could not take it down; the whole output is in the log"',
            'for list in "$manifest" "$manifest.tried"; do',
            '  [ ! -f "$list" ] || sed -n \'s/^file //p\' "$list" | while IFS= read -r file; do rm -f "$folder/$file"; done',
            "done",
            'rm -rf "$manifest" "$manifest.tried" "$previous" "$older" "$folder/.back" "$new"',
            'for place in $places; do rm -rf "$place" "$place.new" "$place.previous" "$place.older" "$place.back"; done',
            'find "$folder" -depth -type d -empty -delete',
        )
    )


def _head(name: str, platform: str, persist: bool) -> tuple[str, ...]:
    return (
        f"name={quote(name)}; platform={quote(platform)}; folder={FOLDER}/$name; manifest=$folder/{MANIFEST}",
        'secrets="$folder/.secrets"' if persist else f"secrets={SECRETS}/$name",
        parts.COMMON,
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
