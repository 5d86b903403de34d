"""Build an image with the laptop's own `docker buildx`, into an archive.

Context and archive go by stdin and stdout, so that it is all the same where the builder runs (docs.docker.com/reference/cli/
docker/buildx/build, "-" for the context, dest=-). The driver `docker` writes no archive while images are in its classic store:
then the image is loaded under a name of our own, saved, and let go again.
"""

from __future__ import annotations

import secrets
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from fleet.errors import RemoteError

Say = Callable[[str], None]

_PASSING = "fleet-build"
_EMULATE = "To emulate that platform here: docker run --privileged --rm tonistiigi/binfmt --install all"


def build(
    tag: str, platform: str, options: Sequence[str], context: Path, archive: Path, *, exports: bool, say: Say, timeout: float
) -> None:
    """Build ``context`` (a tar) for one platform. Raises RemoteError in the builder's words. ``timeout`` is in seconds."""
    words = ["docker", "buildx", "build", "--progress=plain", "--provenance=false", "--sbom=false", f"--platform={platform}"]
    words += options
    if exports:
        _run([*words, f"--tag={tag}", "--output=type=oci,dest=-", "-"], context, archive, say, timeout)
        return
    passing = f"{_PASSING}:{secrets.token_hex(8)}"
    try:
        _run([*words, f"--tag={passing}", "--load", "-"], context, None, say, timeout)
        image = _ask("image", "inspect", "--format", "{{.Id}}", passing)
        _run(["docker", "save", image], None, archive, say, timeout)
    finally:
        subprocess.run(["docker", "rmi", passing], capture_output=True, check=False)


def _run(words: Sequence[str], source: Path | None, target: Path | None, say: Say, timeout: float) -> None:
    """From a file, into a file; what goes to stderr is told line by line."""
    with (
        open(source or "/dev/null", "rb") as stdin,
        open(target or "/dev/null", "wb") as stdout,
        subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE) as process,
    ):
        patience = threading.Timer(timeout, process.terminate)  # docker tells its plugin buildx to end, too
        patience.start()
        said = _told(process.stderr, say)
        code = process.wait()
        late = not patience.is_alive()
        patience.cancel()
    if code:
        raise _failed(words, f"it took longer than {timeout:.0f} s" if late else _last(said, code), said)


def _failed(words: Sequence[str], why: str, said: Sequence[str]) -> RemoteError:
    hint = _EMULATE if any("exec format error" in line for line in said) else "The whole output is in the log."
    return RemoteError(f"{' '.join(words[:3])} on this machine: {why}", hint)


def _last(said: Sequence[str], code: int) -> str:
    """What tells why: buildx's own ERROR line, if there is one."""
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    return (errors or list(said) or [f"exit code {code}"])[-1]


def _told(stderr: IO[bytes] | None, say: Say) -> list[str]:
    said: list[str] = []
    for raw in stderr or ():
        line = raw.decode("utf-8", "replace").rstrip()
        if line:
            said.append(line)
            say(line)
    return said


def _ask(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RemoteError(f"docker {words[0]} on this machine: {done.stderr.strip()}", "Is Docker at work here? (docker info)")
    return done.stdout.strip()
