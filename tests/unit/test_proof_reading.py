"""What docker said -> a Proof, or the reason and the remedy."""

from __future__ import annotations

import pytest

from fleet.proof import Proof, ProofFailed, read_proof
from fleet.proof.symptoms import STAGES

LINE = "Hello from fleet: a container runs on linux/arm64"
GOOD = f"user=pi\nclient=28.5.2\nserver=28.5.2\ncompose=5.5.1\nsaid={LINE}\n"


def _failed(stage: str, said: str, code: int = 1) -> ProofFailed:
    found = read_proof(f"user=pi\n{said}\nfailed={stage}\ncode={code}\n", 1)
    assert isinstance(found, ProofFailed)
    return found


def test_good() -> None:
    """All values in their places, and one line for people."""
    proof = read_proof(GOOD, 0)
    assert proof == Proof("pi", "28.5.2", "28.5.2", "5.5.1", LINE)
    assert str(proof) == "pi ran a container: Docker 28.5.2, Compose 5.5.1, linux/arm64"


def test_compose_is_left_out_when_not_asked_for() -> None:
    """Without Compose the proof holds, and its line does not speak of it."""
    proof = read_proof(GOOD.replace("compose=5.5.1\n", ""), 0)
    assert isinstance(proof, Proof)
    assert "compose" not in str(proof)


@pytest.mark.parametrize("text", ["", GOOD.replace("said=", "laid="), GOOD.replace("server=", "servant="), GOOD + "failed=run\n"])
def test_exit_code_0_is_not_enough(text: str) -> None:
    """Exit code 0 without the versions and the container's line, or with a failed stage, is no proof."""
    assert isinstance(read_proof(text, 0), ProofFailed)


def test_a_code_that_is_not_0_is_enough() -> None:
    """All the right lines with an exit code are no proof: something went wrong after them."""
    assert isinstance(read_proof(GOOD, 1), ProofFailed)


@pytest.mark.parametrize(
    ("stage", "code", "said", "why", "hint"),
    [
        (
            "server",
            1,
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
            'Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.45/version": dial unix /var/run/docker.sock: connect: permission denied',
            "pi may not talk to the Docker daemon",
            "sudo usermod -aG docker pi), then log in again",
        ),
        (
            "server",
            1,
            "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
            "pi may not talk to the Docker daemon",
            "log in again",
        ),
        (
            "server",
            1,
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "daemon does not answer",
            "journalctl -u docker",
        ),
        (
            "server",
            1,
            "failed to connect to the docker API at unix:///var/run/docker.sock; "
            "check if the path is correct and if the daemon is running: "
            "dial unix /var/run/docker.sock: connect: no such file or directory",
            "daemon does not answer",
            "systemctl restart docker",
        ),
        (
            "server",
            1,
            "Error response from daemon: client version 1.24 is too old. Minimum supported API version is 1.44, "
            "please upgrade your client to a newer version",
            "too far apart",
            "docker-ce-cli",
        ),
        ("client", 127, "", "pi has no docker command", "step `engine`"),
        (
            "compose",
            1,
            "docker: unknown command: docker compose\n\nRun 'docker --help' for more information",
            "Compose plugin",
            "compose",
        ),
        (
            "compose",
            1,
            "docker: 'compose' is not a docker command.\nSee 'docker --help'",
            "Compose plugin",
            "docker-compose-plugin",
        ),
        (
            "compose",
            1,
            "docker: unknown command: docker compose\n"
            "compose: failed to fetch metadata: fork/exec /home/pi/.docker/cli-plugins/docker-compose: exec format error",
            "another architecture",
            "cli-plugins",
        ),
        (
            "compose",
            1,
            "WARNING: Error loading config file: open /home/pi/.docker/config.json: permission denied\n"
            "docker: unknown command: docker compose",
            "may not read the settings",
            "chown -R pi: ~pi/.docker",
        ),
        ("compose", 132, "", "newer processor", "ARMv7"),
        ("run", 132, "Illegal instruction", "newer processor", "uname -m"),
        ("run", 1, "exec /hello: exec format error", "another architecture", "dpkg --print-architecture"),
        (
            "run",
            125,
            "docker: Error response from daemon: image with reference fleet-proof:x was found but does not provide the specified "
            "platform (linux/arm64).",
            "another architecture",
            "dpkg --print-architecture",
        ),
        (
            "run",
            127,
            "docker: Error response from daemon: AppArmor enabled on system but the docker-default profile could not be loaded: "
            "running '/usr/sbin/apparmor_parser' failed with output: exit status 1",
            "AppArmor",
            "apt-get install apparmor",
        ),
        (
            "run",
            128,
            "docker: Error response from daemon: failed to create task for container: failed to create shim task: "
            "OCI runtime create failed: runc create failed: unable to start container process: "
            "unable to apply cgroup configuration: mkdir /sys/fs/cgroup/memory/docker: read-only file system: unknown.",
            "control groups",
            "Reboot",
        ),
        (
            "run",
            125,
            "docker: Error response from daemon: failed to set up container networking: "
            "driver failed programming external connectivity",
            "firewall",
            "systemctl restart docker",
        ),
        (
            "run",
            125,
            "docker: Error response from daemon: (iptables failed: iptables --wait -t nat -A DOCKER: "
            "iptables: No chain/target/match by that name.",
            "firewall",
            "systemctl restart docker",
        ),
        (
            "run",
            127,
            "docker: Error response from daemon: failed to create task for container: failed to create shim task: "
            "OCI runtime create failed: unable to retrieve OCI runtime error (open /run/containerd/log.json: "
            'no such file or directory): exec: "runc": executable file not found in $PATH\n'
            "Run 'docker run --help' for more information",
            "runc",
            "--reinstall containerd.io",
        ),
        ("load", 1, "write /layer.tar: no space left on device", "disk is full", "df -h /var/lib/docker"),
        (
            "load",
            1,
            "Error processing tar file(exit status 1): write /hello: no space left on device",
            "disk is full",
            "df -h /var/lib/docker",
        ),
        ("run", 124, "", "within its time", "try again"),
        ("load", 137, "", "within its time", "try again"),
        ("removal", 1, "Error response from daemon: conflict", "could not be removed", "docker image ls fleet-proof"),
    ],
)
def test_known_texts(stage: str, code: int, said: str, why: str, hint: str) -> None:
    """Each text that docker is known to say leads to its reason, in words, and to what can be done."""
    found = _failed(stage, said, code)
    assert (found.stage, found.user) == (stage, "pi")
    assert why in found.why
    assert hint in found.hint
    assert "USER" not in found.why + found.hint


@pytest.mark.parametrize("stage", STAGES)
def test_unknown_texts_are_told_as_they_are(stage: str) -> None:
    """What nobody foresaw is reported in docker's own words, after the stage, with something to do next."""
    found = _failed(stage, "some trouble\nthe last word")
    assert found.why.endswith(": the last word")
    assert found.hint


def test_the_user_that_is_not_there() -> None:
    """A user whom the host does not know is named."""
    found = read_proof("user=dora\nfailed=user\ncode=1\n", 1)
    assert isinstance(found, ProofFailed)
    assert found.why == "There is no user dora on this host"


def test_wrong_line() -> None:
    """A container that prints something else is no proof, and what it printed is told."""
    assert "'Hello from Docker!'" in _failed("output", "said=Hello from Docker!", 0).why


def test_a_long_line_keeps_its_end() -> None:
    """Of a line too long for a table, where it began and what went wrong at its end stay."""
    why = _failed("run", "docker: Error response from daemon: " + "runc create failed: " * 50 + "the reason").why
    assert "docker: Error response from daemon: " in why
    assert why.endswith("the reason")
    assert len(why) < 400


def test_a_script_that_was_cut_off() -> None:
    """Without any word of the script there still is a sentence and a hint."""
    found = read_proof("Segmentation fault\n", 139)
    assert isinstance(found, ProofFailed)
    assert (found.stage, found.why) == ("script", "The proof of the user ended before it was done: Segmentation fault")


def test_warnings() -> None:
    """An endpoint elsewhere and docker's own warnings don't spoil a proof; each is told once."""
    config = "WARNING: Error loading config file: /home/pi/.docker/config.json: permission denied\n"
    proof = read_proof("user=pi\nelsewhere=far (tcp://192.0.2.1:2375)\n" + config + config + GOOD, 0)
    assert isinstance(proof, Proof)
    assert len(proof.warnings) == 2
    assert "pi's docker talks to far (tcp://192.0.2.1:2375)" in proof.warnings[0]
    assert "permission denied" in proof.warnings[1]


def test_hostile_output() -> None:
    """Escape sequences and endless lines don't get through to the screen, and a stray code is no crash."""
    found = read_proof("user=pi\n\x1b[31m" + "x" * 100_000 + "\nfailed=run\ncode=many\n", 1)
    assert isinstance(found, ProofFailed)
    assert "\x1b" not in found.why
    assert len(found.why) < 400
