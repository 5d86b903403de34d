"""The script of the proof, run for real with a docker that only plays its part: what it asks, and what it cleans up."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fleet.proof import PLATFORMS, SECONDS, Proof, ProofFailed, for_user, proof_script, read_proof
from fleet.proof.image import archive, line

DOCKER = r"""#!/bin/sh
printf '%s|%s|%s\n' "$*" "$DOCKER_HOST" "$DOCKER_CONTEXT" >> "$PLAY/calls"
if [ "$1 $2" = "$FAIL" ] || [ "$1" = "$FAIL" ]; then echo "no $FAIL today" >&2; exit 9; fi
case "$1 $2" in
    'context inspect') echo "${ENDPOINT:-default (unix:///var/run/docker.sock)}" ;;
    'version --format') printf 'client=28.5.2\nserver=28.5.1\n' ;;
    'compose version') echo 'Docker Compose version v5.5.1' ;;
    'load '*) cat > "$PLAY/loaded"; echo 'Loaded image: fleet-proof' ;;
    'run --rm') [ -z "$SLOW" ] || sleep 30; cat "$PLAY/line" ;;
esac
"""


class Stage:
    """A folder with a docker that notes how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "docker").write_text(DOCKER)
        (folder / "docker").chmod(0o755)
        (folder / "line").write_text(line("linux/arm64") + "\n")
        self.environment = {"PATH": f"{folder}:{os.environ['PATH']}", "PLAY": str(folder), "HOME": str(folder)}

    def start(self, script: str, shell: str = "sh", **environment: str) -> subprocess.Popen[str]:
        """Start the script in a process group of its own, the way a host's wrapper does."""
        return subprocess.Popen(
            [shell, "-c", '( eval "$1" )', "sh", script],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, shell: str = "sh", **environment: str) -> tuple[Proof | ProofFailed, str]:
        """Run it and read it; nothing may go to stderr."""
        process = self.start(script, shell, **environment)
        out, err = process.communicate(timeout=60)
        assert err == ""
        return read_proof(out, process.returncode), out

    @property
    def calls(self) -> list[str]:
        """The words of each call, without the environment."""
        return [call.split("|")[0] for call in self._lines]

    @property
    def endpoints(self) -> set[tuple[str, str]]:
        """DOCKER_HOST and DOCKER_CONTEXT of all calls which may reach a daemon."""
        return {(call.split("|")[1], call.split("|")[2]) for call in self._lines if not call.startswith("context")}

    @property
    def _lines(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def _script(*, compose: bool = True) -> str:
    return proof_script(platform="linux/arm64", compose=compose, tag="t1")


REMOVALS = ["rm -f fleet-proof-t1", "image rm fleet-proof:t1"]


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_good(stage: Stage, shell: str) -> None:
    """In any shell: versions, Compose, the archive loaded, one container without rights or network, the image removed."""
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    proof, _ = stage.run(_script(), shell)
    user = pwd.getpwuid(os.getuid()).pw_name
    assert proof == Proof(user, "28.5.2", "28.5.1", "5.5.1", line("linux/arm64"))
    assert (stage.folder / "loaded").read_bytes() == archive("linux/arm64", "t1")
    assert stage.calls[-3:] == [
        "load",
        "run --rm --name fleet-proof-t1 --pull never --platform linux/arm64 "
        "--network none --read-only --cap-drop ALL fleet-proof:t1",
        "image rm fleet-proof:t1",
    ]


def test_compose_only_when_asked(stage: Stage) -> None:
    """Without Compose in the recipe nothing asks for it."""
    proof, _ = stage.run(_script(compose=False))
    assert isinstance(proof, Proof)
    assert not [call for call in stage.calls if call.startswith("compose")]


@pytest.mark.parametrize(
    ("fail", "failed", "cleaned"),
    [("version", "server", []), ("compose", "compose", []), ("load", "load", REMOVALS), ("run", "run", REMOVALS)],
)
def test_failures_name_their_stage_and_clean_up(stage: Stage, fail: str, failed: str, cleaned: list[str]) -> None:
    """What fails is named, with docker's own words; what may be there is removed, and only then is docker asked to."""
    found, out = stage.run(_script(), FAIL=fail)
    assert isinstance(found, ProofFailed)
    assert found.stage == failed
    assert f"no {fail} today" in found.why
    assert "code=9\n" in out
    assert [call for call in stage.calls if "rm" in call.split()[:2]] == cleaned


def test_wrong_line(stage: Stage) -> None:
    """A container that prints another line fails, and the image is removed all the same."""
    (stage.folder / "line").write_text("Hello from Docker!\n")
    found, _ = stage.run(_script())
    assert isinstance(found, ProofFailed)
    assert found.stage == "output"
    assert stage.calls[-2:] == REMOVALS


def test_removal_that_fails_is_told(stage: Stage) -> None:
    """An image that can't be removed is no success."""
    found, _ = stage.run(_script(), FAIL="image rm")
    assert isinstance(found, ProofFailed)
    assert found.stage == "removal"


def test_no_docker(stage: Stage) -> None:
    """Without a docker command the stage is `client`, and nothing else is tried."""
    (stage.folder / "docker").unlink()
    bare = stage.folder / "bin"
    bare.mkdir()
    for tool in ("sh", "id"):
        (bare / tool).symlink_to(shutil.which(tool) or "")
    found, _ = stage.run(_script(), PATH=str(bare))
    assert isinstance(found, ProofFailed)
    assert found.stage == "client"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_told_to_stop_it_cleans_up_at_once(stage: Stage, number: signal.Signals) -> None:
    """While the container runs, a signal to the process group ends the script within seconds, and nothing is left."""
    process = stage.start(_script(), SLOW="yes")
    deadline = time.monotonic() + 20
    while not any(call.startswith("run") for call in stage.calls) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, number)
    process.communicate(timeout=15)
    assert process.returncode != 0
    assert stage.calls[-2:] == REMOVALS


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"ENDPOINT": "far (tcp://192.0.2.1:2375)"}, "far (tcp://192.0.2.1:2375)"),
        ({"ENDPOINT": "default (ssh://pi@192.0.2.1)", "DOCKER_HOST": "ssh://pi@192.0.2.1"}, "default (ssh://pi@192.0.2.1)"),
        ({"FAIL": "context", "DOCKER_CONTEXT": "gone"}, "gone"),
    ],
)
def test_another_endpoint_is_told_and_not_followed(stage: Stage, environment: dict[str, str], told: str) -> None:
    """Wherever the user's docker leads, the proof is made against this host's own socket, with a warning."""
    proof, _ = stage.run(_script(), **environment)
    assert isinstance(proof, Proof)
    assert any(told in warning for warning in proof.warnings)
    assert stage.endpoints == {("unix:///var/run/docker.sock", "")}


def test_each_call_is_bounded() -> None:
    """No docker call without a time limit, and all of them together stay below the limit that callers are told to set."""
    script = _script()
    calls = re.findall(r"(?:limit (\d+) )?\bdocker (?:context|version|compose|info|load|run|rm|image)\b", script)
    assert len(calls) == 9
    assert all(calls)
    assert sum(int(seconds) + 5 for seconds in calls) <= SECONDS


@pytest.mark.parametrize("platform", PLATFORMS)
def test_script_is_small_enough_for_an_argument(platform: str) -> None:
    """With its image in it, the script fits many times into one argument of a command (128 KiB on Linux)."""
    assert len(for_user(proof_script(platform=platform, compose=True), "pi")) < 8192


@pytest.mark.parametrize("tag", ["A", "a b", "a;b", "-a", "a\n", "x" * 64])
def test_tags_that_cant_be(tag: str) -> None:
    """A tag that docker would refuse, or that is more than a word, is refused before any host sees it."""
    with pytest.raises(ValueError, match="tag"):
        proof_script(platform="linux/amd64", compose=False, tag=tag)


@pytest.mark.parametrize("user", ["it's", "x; touch CANARY", "$(touch CANARY)", "-l", "a b", ""])
def test_a_user_is_data(user: str, tmp_path: Path) -> None:
    """Whatever the name says, it is looked up and not run."""
    done = subprocess.run(["sh", "-c", for_user("touch CANARY", user)], cwd=tmp_path, capture_output=True, text=True)
    assert list(tmp_path.iterdir()) == []
    found = read_proof(done.stdout, done.returncode)
    assert isinstance(found, ProofFailed)
    assert found.stage == "user"


def test_a_user_name_of_two_lines_is_refused() -> None:
    """A line break in a name would forge a line of the script's answer."""
    with pytest.raises(ValueError, match="line break"):
        for_user("true", "pi\nserver=1")


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("runuser"), reason="becoming another user takes root and runuser")
def test_as_another_user() -> None:
    """The script runs as that user, with that user's home and nothing of root's environment; its words arrive unharmed."""
    script = 'id -un; id -Gn; echo "$HOME it\'s ${DOCKER_HOST-unset} $USER"; pwd; exit 7'
    done = subprocess.run(
        ["sh", "-c", for_user(script, "daemon")], env=os.environ | {"DOCKER_HOST": "x"}, capture_output=True, text=True
    )
    home = pwd.getpwnam("daemon").pw_dir
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.splitlines() == ["daemon", "daemon", f"{home} it's unset daemon", "/"]
